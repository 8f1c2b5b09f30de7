import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models import LSTM, LanguageModel
from utils.vocabulary import Vocabulary

PROJECT = Path(__file__).parent.parent
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


@pytest.fixture
def script():
    """Runs a script as a person would, in a folder, and gives back what came of it."""

    def run(folder: Path, name: str, *options: object, typed: str | bytes = "", environment=os.environ):
        typed = typed.encode("utf-8") if isinstance(typed, str) else typed
        result = subprocess.run(
            [sys.executable, str(PROJECT / name), *map(str, options)],
            cwd=folder,
            input=typed,
            capture_output=True,
            env={**environment, "OMP_NUM_THREADS": "1"},  # models this small are faster so
            check=False,
            timeout=170,
        )
        result.stdout, result.stderr = result.stdout.decode("utf-8"), result.stderr.decode("utf-8")
        return result

    return run
