"""What a trained model does inside: its guesses word by word, its gates at work, its words as neighbours."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence

from models import LanguageModel, RecurrentLayer
from utils.completion import log_probabilities
from utils.errors import UserError
from utils.sentences import tokenize
from utils.vocabulary import ANY, END, Vocabulary


class Guess(NamedTuple):
    """A word that may come next, and its probability."""

    word: str
    probability: float


@torch.inference_mode()
def guesses(model: LanguageModel, vocabulary: Vocabulary, ids: Sequence[int], count: int) -> list[list[Guess]]:
    """After each word of a sentence, the `count` likeliest next words, the likeliest first.

    Args:
        ids: the word ids of the sentence.
        count: how many guesses a word, at most all words but [ANY].
    """
    logits, _ = model(pack_sequence([torch.tensor(ids, device=model.bias.device)]))
    count = min(count, len(vocabulary) - 1)
    probabilities, words = log_probabilities(logits.data).exp().topk(count)
    return [
        [Guess(vocabulary.words[word], p) for word, p in zip(*row, strict=True)]
        for row in zip(words.tolist(), probabilities.tolist(), strict=True)
    ]


def require_open_gates(model: LanguageModel) -> None:
    """Raises a UserError if the model's layers are builtins, which don't show their gates."""
    if not isinstance(model.layers[0], RecurrentLayer):
        raise UserError("--plot: torch.nn.LSTM doesn't show its gates; choose a hand-written model with --checkpoint")


@torch.inference_mode()
def activity(model: LanguageModel, ids: Sequence[int]) -> dict[str, Tensor]:
    """How large each gate and state of the first layer is at each word of a sentence.

    It is the mean of the absolute values of all units; the plain mean of a candidate or state is about 0 always.

    Returns:
        For each name of a gate or state, its mean size (words,).

    Raises:
        UserError: the layer is a builtin.
    """
    require_open_gates(model)
    layer = model.layers[0]
    inputs = layer.project(model.embedding.weight[torch.tensor(ids, device=model.bias.device)])
    state = layer.first_state(inputs[:1])
    sizes: dict[str, list[Tensor]] = {}
    for x in inputs.split(1):
        gates = layer.gates(x, *state)
        state = layer.step(x, *state)
        values = dict(zip(layer.gate_names, gates, strict=True)) | dict(zip(layer.state_names, state, strict=True))
        for name, value in values.items():
            if name != "t":  # the time of a Phased LSTM is no unit
                sizes.setdefault(name, []).append(value.abs().mean())
    return {name: torch.stack(row).cpu() for name, row in sizes.items()}


@torch.inference_mode()
def neighbours(model: LanguageModel, vocabulary: Vocabulary, word: str, count: int = 10) -> list[Guess]:
    """The words whose embeddings point most nearly the way of this word's, with the cosine between the two.

    Raises:
        UserError: the word isn't in the vocabulary.
    """
    numbers = vocabulary.encode(tokenize(word))
    if len(numbers) != 1 or ANY in numbers:
        raise UserError(f"--neighbours: {word!r} isn't among the words and marks that the model knows")
    [number] = numbers
    embeddings = model.embedding.weight
    cosines = F.cosine_similarity(embeddings, embeddings[number], dim=1)
    cosines[[END, ANY, number]] = -torch.inf
    values, numbers = cosines.topk(min(count, len(vocabulary) - 3))
    return [Guess(vocabulary.words[n], c) for n, c in zip(numbers.tolist(), values.tolist(), strict=True)]


@torch.inference_mode()
def embedding_map(model: LanguageModel, numbers: Sequence[int]) -> Tensor:
    """The embeddings of these words, each scaled to length 1, on the two directions in which they differ most.

    Principal component analysis, by torch.pca_lowrank: (words, 2).

    Raises:
        UserError: there are fewer than two words or two features.
    """
    if min(len(numbers), model.embedding.embedding_dim) < 2:
        raise UserError("--plot: a map of the embedding takes two words and two features at least")
    embeddings = F.normalize(model.embedding.weight[torch.tensor(numbers)].cpu(), dim=1)
    torch.manual_seed(0)  # pca_lowrank starts from random numbers
    _, _, directions = torch.pca_lowrank(embeddings, q=2, niter=10)
    return (embeddings - embeddings.mean(dim=0)) @ directions
