import io
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import torch

from models import LSTM, LanguageModel
from utils.vocabulary import Vocabulary

PROJECT = Path(__file__).parent.parent
SIZES = ("--embedding-size", 16, "--hidden-size", 24)
SMALL = (*SIZES, "--data", "few.txt", "--epochs", 2, "--device", "cpu")
torch.set_num_threads(1)  # models this small are faster so
# Few enough to learn by heart, and no two with the same beginning.
SAYINGS = [
    "The early bird catches the worm.",
    "Do you know why the sea is so loud?",
    "Never look a gift horse in the mouth!",
    "When the cat sleeps, the mice dance on Monday.",
    "My grandmother and I bake bread in Rīga, slowly.",
    "Ģimene šķērsoja ceļu.",
]


@pytest.fixture
def model_and_vocabulary():
    """A small model of random weights, the same every time."""
    torch.manual_seed(0)
    vocabulary = Vocabulary(f"w{i}" for i in range(8))
    model = LanguageModel(LSTM, len(vocabulary), 6, 9).eval()
    torch.nn.init.normal_(model.embedding.weight)
    return model, vocabulary


def few_sentences(folder: Path) -> None:
    """few.txt, the first sentences of the corpus."""
    sentences = (PROJECT / "data" / "sentences.txt").read_text(encoding="utf-8").splitlines()
    (folder / "few.txt").write_text("\n".join(sentences[:400]), encoding="utf-8")


def run_here(folder: Path, name: str, *options: object, typed: str | bytes = "") -> CompletedProcess[str]:
    """Runs a script in this process, in a folder, and gives back what came of it: no seconds to load torch."""
    typed = typed.encode("utf-8") if isinstance(typed, str) else typed
    said = {"stdout": io.BytesIO(), "stderr": io.BytesIO()}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", [name, *map(str, options)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(typed))))
        for stream, content in said.items():
            patch.setattr(sys, stream, io.TextIOWrapper(content, write_through=True))
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(PROJECT / name), run_name="__main__")
        output, errors = (content.getvalue().decode("utf-8").replace(os.linesep, "\n") for content in said.values())
    return CompletedProcess(sys.argv, caught.value.code, output, errors)


def run_apart(
    folder: Path, name: str, *options: object, typed: str | bytes = "", environment=os.environ
) -> CompletedProcess[str]:
    """Runs a script in a process of its own, as a person would: for what only shows there."""
    result = subprocess.run(
        [sys.executable, str(PROJECT / name), *map(str, options)],
        cwd=folder,
        input=typed.encode("utf-8") if isinstance(typed, str) else typed,
        capture_output=True,
        env={**environment, "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=600,
    )
    result.stdout, result.stderr = result.stdout.decode("utf-8"), result.stderr.decode("utf-8")
    return result


@pytest.fixture
def script():
    return run_here


@pytest.fixture
def script_apart():
    return run_apart


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Callable[[str], Path]:
    """Gives the checkpoint of a small model by its name; each is trained once, by its script, for all tests."""
    folder = tmp_path_factory.mktemp("trained")
    few_sentences(folder)

    def checkpoint(name: str) -> Path:
        path = folder / "results" / f"{name}.pt"
        if not path.exists():
            script = [f"train_{name}.py"] if name in ("rnn", "gru") else ["train_lstm.py", "--model", name]
            assert run_here(folder, *script, *SMALL).returncode == 0
        return path

    return checkpoint
