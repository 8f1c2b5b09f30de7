"""Attention over the words read so far, by hand."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from models.lstm import LSTM
from models.recurrent import State, repack

FEATURES = 64  # d: of a query and of a key


class Attention(nn.Module):
    """Attention of each hidden state to those of its own sentence up to itself (Bahdanau, Cho & Bengio 2015).

        q = Q h,  k = K h                 query and key of each word
        a = softmax(q · k / √d)           weights: one for each word up to the one that asks
        context = Σ a h                   weighted mean of their hidden states
        h̃ = tanh(V [context; h] + b)      what the layer gives out

    The output is that of Luong, Pham & Manning 2015, the score that of Vaswani et al. 2017. In language models:
    Mei, Bansal & Walter 2017; Daniluk et al. 2017. A recurrent layer has to pass on all that it read in one vector;
    with attention the words themselves stay within reach.

    Args:
        size: features of a hidden state h, and of h̃.
    """

    def __init__(self, size: int):
        super().__init__()
        self.Q = nn.Linear(size, FEATURES, bias=False)
        self.K = nn.Linear(size, FEATURES, bias=False)
        self.V = nn.Linear(2 * size, size)
        # V = [0 1] at the start, so that h̃ = tanh(h): the layer begins as it would be without attention, and learns
        # to add the context. With V drawn at random, perplexity is 2% higher.
        nn.init.zeros_(self.V.weight).data[:, size:].fill_diagonal_(1)
        nn.init.zeros_(self.V.bias)

    def weights(self, queries: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """How much each word looks at each other one; each row adds up to 1.

        Args:
            queries: hidden states (batch, words, size).
            memory: hidden states (batch, other words, size).
            mask: which may be looked at, (batch, words, other words) or (words, other words); one at least a row.

        Returns:
            (batch, words, other words).
        """
        scores = self.Q(queries) @ self.K(memory).transpose(1, 2) / math.sqrt(FEATURES)
        return scores.masked_fill(~mask, -torch.inf).softmax(dim=2)

    def forward(self, sentences: PackedSequence, state: State | None = None) -> tuple[PackedSequence, State]:
        """Reads the hidden states of a packed batch of sentences; called as a recurrent layer is.

        Args:
            sentences: hidden states, packed from (batch, longest, size).
            state: what was remembered before the first word, as this method returned it; nothing if None.

        Returns:
            output: h̃ of each word, packed as the input was, `size` features a word.
            state: one row a sentence: h̃ after its last word (batch, size), all hidden states read so far
                (batch, read, size), and which of them are words, not padding (batch, read).
        """
        # All words of all sentences at once, in a padded table with the longest sentence on top, as in the packed one.
        h, lengths = pad_packed_sequence(PackedSequence(sentences.data, sentences.batch_sizes), batch_first=True)
        batch, words, _ = h.shape
        real = (torch.arange(words) < lengths.unsqueeze(1)).to(h.device)
        if state is None:
            past, past_real = h[:, :0], real[:, :0]
        elif sentences.sorted_indices is None:
            _, past, past_real = state
        else:
            _, past, past_real = (s[sentences.sorted_indices] for s in state)
        memory, memory_real = torch.cat([past, h], dim=1), torch.cat([past_real, real], dim=1)
        up_to_now = real.new_ones(words, memory.shape[1]).tril(past.shape[1])
        a = self.weights(h, memory, memory_real.unsqueeze(1) & up_to_now)
        output = torch.tanh(self.V(torch.cat([a @ memory, h], dim=2)))
        state = output[torch.arange(batch), lengths - 1], memory, memory_real
        if sentences.unsorted_indices is not None:
            state = tuple(s[sentences.unsorted_indices] for s in state)
        return repack(sentences, pack_padded_sequence(output, lengths, batch_first=True).data), state


class AttentionLSTM(nn.Module):
    """An LSTM, and attention to its hidden states. Args, call and shapes: as `RecurrentLayer`.

    Its state is that of `Attention`, which begins with the output as every layer's does, then that of `LSTM`.
    """

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.lstm = LSTM(input_size, hidden_size)
        self.attention = Attention(hidden_size)

    def forward(self, sentences: PackedSequence, state: State | None = None) -> tuple[PackedSequence, State]:
        of_attention, of_lstm = (None, None) if state is None else (state[:3], state[3:])
        hidden, of_lstm = self.lstm(sentences, of_lstm)
        output, of_attention = self.attention(hidden, of_attention)
        return output, (*of_attention, *of_lstm)
