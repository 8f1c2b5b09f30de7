"""Completing sentences with a model whose probabilities are known, in this process."""

import io
import os
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch

import rollout
from models import RNN, LanguageModel
from utils.checkpoint import save_checkpoint
from utils.history import Epoch, History
from utils.vocabulary import Vocabulary

# What may follow each word. The likeliest first step, "cat", leads on to many endings; "dog" to one, which is
# likelier in the end: greedy choice and a beam differ.
NEXT = {
    "the": {"cat": 0.3, "dog": 0.2, "[END]": 0.5},  # but a beginning goes on: 0.6 and 0.4 are left
    "cat": {"sleeps": 0.4, "hides": 0.35, "[END]": 0.25},
    "dog": {"barks": 0.9, "sleeps": 0.1},
    "sleeps": {"[END]": 0.8, "often": 0.2},
    "hides": {"often": 0.7, "[END]": 0.3},
    "barks": {"[END]": 0.9, "often": 0.1},
    "often": {"[END]": 1.0},
}


def save(path: Path, follows: dict[str, dict[str, float]]) -> None:
    """A model that has learned just these probabilities, with weights set by hand: it looks one word back.

    Embedding and W are unit matrices and U is zero, so the hidden state shows which word was read last; the column
    of the projection that belongs to this word holds the logarithms of what may follow.
    """
    vocabulary = Vocabulary(follows)
    size = len(vocabulary)
    options = Namespace(embedding_size=size, hidden_size=size, layers=1, dropout=0.0)
    model = LanguageModel(RNN, size, size, size)
    [layer] = model.layers
    with torch.no_grad():
        model.embedding.weight.copy_(torch.eye(size))
        layer.W.copy_(torch.eye(size))
        layer.U.zero_()
        model.projection.bias.zero_()
        model.projection.weight.fill_(-30)
        for word, probabilities in follows.items():
            for following, p in probabilities.items():
                place = vocabulary.words.index(following), vocabulary.words.index(word)
                model.projection.weight[place] = torch.tensor(p).log() / torch.tensor(1.0).tanh()
    history = History("rnn", "", model.count_parameters(), 1, [1.0], [Epoch(1, 1, 1.0, 1.0, 3.0, 0.5, 1.0, 1.0)])
    save_checkpoint(path, model, vocabulary, history, options)


@pytest.fixture
def complete(tmp_path, monkeypatch, capsys):
    """Completes piped beginnings as `python rollout.py` does: gives back the lines of stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(typed: str, *options: object) -> tuple[list[str], list[str]]:
        monkeypatch.setattr(sys, "argv", ["rollout.py", *map(str, options)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(typed.encode()))))
        rollout.main()
        out, err = capsys.readouterr()
        return out.splitlines(), err.splitlines()

    return run


def test_alternatives_stand_beside_the_word_that_was_chosen(tmp_path, complete):
    save(tmp_path / "rnn.pt", NEXT)
    out, err = complete("the\n", "--checkpoint", "rnn.pt", "--alternatives", 2, "--beam", 1)
    assert out == ["The cat sleeps."]
    assert err[1:] == [
        "    chosen         likeliest there",
        "    cat            cat 60.0%  dog 40.0%",
        "    sleeps         sleeps 40.0%  hides 35.0%",
        "    [END]          [END] 80.0%  often 20.0%",
    ]


def test_alternatives_of_an_ending_that_is_cut(tmp_path, complete):
    save(tmp_path / "rnn.pt", NEXT)
    options = ("--alternatives", 1, "--beam", 1, "--max-words", 1)
    out, err = complete("often the\n", "--checkpoint", "rnn.pt", *options)
    assert out == ["Often the cat …"]
    assert err[1:] == ["    chosen         likeliest there", "    cat            cat 60.0%"]


def test_a_beam_finds_what_greedy_choice_misses(tmp_path, complete):
    save(tmp_path / "rnn.pt", NEXT)
    for options, best in (("--beam", 1), "cat sleeps"), (("--beam", 2), "dog barks"), ((), "dog barks"):
        found, _ = complete("the\n\nhides\n", "--checkpoint", "rnn.pt", *options)
        assert found == [f"The {best}.", "", "Hides often."]


def test_a_beam_of_two_drops_what_one_of_three_keeps(tmp_path, complete):
    """After "a", "d" is third, and the only one whose ending is sure."""
    sure = {"[END]": 1.0}
    many = {f"x{i}": 0.1 for i in range(10)}
    follows = {"a": {"b": 0.4, "c": 0.35, "d": 0.25}, "b": many, "c": many, "d": sure, **dict.fromkeys(many, sure)}
    save(tmp_path / "rnn.pt", follows)
    assert complete("a\n", "--checkpoint", "rnn.pt", "--beam", 3)[0] == ["A d."]
    [found] = complete("a\n", "--checkpoint", "rnn.pt", "--beam", 2)[0]
    assert found.startswith("A b x")


@pytest.mark.parametrize("newest", ["gru", "rnn"])
def test_the_newest_model_is_taken(tmp_path, complete, newest):
    for age, name in enumerate(sorted(("gru", "rnn"), key=lambda name: name != newest)):
        path = tmp_path / "results" / f"{name}.pt"
        save(path, {"the": {name: 1.0}, name: {"[END]": 1.0}})
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    out, err = complete("the\n")
    assert out == [f"The {newest}."]
    assert err[0].startswith(str(Path("results", f"{newest}.pt")))
