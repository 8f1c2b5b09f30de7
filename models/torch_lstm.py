"""The builtin LSTM of torch, behind the same call as the hand-written one."""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from models.lstm import LSTM
from models.recurrent import State


class TorchLSTM(nn.Module):
    """torch.nn.LSTM with one bias a gate, to set beside the hand-written `LSTM`.

    torch.nn.LSTM adds two biases, bias_ih and bias_hh, where the equations have one. Here bias_hh is zero and
    stays so; both LSTMs then have the same parameters, and the same training curves.

    Args, call and shapes: as `RecurrentLayer`.
    """

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.lstm = nn.LSTM(input_size, hidden_size, batch_first=True)
        nn.init.zeros_(self.lstm.bias_hh_l0).requires_grad_(False)
        nn.init.zeros_(self.lstm.bias_ih_l0)
        nn.init.ones_(self.lstm.bias_ih_l0.data[hidden_size:2 * hidden_size])

    @classmethod
    def like(cls, layer: LSTM) -> "TorchLSTM":
        """A torch.nn.LSTM with a copy of the weights of a hand-written one, on its device and of its dtype."""
        copy = cls(layer.input_size, layer.hidden_size).to(layer.U)
        with torch.no_grad():
            copy.lstm.weight_ih_l0.copy_(layer.W)
            copy.lstm.weight_hh_l0.copy_(layer.U)
            copy.lstm.bias_ih_l0.copy_(layer.b)
        return copy

    def forward(self, sentences: PackedSequence, state: State | None = None) -> tuple[PackedSequence, State]:
        if state is not None:
            state = tuple(s.unsqueeze(0) for s in state)
        output, state = self.lstm(sentences, state)
        return output, tuple(s.squeeze(0) for s in state)
