"""A word-level language model around any recurrent layer."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence

from models.recurrent import State, repack


class LockedDropout(nn.Module):
    """Dropout with one mask a sentence, the same at each of its words (Gal & Ghahramani 2016).

    As good as a new mask at every word, and it draws far fewer random numbers.

    Args:
        p: the share of features set to zero in training, 0 ≤ p < 1; the others are scaled by 1 / (1 − p).
    """

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, sentences: PackedSequence) -> PackedSequence:
        """Packed sentences of any number of features → the same shape."""
        if not self.training or self.p == 0:
            return sentences
        data, sizes = sentences.data, sentences.batch_sizes.tolist()
        masks = F.dropout(data.new_ones(sizes[0], data.shape[1]), self.p)
        return repack(sentences, data * torch.cat([masks[:running] for running in sizes]))


class LanguageModel(nn.Module):
    """Predicts each next word of a sentence from the words before it.

        embedding → dropout → recurrent layers, dropout after each → projection → logits

    The logit of a word is the product of its own embedding with the projected hidden state, plus a bias: input
    and output share their weights (Press & Wolf 2017). The projection lets the hidden state be larger than the
    embedding; the product with the whole vocabulary takes a third of a training step, so that pays.

    Args:
        cell: makes a recurrent layer of (input_size, hidden_size): RNN, GRU, LSTM, TorchLSTM, …
        vocabulary_size: number of different words, [END] and [ANY] among them.
        embedding_size: features of a word's embedding.
        hidden_size: features of a hidden state.
        layers: recurrent layers, one above the other.
        dropout: share of features dropped in training, 0 ≤ dropout < 1.
    """

    def __init__(
        self,
        cell: Callable[[int, int], nn.Module],
        vocabulary_size: int,
        embedding_size: int,
        hidden_size: int,
        layers: int = 1,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.layers = nn.ModuleList(cell(hidden_size if i else embedding_size, hidden_size) for i in range(layers))
        self.projection = nn.Linear(hidden_size, embedding_size)
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))
        self.dropout = LockedDropout(dropout)
        nn.init.normal_(self.embedding.weight, std=0.2)  # measured: 0.02 learns too slowly, 1 is too loud a start

    def forward(
        self, words: PackedSequence, states: Sequence[State] | None = None
    ) -> tuple[PackedSequence, list[State]]:
        """Reads sentences and predicts, after each word, the next one.

        Args:
            words: word ids (int64), packed from (batch, longest).
            states: the state of each layer before the first word, as this method returned it; zeros if None.

        Returns:
            logits: vocabulary_size logits after each word, packed as the words were: many-to-many. For many-to-one
                take `hidden_states`, and `logits` of the last layer's state, which is that after the last word.
            states: the state of each layer after each sentence's last word.
        """
        hidden, states = self.hidden_states(words, states)
        return repack(words, self.logits(hidden.data)), states

    def hidden_states(
        self, words: PackedSequence, states: Sequence[State] | None = None
    ) -> tuple[PackedSequence, list[State]]:
        """As `forward`, but up to the last layer's hidden states: hidden_size features after each word."""
        x = self.dropout(repack(words, self.embedding(words.data)))
        ends = []
        for layer, state in zip(self.layers, states or [None] * len(self.layers), strict=True):
            x, state = layer(x, state)
            x = self.dropout(x)
            ends.append(state)
        return x, ends

    def logits(self, hidden: Tensor) -> Tensor:
        """Hidden states (rows, hidden_size) → logits of the next word (rows, vocabulary_size)."""
        return F.linear(self.projection(hidden), self.embedding.weight, self.bias)

    @torch.no_grad()
    def start_from_frequencies(self, counts: Tensor) -> None:
        """Sets each word's bias to the logarithm of its share of all words, from its count: (vocabulary_size,).

        An untrained model then guesses by frequency alone, and needn't learn first which words are common. One is
        added to each count, so that no logarithm is infinite.
        """
        self.bias.copy_(((counts + 1) / (counts + 1).sum()).log())

    def count_parameters(self) -> int:
        """How many numbers training changes."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)
