"""What all recurrent layers share: their weights, and the loop over time."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

State = tuple[Tensor, ...]


def repack(sentences: PackedSequence, data: Tensor) -> PackedSequence:
    """The same packed sentences with other features for each word: data is (words, features)."""
    return PackedSequence(data, sentences.batch_sizes, sentences.sorted_indices, sentences.unsorted_indices)


class RecurrentLayer(nn.Module):
    """One recurrent layer over sentences of different lengths. Each cell is a subclass: it names its gates and
    its states, and writes one time step. The weights are the same at every step:

        W  (blocks · hidden_size, input_size)   what the input says
        U  (blocks · hidden_size, hidden_size)  what the hidden state before says
        b  (blocks · hidden_size)               the bias

    with a block of rows for each line σ(W x + U h + b) or tanh(W x + U h + b) of the equations.

    Args:
        input_size: number of features of an input x.
        hidden_size: number of features of the hidden state h.
    """

    blocks: int
    gate_names: tuple[str, ...] = ()
    state_names: tuple[str, ...] = ("h",)

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = self.blocks * hidden_size
        self.W = nn.Parameter(torch.empty(rows, input_size))
        self.U = nn.Parameter(torch.empty(rows, hidden_size))
        self.b = nn.Parameter(torch.zeros(rows))
        bound = 1 / math.sqrt(hidden_size)  # the range in which torch.nn.LSTM starts too
        nn.init.uniform_(self.W, -bound, bound)
        nn.init.uniform_(self.U, -bound, bound)

    def first_state(self, x: Tensor) -> State:
        """The state before the first word: zeros (batch, hidden_size) for inputs x (batch, features)."""
        return tuple(x.new_zeros(len(x), self.hidden_size) for _ in self.state_names)

    def project(self, x: Tensor) -> Tensor:
        """W x + b for any number of words at once: (words, input_size) → (words, blocks · hidden_size).

        It doesn't need the hidden state, so it is done before the loop: one large product for all time steps
        costs much less than a small one at each.
        """
        return F.linear(x, self.W, self.b)

    def gates(self, x: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        """The value of each of `gate_names` at one time step, from what `step` takes: each (batch, hidden_size)."""
        return ()

    def step(self, x: Tensor, *state: Tensor) -> State:
        """One time step.

        Args:
            x: what `project` made of the input, (batch, its features).
            state: the state before, in the order of `state_names`, each (batch, hidden_size) unless a cell differs.

        Returns:
            The state after, in the same order; the hidden state h comes first.
        """
        raise NotImplementedError

    def forward(self, sentences: PackedSequence, state: State | None = None) -> tuple[PackedSequence, State]:
        """Reads a packed batch of sentences; called as torch.nn.LSTM is.

        Args:
            sentences: inputs of input_size features a word, packed from (batch, longest, input_size).
            state: what was remembered before the first word, one row a sentence; zeros if None.

        Returns:
            output: the hidden state after each word, packed as the input was, hidden_size features a word.
            state: each sentence's state after its own last word, a tuple of tensors (batch, hidden_size) in
                the order of `state_names`.
        """
        # A packed batch holds all first words, then all second words, and so on, with the longest sentence on
        # top: at time step t the first sizes[t] rows are the sentences still running. Padding costs nothing.
        sizes = sentences.batch_sizes.tolist()
        steps = self.project(sentences.data).split(sizes)
        if state is None:
            state = self.first_state(steps[0])
        elif sentences.sorted_indices is not None:
            state = tuple(s[sentences.sorted_indices] for s in state)
        outputs, ended = [], []
        for x in steps:
            running = len(x)
            if running < len(state[0]):
                ended.append([s[running:] for s in state])
                state = tuple(s[:running] for s in state)
            state = self.step(x, *state)
            outputs.append(state[0])
        # The longest sentences end last and stand on top.
        state = tuple(torch.cat(parts) for parts in zip(state, *reversed(ended), strict=True))
        if sentences.unsorted_indices is not None:
            state = tuple(s[sentences.unsorted_indices] for s in state)
        return repack(sentences, torch.cat(outputs)), state
