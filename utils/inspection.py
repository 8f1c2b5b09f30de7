"""What a trained model does inside: its guesses word by word, its gates and attention at work, its words as vectors."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence

from models import AttentionLSTM, LanguageModel, TorchLSTM
from utils.completion import log_probabilities, pack_sentences
from utils.errors import UserError
from utils.sentences import tokenize
from utils.vocabulary import ANY, END, Vocabulary


class Neighbour(NamedTuple):
    """A word whose embedding points nearly the way of another's, and the cosine between the two."""

    word: str
    cosine: float


class Guess(NamedTuple):
    """A word that may come next, and its probability."""

    word: str
    probability: float


@torch.inference_mode()
def guesses(
    model: LanguageModel, vocabulary: Vocabulary, ids: Sequence[int], count: int, beginning: int | None = None
) -> list[list[Guess]]:
    """After each word of a sentence, the `count` likeliest next words, the likeliest first.

    Args:
        ids: the word ids of the sentence.
        count: how many guesses a word, at most all words but [ANY].
        beginning: the number of words to which something was to be added: [END] can't follow the last of them.
    """
    logits, _ = model(pack_sentences(model, [ids]))
    if beginning is not None:
        logits.data[beginning - 1, END] = -torch.inf
    count = min(count, len(vocabulary) - 1)
    probabilities, words = log_probabilities(logits.data, [ANY]).exp().topk(count)
    return [
        [Guess(vocabulary.words[word], p) for word, p in zip(*row, strict=True)]
        for row in zip(words.tolist(), probabilities.tolist(), strict=True)
    ]


def embed(model: LanguageModel, ids: Sequence[int]) -> Tensor:
    """The embeddings of a sentence's words: (words, embedding_size)."""
    return model.embedding(torch.tensor(ids, device=model.bias.device))


def require_open_gates(model: LanguageModel) -> None:
    """Raises a UserError if the model's layers are builtins, which don't show their gates."""
    if isinstance(model.layers[0], TorchLSTM):
        raise UserError("--plot: torch.nn.LSTM doesn't show its gates; choose a hand-written model with --checkpoint")


@torch.inference_mode()
def activity(model: LanguageModel, ids: Sequence[int]) -> dict[str, Tensor]:
    """How large each gate and state of the first layer is at each word of a sentence.

    It is the mean of the absolute values of all units; the plain mean of a candidate or state is about 0 always.
    Of the sLSTM's m, a logarithm, it says how far exp(m) is from 1.

    Returns:
        For each name of a gate or state, its mean size (words,); with attention also that of its output h̃.

    Raises:
        UserError: the layer is a builtin.
    """
    require_open_gates(model)
    layer = model.layers[0]
    cell = layer.lstm if isinstance(layer, AttentionLSTM) else layer
    embeddings = embed(model, ids)
    inputs = cell.project(embeddings)
    state = cell.first_state(inputs[:1])
    sizes: dict[str, list[Tensor]] = {}
    for x in inputs.split(1):
        gates = cell.gates(x, *state)
        state = cell.step(x, *state)
        values = dict(zip(cell.gate_names, gates, strict=True)) | dict(zip(cell.state_names, state, strict=True))
        for name, value in values.items():
            if name != "t":  # the time of a Phased LSTM is no unit
                sizes.setdefault(name, []).append(value.abs().mean())
    if isinstance(layer, AttentionLSTM):
        output, _ = layer(pack_sequence([embeddings]))
        sizes["h̃"] = list(output.data.abs().mean(dim=1))
    return {name: torch.stack(row).cpu() for name, row in sizes.items()}


@torch.inference_mode()
def attention(model: LanguageModel, ids: Sequence[int]) -> Tensor | None:
    """Where the first layer looks at each word of a sentence.

    Returns:
        The weights (words, words looked at), each row adding up to 1; None if the layer has no attention.
    """
    layer = model.layers[0]
    if not isinstance(layer, AttentionLSTM):
        return None
    hidden, _ = layer.lstm(pack_sequence([embed(model, ids)]))
    hidden = hidden.data.unsqueeze(0)
    up_to_now = hidden.new_ones(len(ids), len(ids)).tril().bool()
    return layer.attention.weights(hidden, hidden, up_to_now)[0].cpu()


def word_sum(text: str, vocabulary: Vocabulary) -> list[tuple[int, int]]:
    """A word, or a sum of words → the sign and the id of each: "king - man + woman" → 1 king, −1 man, 1 woman.

    A plus or minus has spaces around it; the hyphens of "mother-in-law" have none.

    Raises:
        UserError: it is no such sum, or a word isn't in the vocabulary.
    """
    words, signs = text.split()[::2], ["+", *text.split()[1::2]]
    tokens = [tokenize(word) for word in words]
    if len(words) != len(signs) or not set(signs) <= {"+", "-"} or any(len(token) != 1 for token in tokens):
        raise UserError(f'--neighbours: {text!r} is neither a word nor a sum of words like "king - man + woman"')
    ids = [vocabulary.encode(token)[0] for token in tokens]
    unknown = [word for word, i in zip(words, ids, strict=True) if i == ANY]
    if unknown:
        raise UserError(f"--neighbours: not in the model's vocabulary: {', '.join(unknown)}")
    return [(1 if sign == "+" else -1, i) for sign, i in zip(signs, ids, strict=True)]


@torch.inference_mode()
def neighbours(
    model: LanguageModel, vocabulary: Vocabulary, terms: Sequence[tuple[int, int]], count: int = 10
) -> list[Neighbour]:
    """The words whose embeddings point most nearly the way of a sum of words, with the cosine between the two.

    Each embedding is scaled to length 1 before it is added, as its direction tells what a word means and its length
    more of how common it is; else a long one would outweigh the others. The words of the sum are left out: one of
    them is nearly always the nearest (Mikolov, Yih & Zweig 2013, "Linguistic Regularities in Continuous Space Word
    Representations").

    Args:
        terms: sign and word id of each word of the sum, as `word_sum` makes them; a single word will do.
        count: how many words at most.

    Raises:
        UserError: the words of the sum cancel out.
    """
    signs, ids = (list(column) for column in zip(*terms, strict=True))
    embeddings = F.normalize(model.embedding.weight, dim=1)
    total = (torch.tensor(signs, device=embeddings.device).unsqueeze(1) * embeddings[ids]).sum(dim=0)
    if total.norm() < 1e-4:
        raise UserError("--neighbours: the words of this sum cancel out, so nothing is near it")
    cosines = F.cosine_similarity(embeddings, total, dim=1)
    cosines[[END, ANY, *ids]] = -torch.inf
    values, nearest = cosines.topk(min(count, len(vocabulary) - 2 - len(set(ids))))
    return [Neighbour(vocabulary.words[i], cosine) for i, cosine in zip(nearest.tolist(), values.tolist(), strict=True)]


@torch.inference_mode()
def embedding_map(model: LanguageModel, ids: Sequence[int]) -> Tensor:
    """The embeddings of these words, each scaled to length 1, on the two directions in which they differ most.

    Principal component analysis, by torch.pca_lowrank: (words, 2).

    Raises:
        UserError: there are fewer than two words or two features.
    """
    if min(len(ids), model.embedding.embedding_dim) < 2:
        raise UserError("--plot: a map of the embedding takes two words and two features at least")
    embeddings = F.normalize(model.embedding.weight[torch.tensor(ids)].cpu(), dim=1)
    torch.manual_seed(0)  # pca_lowrank starts from random numbers
    _, _, directions = torch.pca_lowrank(embeddings, q=2, niter=10)
    return (embeddings - embeddings.mean(dim=0)) @ directions
