"""Sentences → batches: split, encode once, pad."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset, Sampler

from utils.errors import UserError, counted
from utils.sentences import read_sentences
from utils.vocabulary import ANY, END, Vocabulary

TEST_SHARE = 0.1
MIN_SENTENCES = 10
WORTH_TELLING = 0.05  # of the sentences are cut


def split(sentences: Sequence[list[str]], seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Parts the sentences at random into 90% for training and 10% for testing."""
    order = torch.randperm(len(sentences), generator=torch.Generator().manual_seed(seed)).tolist()
    tests = round(TEST_SHARE * len(sentences))
    return [sentences[i] for i in order[tests:]], [sentences[i] for i in order[:tests]]


class Batch(NamedTuple):
    """Sentences side by side, the longest first.

    inputs (batch, longest) holds w1 … wn of each, targets (batch, longest) w2 … wn [END]; lengths (batch) holds
    n. Behind a sentence's end both are filled with [END]'s id, which `pack` leaves out.
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor

    def pack(self, device: torch.device) -> tuple[PackedSequence, Tensor]:
        """The packed inputs, and the target of each of their words in the same order: (words,)."""
        inputs = pack_padded_sequence(self.inputs, self.lengths, batch_first=True)
        targets = pack_padded_sequence(self.targets, self.lengths, batch_first=True)
        return inputs.to(device), targets.data.to(device)


class SentenceDataset(Dataset):
    """Encoded sentences, all in one tensor: w1 … wn [END], or w1 … w_max_length where one was cut.

    A sentence that was cut hasn't ended, so it has no [END] to predict.
    """

    def __init__(self, sentences: Sequence[list[str]], vocabulary: Vocabulary, max_length: int):
        self.sentences = sentences
        ids = [
            vocabulary.encode(tokens[:max_length]) + [END] * (len(tokens) <= max_length) for tokens in sentences
        ]
        self.ids = torch.tensor(list(chain.from_iterable(ids)))
        self.starts = [0, *torch.tensor([len(s) for s in ids]).cumsum(0).tolist()]

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, index: int) -> Tensor:
        return self.ids[self.starts[index]:self.starts[index + 1]]

    @property
    def lengths(self) -> Tensor:
        """The number of predictions in each sentence."""
        return torch.tensor(self.starts).diff() - 1

    def targets(self) -> Tensor:
        """Every target of every sentence, in one row."""
        first = torch.zeros(len(self.ids), dtype=torch.bool)
        first[self.starts[:-1]] = True
        return self.ids[~first]


class LengthBatches(Sampler[list[int]]):
    """Puts sentences of like length into the same batch, so that little of it is padding.

    Each round through it draws anew which sentences of a length meet, and the order of the batches; without a
    generator both stay as they are.
    """

    def __init__(self, lengths: Tensor, batch_size: int, generator: torch.Generator | None = None):
        self.lengths = lengths
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        order = self.shuffled(len(self.lengths))
        order = order[self.lengths[order].argsort(descending=True, stable=True)]
        batches = order.split(self.batch_size)
        for i in self.shuffled(len(batches)).tolist():
            yield batches[i].tolist()

    def shuffled(self, n: int) -> Tensor:
        return torch.arange(n) if self.generator is None else torch.randperm(n, generator=self.generator)


def pad(sentences: list[Tensor]) -> Batch:
    """Encoded sentences, the longest first → one batch."""
    inputs = pad_sequence([s[:-1] for s in sentences], batch_first=True, padding_value=END)
    targets = pad_sequence([s[1:] for s in sentences], batch_first=True, padding_value=END)
    return Batch(inputs, targets, torch.tensor([len(s) - 1 for s in sentences]))


def batches(dataset: SentenceDataset, batch_size: int, seed: int | None = None) -> DataLoader:
    """The batches of a dataset: in an order of their own each round if there is a seed, else always the same."""
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    sampler = LengthBatches(dataset.lengths, batch_size, generator)
    # The loader draws a number for its workers each round; from a generator of its own, it leaves dropout alone.
    return DataLoader(dataset, batch_sampler=sampler, collate_fn=pad, generator=torch.Generator())


class Data(NamedTuple):
    """What a training reads: the vocabulary of the training sentences, and both parts encoded with it."""

    name: str
    vocabulary: Vocabulary
    train: SentenceDataset
    test: SentenceDataset


def load_data(options: Namespace) -> Data:
    """The data that the options ask for, in numbers; says on stdout what it is.

    Raises:
        UserError: the file can't be used, or has too few sentences.
    """
    sentences, form = read_sentences(options.data, options.field)
    sentences = sentences[:options.limit]
    if len(sentences) < MIN_SENTENCES:
        found = counted(len(sentences), "sentence")
        raise UserError(f"{options.data}: only {found}; {MIN_SENTENCES} or more are needed")
    train, test = split(sentences, options.seed)
    vocabulary = Vocabulary.of((tokens[:options.max_length] for tokens in train), options.min_count)
    if len(vocabulary) == 2:  # [END] and [ANY]
        raise UserError(f"{options.data}: no word is there {options.min_count} times; choose a lower --min-count")
    data = Data(
        options.data.name,
        vocabulary,
        SentenceDataset(train, vocabulary, options.max_length),
        SentenceDataset(test, vocabulary, options.max_length),
    )
    rare = (data.train.targets() == ANY).float().mean().item()
    print(f"{data.name}: {form}")
    print(f"{counted(len(train), 'sentence')} to train on, {len(test)} to test on")
    cut = sum(len(tokens) > options.max_length for tokens in sentences) / len(sentences)
    if cut >= WORTH_TELLING:
        print(f"{cut:.0%} of the sentences are longer than --max-length {options.max_length}, and are cut")
    print(f"vocabulary: {len(vocabulary)} words and marks; {rare:.1%} of the words to predict are [ANY]")
    return data
