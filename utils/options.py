"""The options of the scripts, checked before anything long begins."""

import argparse
import math
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile

from utils.errors import first_line, loading

DATA = Path(__file__).parent.parent / "data" / "sentences.txt"


class Formatter(argparse.ArgumentDefaultsHelpFormatter):
    """Shows the default of each option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        return action.help if action.default is None or action.default is False else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, exit code 2."""

    def __init__(self, about: str):
        super().__init__(description=about, formatter_class=Formatter, allow_abbrev=False)

    def error(self, message: str):
        sys.stderr.write(f"{self.prog}: {message} (--help shows all options)\n")
        sys.exit(2)


def number(kind: type, low: float, high: float = math.inf, open_low: bool = False) -> Callable[[str], float]:
    """A type for an option: int or float, low ≤ value < high, or low < value < high where open_low."""
    what = {int: "a whole number", float: "a number"}[kind]
    bounds = f"{'above' if open_low else 'of'} {low}{'' if open_low else ' or more'}"
    bounds += "" if high == math.inf else f" and below {high}"

    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (low < value < high or (value == low and not open_low)):
            raise argparse.ArgumentTypeError(f"{text!r} isn't {what} {bounds}")
        return value

    return parse


def device(text: str):
    """A type for an option: the torch.device of this name; auto is a CUDA GPU, or the CPU where none can be used."""
    with loading():  # here, since it takes seconds: --help and a wrong option answer at once
        import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch has to say of a GPU that is too old is said below
        name = text
        if text == "auto":
            name = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            ones = torch.ones(2, 2, device=name)
            (ones @ ones).sum().item()  # only now does a GPU fail that is too old for this torch, or full
            return torch.device(name)
        except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
            if text != "auto":
                raise argparse.ArgumentTypeError(f"torch can't use {text!r}: {first_line(error)}; try cpu") from None
            print(f"the GPU can't be used: {first_line(error)}; going on with the CPU", file=sys.stderr)
            return torch.device("cpu")


def folder(text: str) -> Path:
    """A type for an option: a folder that can be written to; it is made if it is missing."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path):
            return path
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text!r} can't be written to: {error.strerror}") from None


def add_seed_and_device(parser: Parser) -> None:
    """Options that all scripts have."""
    parser.add_argument("--seed", type=number(int, 0, 2**63), default=0, help="of all that is drawn at random")
    parser.add_argument("--device", type=device, default="auto", help="auto, cpu, cuda, …")


def add_data(parser: Parser) -> None:
    """Options of the sentences to train on."""
    parser.add_argument("--data", type=Path, default=DATA, help="file of sentences: text, JSON, CSV, …")
    parser.add_argument("--field", metavar="NAME", help="field of JSON, or column of a table (or its number), to read")


def training_parser(about: str, **defaults: float) -> Parser:
    """The options shared by the training scripts; `defaults` are those that a cell wants otherwise."""
    parser = Parser(about)
    whole = number(int, 1, 1_000_001)
    add_data(parser)
    parser.add_argument("--epochs", type=whole, default=4, help="rounds through the training sentences")
    parser.add_argument("--batch-size", type=whole, default=64, help="sentences a step")
    parser.add_argument("--learning-rate", type=number(float, 0, open_low=True), default=1.6e-2, help="at its peak")
    parser.add_argument("--embedding-size", type=whole, default=160, help="features of a word")
    parser.add_argument("--hidden-size", type=whole, default=256, help="features of a hidden state")
    parser.add_argument("--layers", type=whole, default=1, help="recurrent layers, one above the other")
    parser.add_argument("--dropout", type=number(float, 0, 1), default=0.02, help="share dropped in training")
    parser.add_argument("--min-count", type=whole, default=3, help="words seen less often become [ANY]")
    parser.add_argument("--max-length", type=number(int, 2), default=20, help="longer sentences are cut, in tokens")
    parser.add_argument("--limit", type=whole, help="use the first so many sentences only, for a quick look")
    parser.add_argument("--results", type=folder, default="results", help="folder for what is written")
    parser.add_argument("--show", action="store_true", help="open the loss plot in a window at the end")
    add_seed_and_device(parser)
    parser.set_defaults(**defaults)
    return parser
