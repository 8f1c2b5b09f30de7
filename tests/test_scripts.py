"""The scripts from end to end, run as a person runs them."""

import csv
import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from select import select

import pytest
import torch
from conftest import PROJECT, SIZES, SMALL, few_sentences

from utils.checkpoint import load_checkpoint
from utils.dataset import batches, load_data
from utils.history import read_epochs
from utils.loss import WeightedCrossEntropy
from utils.training import evaluate

TIMES = ("seconds", "words_per_second")
BEGINNINGS = "The best way\n\nmy mother, Blorb\nWhen it rains\n"


@pytest.fixture(autouse=True)
def data(tmp_path):
    few_sentences(tmp_path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("name", "apart"), [("rnn", False), ("gru", True)])
def test_train_and_roll_out(tmp_path, script, script_apart, name, apart):
    """Once in processes of their own, as a person would."""
    script = script_apart if apart else script
    trained = script(tmp_path, f"train_{name}.py", *SMALL)
    assert trained.returncode == 0, trained.stderr
    assert "best so far" in trained.stdout
    assert f"next: python rollout.py --checkpoint {Path('results', name)}.pt" in trained.stdout
    assert max(map(len, trained.stdout.splitlines())) <= 80
    results = tmp_path / "results"
    assert sorted(path.name for path in results.iterdir()) == [f"{name}.csv", f"{name}.png", f"{name}.pt"]
    epochs = read_epochs(results / f"{name}.csv")
    stored = load_checkpoint(results / f"{name}.pt", torch.device("cpu")).history.epochs
    assert 1 <= len(stored) <= len(epochs) == 2  # up to the best one
    for ours, theirs in zip(epochs, stored, strict=False):
        assert dataclasses.astuple(ours) == pytest.approx(dataclasses.astuple(theirs), abs=1e-6)
    rows = rows_of(results / f"{name}.csv")
    assert len(rows) == 2 * 6  # 360 sentences in batches of 64
    assert [bool(row["test_loss"]) for row in rows] == ([False] * 5 + [True]) * 2
    assert (results / f"{name}.png").read_bytes().startswith(b"\x89PNG")

    assert trained.stderr == ""  # no progress bar where it isn't a terminal
    rolled = script(tmp_path, "rollout.py", typed=BEGINNINGS)
    assert rolled.returncode == 0, rolled.stderr
    first, blank, second, third = rolled.stdout.splitlines()
    assert first.startswith("The best way")
    assert blank == ""
    assert second.startswith("My mother, Blorb")
    assert third.startswith("When it rains")
    assert "Blorb" in rolled.stderr
    assert "[ANY]" not in rolled.stdout


def test_both_lstms_train_alike(tmp_path, script):
    trained = script(tmp_path, "train_lstm.py", *SMALL)
    assert trained.returncode == 0, trained.stderr
    results = tmp_path / "results"
    by_hand, builtin = (read_epochs(results / f"{name}.csv") for name in ("lstm", "torch_lstm"))
    for ours, theirs in zip(by_hand, builtin, strict=True):
        assert ours.test_loss == pytest.approx(theirs.test_loss, abs=1e-4)
        assert ours.train_loss == pytest.approx(theirs.train_loss, abs=1e-4)
    names = {f"{name}{suffix}" for name in ("lstm", "torch_lstm") for suffix in (".csv", ".png", ".pt")}
    assert {path.name for path in results.iterdir()} == names | {"comparison.csv", "comparison.png"}
    assert [row["model"] for row in rows_of(results / "comparison.csv")] == ["lstm"] * 2 + ["torch_lstm"] * 2
    assert "learns as well as torch.nn.LSTM" in trained.stdout
    assert max(map(len, trained.stdout.splitlines())) <= 80


@pytest.mark.parametrize("name", ["torch_lstm", "mogrifier_lstm", "phased_lstm", "slstm", "attention_lstm"])
def test_other_models_of_train_lstm(tmp_path, script, trained, name):
    options = ["--checkpoint", trained(name), "--alternatives", 3]
    if name != "torch_lstm":
        options += ["--plot", tmp_path / "cell.png"]
    rolled = script(tmp_path, "rollout.py", *options, typed="The best way\n")
    assert rolled.returncode == 0, rolled.stderr
    assert len(rolled.stdout.splitlines()) == 1
    assert "likeliest there" in rolled.stderr
    assert (tmp_path / "cell.png").exists() == (name != "torch_lstm")


def test_same_seed_same_figures_and_the_earlier_training_is_kept(tmp_path, script):
    tables, stored = [], []
    for _ in range(2):
        assert script(tmp_path, "train_lstm.py", "--model", "lstm", *SMALL, "--layers", 2).returncode == 0
        stored.append((tmp_path / "results" / "lstm.pt").read_bytes())
        tables.append(rows_of(tmp_path / "results" / "lstm.csv"))
    for row in (*tables[0], *tables[1]):
        for column in TIMES:
            del row[column]
    assert tables[0] == tables[1]
    [kept] = (tmp_path / "results" / "earlier").glob("lstm-*.pt")
    assert kept.read_bytes() == stored[0]


def test_the_checkpoint_is_of_the_best_epoch(tmp_path, script):
    # So high a rate for so few sentences that the test loss must rise in between.
    options = ("--epochs", 6, "--limit", 200, "--learning-rate", 0.3, "--batch-size", 8, "--min-count", 1)
    trained = script(tmp_path, "train_gru.py", *SMALL, *options)
    assert trained.returncode == 0, trained.stderr
    epochs = read_epochs(tmp_path / "results" / "gru.csv")
    lowest = min(epochs, key=lambda epoch: epoch.test_loss)
    assert lowest.epoch < len(epochs) == 6
    checkpoint = load_checkpoint(tmp_path / "results" / "gru.pt", torch.device("cpu"))
    assert checkpoint.history.best.epoch == len(checkpoint.history.epochs) == lowest.epoch
    data = load_data(Namespace(data=tmp_path / "few.txt", field=None, limit=200, seed=0, min_count=1, max_length=20))
    assert data.vocabulary.words == checkpoint.vocabulary.words
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary))
    test_loss, _, _ = evaluate(checkpoint.model, batches(data.test, 8), loss)
    assert test_loss == pytest.approx(lowest.test_loss, abs=1e-4)  # not of the file's history, but of its weights
    assert f"the weights of epoch {lowest.epoch}" in trained.stdout


def start_training(folder: Path) -> subprocess.Popen:
    command = [sys.executable, str(PROJECT / "train_gru.py"), *map(str, (*SMALL, "--epochs", 10_000))]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen) -> None:
    while not path.exists():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_ctrl_c_keeps_what_there_is(tmp_path):
    process = start_training(tmp_path)
    wait_for(tmp_path / "results" / "gru.png", process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=600)
    assert process.returncode == 130
    assert "stopped by Ctrl-C" in output
    assert "gru.pt" in output
    assert "Traceback" not in errors
    assert load_checkpoint(tmp_path / "results" / "gru.pt", torch.device("cpu")).history.epochs
    assert read_epochs(tmp_path / "results" / "gru.csv")
    assert sorted(path.suffix for path in (tmp_path / "results").iterdir()) == [".csv", ".png", ".pt"]


# Sends itself Ctrl-C when it comes to an import: that of a package, by name, or the n-th one.
INTERRUPTED = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & makes it ignored
place, count = sys.argv.pop(1), 0
def interrupt(event, details):
    global count
    if event == "import" and "utils.errors" in sys.modules:
        count += 1
        if place in (details[0], str(count)):
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(interrupt)
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""
PLACES = ["numpy", "matplotlib"]
MORE_PLACES = [pytest.param(str(count), marks=pytest.mark.long) for count in range(80, 1580, 50)]


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
@pytest.mark.parametrize("place", [*PLACES, *MORE_PLACES])
def test_ctrl_c_while_packages_load_is_quiet(tmp_path, place):
    command = [sys.executable, "-c", INTERRUPTED, place, PROJECT / "train_rnn.py", *SMALL]
    result = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, check=False)
    at_once = -signal.SIGINT  # the system itself ends it; Python would let packages catch its KeyboardInterrupt
    assert result.returncode == at_once or (result.returncode == 130 and place not in PLACES)
    assert result.stderr.strip() == ""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("kills", [2, pytest.param(50, marks=pytest.mark.long)])
def test_kill_leaves_whole_files(tmp_path, kills):
    results = tmp_path / "results"
    generator = random.Random(0)
    for _ in range(kills):
        process = start_training(tmp_path)
        while "best so far" not in process.stdout.readline():  # from here on it writes files all the time
            assert process.poll() is None, process.stderr.read()
        wait_for(results / "gru.png", process)
        time.sleep(generator.uniform(0, 0.5))
        process.kill()
        process.communicate()
        assert load_checkpoint(results / "gru.pt", torch.device("cpu")).history.epochs
        assert read_epochs(results / "gru.csv")


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to one process")
def test_two_trainings_in_one_folder(tmp_path):
    """The files of each epoch are one training's or the other's, and whole."""
    processes = [start_training(tmp_path) for _ in range(2)]
    for process in processes:
        for _ in range(30):
            while "best so far" not in process.stdout.readline():
                assert process.poll() is None, process.stderr.read()
    for process in processes:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=600)
        assert (process.returncode, errors) == (130, "")
    assert load_checkpoint(tmp_path / "results" / "gru.pt", torch.device("cpu")).history.epochs
    assert read_epochs(tmp_path / "results" / "gru.csv")
    assert not list((tmp_path / "results").glob(".*"))


def test_piped_completions_keep_their_order_at_any_number(tmp_path, script, trained):
    checkpoint = ("--checkpoint", trained("rnn"))
    lines = [f"The {word} of {number}" for number in range(300) for word in ("man", "sea", "day")]
    many = script(tmp_path, "rollout.py", *checkpoint, "--max-words", 4, typed="\n".join(lines))
    assert many.returncode == 0
    for line, sentence in zip(lines, many.stdout.splitlines(), strict=True):
        assert sentence.startswith(line)
    # Three different endings of one beginning.
    drawn = script(tmp_path, "rollout.py", *checkpoint, "--samples", 3, "--max-words", 4, typed="The sea\n").stdout
    assert len(set(drawn.splitlines())) == 3
    near = script(tmp_path, "rollout.py", *checkpoint, "--neighbours", "THE - a + my", "--plot", "map.png")
    assert near.returncode == 0
    assert len(near.stdout.splitlines()) == 12
    assert (tmp_path / "map.png").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
def test_a_reader_may_leave_early(tmp_path, trained):
    rollout = f"'{sys.executable}' '{PROJECT / 'rollout.py'}' --checkpoint '{trained('rnn')}' --beam 1 --max-words 2"
    command = f"yes 'The sea {'and the sea ' * 20}' | head -5000 | {rollout} | head -1"
    result = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert len(result.stdout.splitlines()) == 1
    assert "Traceback" not in result.stderr
    assert "Error" not in result.stderr


def test_latvian_in_a_locale_that_knows_none(tmp_path, script_apart):
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environment["PYTHONIOENCODING"] = "ascii"
    options = (*SIZES, "--epochs", 1, "--min-count", 1, "--data", PROJECT / "tests" / "latviski.txt")
    trained = script_apart(tmp_path, "train_rnn.py", *options, environment=environment)
    assert trained.returncode == 0, trained.stderr
    rolled = script_apart(tmp_path, "rollout.py", typed="ģimene šķērso, ēzelis\n", environment=environment)
    assert rolled.stdout.startswith("Ģimene šķērso, ēzelis")
    assert "ēzelis" in rolled.stderr


def read_until(terminal: int, process: subprocess.Popen, mark: str, shown: str = "") -> str:
    """What a terminal shows, up to a mark."""
    end = time.monotonic() + 600
    while mark not in shown:
        assert process.poll() is None, shown
        assert time.monotonic() < end, shown
        shown += read_now(terminal)
    return shown


def read_now(terminal: int) -> str:
    """What a terminal shows within a second, or nothing: a read alone would wait for as long as it is open."""
    return os.read(terminal, 10_000).decode("utf-8", "replace") if select([terminal], [], [], 1)[0] else ""


@pytest.mark.skipif(os.name == "nt", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("leaving", "code"), [(b"\x04", 0), (b"\x03", 130)])
def test_a_person_at_the_terminal(tmp_path, trained, leaving, code):
    import pty

    terminal, keyboard = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "rollout.py"), "--alternatives", "2", "--checkpoint", str(trained("rnn"))],
        cwd=tmp_path,
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's & makes it ignored
    )
    try:
        introduction = read_until(terminal, process, "> ")
        os.write(terminal, b"The sea is\n")
        answer = read_until(terminal, process, "> ")
        if leaving == b"\x03":
            # One that comes between the prompt and the waiting for a line may be lost: then nothing more is shown.
            process.send_signal(signal.SIGINT)
            while process.poll() is None and not select([terminal], [], [], 10)[0]:
                process.send_signal(signal.SIGINT)
        else:
            os.write(terminal, leaving)
        assert process.wait(timeout=600) == code
        shown = introduction + answer + read_now(terminal)
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
        os.close(terminal)
    assert "rnn.pt: Hand-written vanilla RNN" in introduction
    assert "Best epoch 2: test loss" in introduction
    assert "  The sea is" in answer
    assert "likeliest there" in answer
    assert "Traceback" not in shown


@pytest.mark.skipif(os.name == "nt", reason="POSIX limits")
@pytest.mark.parametrize("limit", [100, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 10, 50, 200, 400))])
def test_a_full_disk_keeps_the_old_model(tmp_path, limit):
    """No file may be larger than so many KiB; the weights take more than 1 MiB."""
    old = b"of an earlier training"
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "rnn.pt").write_bytes(old)
    options = " ".join(map(str, (*SMALL, "--epochs", 1, "--hidden-size", 600)))
    command = f"ulimit -f {limit}; trap '' XFSZ; '{sys.executable}' '{PROJECT / 'train_rnn.py'}' {options}"
    result = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert f"train_rnn.py: {Path('results', 'rnn.pt')}: can't be written: File too large" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "results" / "rnn.pt").read_bytes() == old
    left = {path.name for path in (tmp_path / "results").iterdir()}  # nothing half written, nor beside other weights
    assert left <= {"rnn.pt", "earlier", "rnn-unsaved.csv", "rnn-unsaved.png"}
