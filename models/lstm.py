"""The long short-term memory, by hand."""

import torch
from torch import Tensor, nn

from models.recurrent import RecurrentLayer, State


class LSTM(RecurrentLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000).

        i, f, o = σ(W x + U h + b)        input, forget and output gate
        g = tanh(W x + U h + b)           candidate
        c = f ⊙ c + i ⊙ g                 cell state
        h = o ⊙ tanh(c)                   hidden state

    x is the input, the h and c on the right the states before. W, U and b hold the rows of i, f, g and o, in
    this order, which is also that of torch.nn.LSTM.

    Shapes, and how to call it: see `RecurrentLayer`.
    """

    blocks = 4
    gate_names = ("i", "f", "g", "o")
    state_names = ("h", "c")

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        # With a forget gate that starts open, the cell state, and its gradient, last over many steps from the
        # first epoch on (Jozefowicz, Zaremba & Sutskever 2015).
        nn.init.ones_(self.b.data[hidden_size:2 * hidden_size])

    def gates(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        i, f, g, o = (x + h @ self.U.t()).chunk(4, dim=1)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)

    def step(self, x: Tensor, h: Tensor, c: Tensor) -> State:
        i, f, g, o = self.gates(x, h, c)
        c = f * c + i * g
        h = o * torch.tanh(c)
        return h, c
