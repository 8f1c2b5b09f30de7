"""The sLSTM of xLSTM, by hand."""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.lstm import LSTM
from models.recurrent import State


class SLSTM(LSTM):
    """sLSTM (Beck et al. 2024, "xLSTM: Extended Long Short-Term Memory", arXiv 2405.04517).

    An LSTM whose input gate is exponential, without an upper limit: what comes late can outweigh all that was
    remembered. So that the hidden state stays bounded, a normaliser n adds up the gates as c adds up what they let
    through, and c / n is a weighted mean.

        log i = W x + U h + b             input gate, exponential
        log f = log σ(W x + U h + b)      forget gate
        z = tanh(W x + U h + b)           candidate
        o = σ(W x + U h + b)              output gate
        m = max(log f + m̂, log i)         stabiliser; m̂ is the one before
        i′ = exp(log i − m)               both gates as multiples of exp(m): 1 at most
        f′ = exp(log f + m̂ − m)
        c = f′ ⊙ c + i′ ⊙ z               cell state
        n = f′ ⊙ n + i′                   normaliser
        h = o ⊙ c / n                     hidden state

    x is the input; h, c and n on the right are the states before. The stabiliser changes no h, as it cancels
    in c / n; it only keeps exp from overflowing. One of i′ and f′ is always 1, so n is never less than 1.

    W, U and b hold the rows of i, f, z and o, in this order. Shapes, and how to call it: see `RecurrentLayer`.
    """

    gate_names = ("i′", "f′", "z", "o", "m")  # the new m comes with them, since i′ and f′ are multiples of it
    state_names = ("h", "c", "n", "m")

    def first_state(self, x: Tensor) -> State:
        """Zeros, but m is −∞: nothing is remembered, so the first i′ is 1 and the first f′ is 0, however small i is."""
        h, c, n, m = super().first_state(x)
        return h, c, n, torch.full_like(m, -torch.inf)

    def gates(
        self, x: Tensor, h: Tensor, c: Tensor, n: Tensor, m: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        log_i, f, z, o = (x + h @ self.U.t()).chunk(4, dim=1)
        log_f = F.logsigmoid(f)
        m_new = torch.maximum(log_f + m, log_i).detach()  # h doesn't depend on m, nor does its gradient
        return torch.exp(log_i - m_new), torch.exp(log_f + m - m_new), torch.tanh(z), torch.sigmoid(o), m_new

    def step(self, x: Tensor, h: Tensor, c: Tensor, n: Tensor, m: Tensor) -> State:
        i, f, z, o, m = self.gates(x, h, c, n, m)
        c = f * c + i * z
        n = f * n + i
        h = o * c / n
        return h, c, n, m
