"""The vanilla recurrent neural network, by hand."""

import torch
from torch import Tensor

from models.recurrent import RecurrentLayer, State


class RNN(RecurrentLayer):
    """Vanilla recurrent network (Elman 1990, "Finding Structure in Time").

        h = tanh(W x + U h + b)

    x is the input, the h on the right the hidden state before. There is no gate: the new hidden state replaces
    the old one whole, and its gradient shrinks or grows at every step.

    Shapes, and how to call it: see `RecurrentLayer`.
    """

    blocks = 1

    def step(self, x: Tensor, h: Tensor) -> State:
        h = torch.tanh(x + h @ self.U.t())
        return (h,)
