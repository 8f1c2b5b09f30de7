"""The Mogrifier LSTM, by hand."""

import math

import torch
from torch import Tensor, nn

from models.lstm import LSTM


class MogrifierLSTM(LSTM):
    """Mogrifier LSTM (Melis, Kočiský & Blunsom 2020, "Mogrifier LSTM", arXiv 1909.01792).

    Before the LSTM's step, its input and its hidden state gate one another, `rounds` times in turn:

        x = 2σ(Q h) ⊙ x                   in the rounds 1, 3, …
        h = 2σ(R x) ⊙ h                   in the rounds 2, 4, …

    The same word then enters differently in another context. Each round has a matrix of its own: Q is
    (input_size, hidden_size), R is (hidden_size, input_size). If they are zero, an LSTM is left, as 2σ(0) = 1.

    Args:
        input_size: number of features of an input x.
        hidden_size: number of features of the hidden state h.
        rounds: how often one gates the other, 0 or more.

    Shapes, and how to call it: see `RecurrentLayer`.
    """

    def __init__(self, input_size: int, hidden_size: int, rounds: int = 2):
        super().__init__(input_size, hidden_size)
        bound = 1 / math.sqrt(hidden_size)
        Q_shape, R_shape = (input_size, hidden_size), (hidden_size, input_size)
        self.QR = nn.ParameterList(
            torch.empty(R_shape if n % 2 else Q_shape).uniform_(-bound, bound) for n in range(rounds)
        )

    def project(self, x: Tensor) -> Tensor:
        """The raw input, since what enters W depends on the hidden state and has to wait for it."""
        return x

    def mogrify(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """Input (batch, input_size) and hidden state (batch, hidden_size), each gated by the other."""
        for n, matrix in enumerate(self.QR):
            if n % 2 == 0:
                x = 2 * torch.sigmoid(h @ matrix.t()) * x
            else:
                h = 2 * torch.sigmoid(x @ matrix.t()) * h
        return x, h

    def gates(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, h = self.mogrify(x, h)
        return super().gates(super().project(x), h, c)
