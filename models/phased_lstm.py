"""The Phased LSTM, by hand."""

import math

import torch
from torch import Tensor, nn

from models.lstm import LSTM
from models.recurrent import State

LEAK = 1e-3  # α: how much a closed gate lets through in training, so that it can still learn


class PhasedLSTM(LSTM):
    """Phased LSTM (Neil, Pfeiffer & Liu 2016, "Phased LSTM", arXiv 1610.09513).

    Each unit has a clock: a time gate k, open during a part r of every period τ that begins at shift s. While it
    is shut the unit keeps its states.

        φ = ((t − s) mod τ) / τ           phase
        k = 2φ / r        if φ < r/2      time gate: opening
            2 − 2φ / r    if φ < r                   closing
            α φ           otherwise                  shut, but for a leak in training
        c̃ = f ⊙ c + i ⊙ g                 cell state and hidden state of the LSTM
        h̃ = o ⊙ tanh(c̃)
        c = k ⊙ c̃ + (1 − k) ⊙ c
        h = k ⊙ h̃ + (1 − k) ⊙ h

    Time t is the place of the word in its sentence: 0, 1, … It is carried along as a third state, (batch, 1).
    τ, s and r are learned, one of each a unit.

    Args, shapes, and how to call it: see `RecurrentLayer`.
    """

    gate_names = (*LSTM.gate_names, "k")
    state_names = (*LSTM.state_names, "t")

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__(input_size, hidden_size)
        # Periods of 1 to 20 words, as long as sentences are; τ > 0 and 0 < r < 1 by exp and σ. The paper starts with
        # r = 0.05, for inputs of which few matter; here r = σ(3) = 0.95, since every word does.
        self.log_tau = nn.Parameter(torch.empty(hidden_size).uniform_(0, math.log(20)))
        self.s = nn.Parameter(torch.rand(hidden_size) * self.log_tau.detach().exp())
        self.logit_r = nn.Parameter(torch.full((hidden_size,), 3.0))

    def first_state(self, x: Tensor) -> State:
        """Zeros: h and c (batch, hidden_size), t (batch, 1)."""
        h, c, _ = super().first_state(x)
        return h, c, x.new_zeros(len(x), 1)

    def time_gate(self, t: Tensor) -> Tensor:
        """k of every unit at the times t: (batch, 1) → (batch, hidden_size)."""
        tau, r = self.log_tau.exp(), torch.sigmoid(self.logit_r)
        phase = torch.remainder(t - self.s, tau) / tau
        shut = (LEAK if self.training else 0) * phase
        return torch.where(phase < r / 2, 2 * phase / r, torch.where(phase < r, 2 - 2 * phase / r, shut))

    def gates(self, x: Tensor, h: Tensor, c: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        return *super().gates(x, h, c), self.time_gate(t)

    def step(self, x: Tensor, h: Tensor, c: Tensor, t: Tensor) -> State:
        i, f, g, o, k = self.gates(x, h, c, t)
        c_new = f * c + i * g
        h_new = o * torch.tanh(c_new)
        c = k * c_new + (1 - k) * c
        h = k * h_new + (1 - k) * h
        return h, c, t + 1
