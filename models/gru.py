"""The gated recurrent unit, by hand."""

import torch
from torch import Tensor

from models.recurrent import RecurrentLayer, State


class GRU(RecurrentLayer):
    """Gated recurrent unit (Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder").

    Written as in Chung et al. 2014, "Empirical Evaluation of Gated Recurrent Neural Networks":

        z, r = σ(W x + U h + b)           update and reset gate
        h̃ = tanh(W x + U (r ⊙ h) + b)     candidate
        h = (1 − z) ⊙ h + z ⊙ h̃           hidden state

    x is the input, the h on the right the hidden state before. W, U and b hold the rows of z, r and h̃, in this
    order. Cho et al. and torch.nn.GRU call 1 − z what is called z here. torch.nn.GRU also resets after the product:
    r ⊙ (U h).

    Shapes, and how to call it: see `RecurrentLayer`.
    """

    blocks = 3
    gate_names = ("z", "r", "h̃")

    def gates(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        n = self.hidden_size
        x_zr, x_h = x.split([2 * n, n], dim=1)
        U_zr, U_h = self.U.split([2 * n, n])
        z, r = torch.sigmoid(torch.addmm(x_zr, h, U_zr.t())).chunk(2, dim=1)
        h_new = torch.tanh(torch.addmm(x_h, r * h, U_h.t()))
        return z, r, h_new

    def step(self, x: Tensor, h: Tensor) -> State:
        z, r, h_new = self.gates(x, h)
        h = torch.lerp(h, h_new, z)  # (1 − z) ⊙ h + z ⊙ h̃ in one operation
        return (h,)
