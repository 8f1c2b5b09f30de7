"""The figures of a training: kept while it runs, written as CSV, read again for the comparisons."""

import csv
import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from utils.errors import UserError
from utils.files import write_whole


@dataclass(frozen=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        epoch: its number, from 1.
        step: optimiser steps done by its end, since the start of training.
        train_loss: mean course loss over the training targets, with dropout, while the weights still changed.
        test_loss: mean course loss over the test targets, at the epoch's end.
        perplexity: exp of the plain cross-entropy on the test targets.
        accuracy: share of test targets that were the likeliest word, 0 to 1.
        seconds: time of training, the testing not counted.
        words_per_second: training targets by seconds.
    """

    epoch: int
    step: int
    train_loss: float
    test_loss: float
    perplexity: float
    accuracy: float
    seconds: float
    words_per_second: float


TITLES = {
    "rnn": "Hand-written vanilla RNN",
    "gru": "Hand-written GRU",
    "lstm": "Hand-written LSTM",
    "torch_lstm": "Builtin torch.nn.LSTM",
    "mogrifier_lstm": "Hand-written Mogrifier LSTM",
    "phased_lstm": "Hand-written Phased LSTM",
    "slstm": "Hand-written sLSTM",
    "attention_lstm": "Hand-written LSTM with attention",
}
FIGURES = [f.name for f in dataclasses.fields(Epoch) if f.name not in ("epoch", "step")]
COLUMNS = ["epoch", "step", "step_loss", *FIGURES]


def title_of(name: str) -> str:
    """A cell's name in full."""
    return TITLES.get(name, name)


def in_figures(perplexity: float) -> str:
    """A perplexity in 10 characters at most, however large: 36.10, 1.00e+13."""
    return f"{perplexity:.2f}" if perplexity < 1e7 else f"{perplexity:.2e}"


@dataclass
class History:
    """A training so far.

    Attributes:
        name: of the cell, and of the files: rnn, gru, lstm, torch_lstm, …
        about: data and main options, in a few words.
        parameters: how many numbers training changes.
        steps_per_epoch: optimiser steps in an epoch.
        step_losses: the course's loss of every optimiser step.
        epochs: the figures of every whole epoch.
        interrupted: whether Ctrl-C ended it early.
        saved_epoch: the epoch whose weights are in its file; 0 before there are any.
        written: whether its last CSV file and picture could be written.
    """

    name: str
    about: str
    parameters: int
    steps_per_epoch: int
    step_losses: list[float] = field(default_factory=list)
    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False
    saved_epoch: int = 0
    written: bool = True

    @property
    def best(self) -> Epoch:
        """The epoch of lowest test loss."""
        return min(self.epochs, key=lambda epoch: epoch.test_loss)

    def rows(self) -> list[dict[str, object]]:
        """One row a step; the last step of an epoch also holds the epoch's figures."""
        rows = [
            {"epoch": (step - 1) // self.steps_per_epoch + 1, "step": step, "step_loss": f"{loss:.6f}"}
            for step, loss in enumerate(self.step_losses, 1)
        ]
        for epoch in self.epochs:
            rows[epoch.step - 1] |= {name: f"{getattr(epoch, name):.6f}" for name in FIGURES}
        return rows

    def write_csv(self, path: Path) -> None:
        """Writes `rows` with a head of column names."""
        write_rows(path, COLUMNS, self.rows())


def write_rows(path: Path, columns: list[str], rows: list[dict[str, object]]) -> None:
    """Writes a CSV file of these columns, whole or not at all."""

    def write(temporary: Path) -> None:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)

    write_whole(path, write)


def read_epochs(path: Path) -> list[Epoch]:
    """The epochs in a CSV file that `History.write_csv` wrote.

    Raises:
        UserError: the file is missing or is another kind of file.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["test_loss"]]
        return [Epoch(int(row["epoch"]), int(row["step"]), *(float(row[name]) for name in FIGURES)) for row in rows]
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}; train that model first") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise UserError(f"{path}: not the CSV file of a training") from None
