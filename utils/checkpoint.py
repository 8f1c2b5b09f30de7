"""A trained model in one file: weights, vocabulary, options and history."""

import dataclasses
import pickle
import warnings
from argparse import Namespace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from models import CELLS, LanguageModel
from utils.errors import UserError
from utils.files import write_whole
from utils.history import Epoch, History
from utils.vocabulary import Vocabulary

FORMAT = "word-level language model"
VERSION = 1
SIZES = ("embedding_size", "hidden_size", "layers", "dropout")


class Checkpoint(NamedTuple):
    """What `load` gives back: the model ready to predict, and how it came to be."""

    model: LanguageModel
    vocabulary: Vocabulary
    history: History
    options: dict[str, Any]


def build(cell: str, vocabulary: Vocabulary, options: Namespace) -> LanguageModel:
    """A new model of the cell of this name (a key of `models.CELLS`), sized and placed as the options say."""
    sizes = (getattr(options, name) for name in SIZES)
    return LanguageModel(CELLS[cell], len(vocabulary), *sizes).to(options.device)


def save(path: Path, model: LanguageModel, vocabulary: Vocabulary, history: History, options: Namespace) -> None:
    """Writes a checkpoint, whole or not at all.

    Raises:
        UserError: it can't be written.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        "weights": model.state_dict(),
        "vocabulary": vocabulary.words[2:],
        "history": dataclasses.asdict(history),
        "options": {k: v if isinstance(v, int | float) else str(v) for k, v in vars(options).items()},
    }
    write_whole(path, lambda temporary: torch.save(content, temporary))


def load(path: Path, device: torch.device) -> Checkpoint:
    """Reads a checkpoint. Only numbers, texts and tensors are unpickled: a file can't run code here.

    Raises:
        UserError: the file is missing, broken, or not a checkpoint of this project and version.
    """
    broken = UserError(f"{path}: not a checkpoint of this project, or a damaged one; train a model again")
    misread = (RuntimeError, ValueError, KeyError, TypeError, AttributeError, IndexError)  # whatever is in the file
    try:
        with warnings.catch_warnings():  # what torch has to say of foreign files is said below
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; train a model first: python train_lstm.py") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    except (pickle.UnpicklingError, EOFError, *misread):
        raise broken from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise broken
    if content.get("version") != VERSION:
        raise UserError(f"{path}: of format {content.get('version')}, and this program reads {VERSION}; train again")
    try:
        history = History(**content["history"])
        history.epochs = [Epoch(**epoch) for epoch in history.epochs]
        vocabulary = Vocabulary(content["vocabulary"])
        options = content["options"]
        model = build(history.name, vocabulary, Namespace(**options | {"device": device}))
        model.load_state_dict(content["weights"])
    except misread:
        raise broken from None
    return Checkpoint(model.eval(), vocabulary, history, options)
