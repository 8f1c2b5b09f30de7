"""A person's mistakes: one clear line on stderr, exit code 2, no traceback, and nothing lost."""

import dataclasses
import errno
import os
import pickle
import runpy
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from conftest import PROJECT, SAYINGS

from models import LSTM, LanguageModel
from utils import checkpoint as checkpoints
from utils.errors import UserError
from utils.files import write_whole
from utils.history import Epoch, History, read_epochs
from utils.vocabulary import Vocabulary


@pytest.fixture
def fails(tmp_path, monkeypatch, capsys):
    """Runs a script in this process and expects it to fail as a person's mistake; gives back its one line."""

    def run(name: str, *options: object) -> str:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [name, *map(str, options)])
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(str(PROJECT / name), run_name="__main__")
        assert caught.value.code == 2
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"{name}: ")
        return line

    return run


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--epochs", "-3"),
        ("--epochs", "2.5"),
        ("--batch-size", "many"),
        ("--learning-rate", "0"),
        ("--learning-rate", "nan"),
        ("--learning-rate", "inf"),
        ("--embedding-size", "0"),
        ("--hidden-size", ""),
        ("--hidden-size", "1000001"),
        ("--layers", "-1"),
        ("--dropout", "1"),
        ("--dropout", "-0.1"),
        ("--dropout", "nan"),
        ("--min-count", "0"),
        ("--max-length", "1"),
        ("--limit", "0"),
        ("--seed", "-1"),
        ("--device", "toaster"),
        ("--model", "transformer"),
    ],
)
def test_wrong_values_name_their_option(fails, option, value):
    line = fails("train_lstm.py", option, value)
    assert option in line
    assert value in line


@pytest.mark.parametrize("option", ["--beam", "--top-k", "--samples", "--max-words", "--alternatives", "--temperature"])
@pytest.mark.parametrize("value", ["0", "-1", "x"])
def test_wrong_values_of_rollout(fails, option, value):
    assert option in fails("rollout.py", option, value)


def test_options_that_contradict_or_don_t_exist(fails):
    assert "--beam" in fails("rollout.py", "--beam", 3, "--temperature", 1)
    assert "--plot" in fails("rollout.py", "--plot", "cell.jpg")
    assert "--neighbours" in fails("rollout.py", "--neighbours", "sea", "--samples", 3)
    assert "--hiden-size" in fails("train_gru.py", "--hiden-size", 3)
    assert "--epochs" in fails("train_gru.py", "--epochs")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_cuda_asked_for_and_absent(fails):
    line = fails("train_rnn.py", "--device", "cuda")
    assert "'cuda'" in line
    assert "cpu" in line


def test_data_that_can_t_be_trained_on(fails, tmp_path):
    assert "missing.txt" in fails("train_rnn.py", "--data", "missing.txt")
    assert "folder" in fails("train_rnn.py", "--data", ".")
    (tmp_path / "few.txt").write_text("\n".join(SAYINGS), encoding="utf-8")
    line = fails("train_rnn.py", "--data", "few.txt")
    assert "few.txt" in line
    assert "6 sentences" in line
    assert not list((tmp_path / "results").glob("*"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read and write everything")
def test_no_permission(fails, tmp_path):
    (tmp_path / "secret.txt").write_text("one two three", encoding="utf-8")
    (tmp_path / "secret.txt").chmod(0)
    assert "Permission denied" in fails("train_rnn.py", "--data", "secret.txt")
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "Permission denied" in fails("train_rnn.py", "--results", "locked")


def test_results_where_a_file_is(fails, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    assert "taken" in fails("train_rnn.py", "--results", "taken")
    assert "taken" in fails("train_rnn.py", "--results", "taken/deeper")


def test_a_loss_that_breaks_stops_training_and_keeps_the_best(fails, tmp_path, capsys):
    sentences = (PROJECT / "data" / "sentences.txt").read_text(encoding="utf-8").splitlines()
    (tmp_path / "few.txt").write_text("\n".join(sentences[:300]), encoding="utf-8")
    few = ("--data", "few.txt", "--hidden-size", 8, "--embedding-size", 8)
    good = tmp_path / "results" / "rnn.pt"
    good.parent.mkdir()
    good.write_bytes(b"of an earlier training")
    line = fails("train_rnn.py", *few, "--learning-rate", 1e38, "--layers", 2)
    assert "--learning-rate" in line
    assert good.read_bytes() == b"of an earlier training"
    assert (tmp_path / "results" / "rnn-unsaved.csv").exists()


def test_too_large_for_any_memory(fails):
    assert "memory" in fails("train_rnn.py", "--hidden-size", 1_000_000, "--limit", 20)


def test_no_model_yet(fails):
    assert "train_lstm.py" in fails("rollout.py")
    assert "mine.pt" in fails("rollout.py", "--checkpoint", "mine.pt")


VOCABULARY = Vocabulary(["one", "two"])
OPTIONS = Namespace(
    embedding_size=3, hidden_size=4, layers=1, dropout=0.1, data=Path("a.txt"), device=torch.device("cpu")
)


HISTORY = {"name": "lstm", "about": "", "parameters": 1, "steps_per_epoch": 1, "epochs": []}


@pytest.fixture
def good(tmp_path):
    """A sound checkpoint."""
    torch.manual_seed(0)
    history = History("lstm", "about", 1, 2, [3.0, 2.0], [Epoch(1, 2, 2.5, 2.0, 7.0, 0.3, 1.0, 9.0)])
    path = tmp_path / "good.pt"
    checkpoints.save_checkpoint(path, LanguageModel(LSTM, 4, 3, 4), VOCABULARY, history, OPTIONS)
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows gives another reason")
def test_a_checkpoint_that_can_t_be_written_says_why(tmp_path):
    history = History("lstm", "about", 1, 2)
    with pytest.raises(UserError, match=os.strerror(errno.ENAMETOOLONG)):
        checkpoints.save_checkpoint(tmp_path / ("x" * 300), LanguageModel(LSTM, 4, 3, 4), VOCABULARY, history, OPTIONS)


def change(path: Path, **changes: object) -> Path:
    content = torch.load(path, weights_only=True)
    changed = path.with_name("changed.pt")
    torch.save({name: value for name, value in (content | changes).items() if value is not None}, changed)
    return changed


def test_checkpoint_comes_back_whole(good):
    torch.manual_seed(0)
    expected = LanguageModel(LSTM, 4, 3, 4).state_dict()
    model, vocabulary, history = checkpoints.load_checkpoint(good, torch.device("cpu"))
    assert model.state_dict().keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert vocabulary.words == VOCABULARY.words
    assert history.best.perplexity == 7.0
    assert history.step_losses == [3.0, 2.0]
    assert model.dropout.p == 0.1


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path("it-ran"),)


def test_checkpoints_that_are_none(fails, tmp_path, good):
    (tmp_path / "text.pt").write_text("The sea is cold.", encoding="utf-8")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "short.pt").write_bytes(good.read_bytes()[:1500])
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps({"format": "x"}))
    (tmp_path / "bomb.pt").write_bytes(pickle.dumps(Bomb()))
    torch.save({"format": checkpoints.FORMAT, "weights": Bomb()}, tmp_path / "zip-bomb.pt")
    torch.save({"state_dict": {"layer": torch.zeros(3)}}, tmp_path / "other.pt")
    torch.save([1, 2, 3], tmp_path / "list.pt")
    for name in ("text", "empty", "short", "pickle", "bomb", "zip-bomb", "other", "list"):
        line = fails("rollout.py", "--checkpoint", f"{name}.pt")
        assert f"{name}.pt" in line
        assert "not a checkpoint" in line
    assert not (tmp_path / "it-ran").exists()
    assert "can't be read" in fails("rollout.py", "--checkpoint", tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"vocabulary": ["one", "two", "three"]},
        {"vocabulary": None},
        {"vocabulary": 7},
        {"weights": {}},
        {"weights": None},
        {"history": {}},
        {"history": HISTORY},
        {"history": HISTORY | {"epochs": [dict.fromkeys((f.name for f in dataclasses.fields(Epoch)), "1")]}},
        {"format": torch.ones(2)},
        {"options": {}},
        {"options": {"embedding_size": -3, "hidden_size": 4, "layers": 1, "dropout": 0.1}},
        {"options": {"embedding_size": "3", "hidden_size": 4, "layers": 1, "dropout": 0.1}},
    ],
)
def test_checkpoints_with_a_part_missing_or_wrong(good, changes):
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoints.load_checkpoint(change(good, **changes), torch.device("cpu"))


def test_checkpoint_of_another_format(good):
    with pytest.raises(UserError, match="format 0"):
        checkpoints.load_checkpoint(change(good, format=checkpoints.FORMAT.replace("1", "0")), torch.device("cpu"))


def test_a_full_disk_leaves_the_old_file(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text("old", encoding="utf-8")

    def write(temporary: Path) -> None:
        temporary.write_text("half of the n", encoding="utf-8")
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left on device"):
        write_whole(path, write)
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["results.csv"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, ValueError])
def test_nothing_half_written_is_left_behind(tmp_path, error):
    def write(temporary: Path) -> None:
        temporary.write_text("half of the n", encoding="utf-8")
        raise error

    with pytest.raises(error):
        write_whole(tmp_path / "results.csv", write)
    assert not list(tmp_path.iterdir())


def test_csv_files_of_other_kinds(tmp_path):
    path = tmp_path / "other.csv"
    with pytest.raises(UserError, match="can't be read"):
        read_epochs(path)
    for text in ("a,b\n1,2\n", "epoch,test_loss\n1,x\n", "epoch,step,test_loss\nx,1,2\n"):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match="not the CSV file"):
            read_epochs(path)
