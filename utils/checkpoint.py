"""A trained model in one file: weights, vocabulary, options and history."""

import dataclasses
import warnings
from argparse import Namespace
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import torch

from models import CELLS, LanguageModel
from utils.errors import UserError
from utils.files import write_whole
from utils.history import Epoch, History
from utils.vocabulary import Vocabulary

PROJECT = "word-level language model"
FORMAT = f"{PROJECT}, format 1"
SIZES = ("embedding_size", "hidden_size", "layers", "dropout")


class Checkpoint(NamedTuple):
    """What `load_checkpoint` gives back: the model ready to predict, and how it came to be."""

    model: LanguageModel
    vocabulary: Vocabulary
    history: History


def save_checkpoint(
    path: Path, model: LanguageModel, vocabulary: Vocabulary, history: History, options: Namespace
) -> None:
    """Writes a checkpoint, whole or not at all.

    Raises:
        UserError: it can't be written.
    """
    content = {
        "format": FORMAT,
        "weights": model.state_dict(),
        "vocabulary": vocabulary.words[2:],
        "history": dataclasses.asdict(history),
        "options": {k: v if isinstance(v, int | float) else str(v) for k, v in vars(options).items()},
    }

    def write(temporary: Path) -> None:
        file = BytesIO()  # torch itself, where it can't write to a disk, doesn't say why
        torch.save(content, file)
        temporary.write_bytes(file.getbuffer())

    write_whole(path, write)


def load_checkpoint(path: Path, device: torch.device) -> Checkpoint:
    """Reads a checkpoint. Only numbers, texts and tensors are unpickled: a file can't run code here.

    Raises:
        UserError: the file is missing, broken, or not a checkpoint of this project and version.
    """
    broken = UserError(f"{path}: not a checkpoint of this project, or a damaged one; train a model again")
    try:
        with warnings.catch_warnings():  # what torch has to say of foreign files is said below
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; train a model first: python train_lstm.py") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    except Exception:  # bytes of any kind make torch.load raise errors of any kind
        raise broken from None
    kind = content.get("format") if isinstance(content, dict) else None
    if not isinstance(kind, str) or not kind.startswith(PROJECT):
        raise broken
    if kind != FORMAT:
        raise UserError(f"{path}: of another version of this program ({kind}); train a model again")
    try:
        history = History(**content["history"])
        history.epochs = [Epoch(**epoch) for epoch in history.epochs]
        if not all(isinstance(figure, int | float) for figure in dataclasses.astuple(history.best)):
            raise broken
        vocabulary = Vocabulary(content["vocabulary"])
        options = content["options"]
        model = LanguageModel(CELLS[history.name], len(vocabulary), *(options[name] for name in SIZES))
        model.load_state_dict(content["weights"])
    except Exception:  # and a file that was made by hand may hold anything
        raise broken from None
    return Checkpoint(model.to(device).eval(), vocabulary, history)
