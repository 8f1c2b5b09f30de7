"""The beginning of a sentence → its end, one word at a time."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_sequence

from models import LanguageModel, State
from utils.sentences import ABBREVIATION, GREEK_QUESTION, is_word, split_sentences, tokenize
from utils.vocabulary import ANY, END, Vocabulary

LENGTH_POWER = 0.7  # read on 200 beginnings: 0 ends too soon, 1 hangs on second halves that fit anything
LETTER = re.compile(r"[^\W_]")
# What ends a sentence that was typed; "..." asks to go on.
STOPPED = re.compile(rf"(?:(?<![.…])[.।。۔]|[?!？！؟]|{GREEK_QUESTION})[\"'”“’»«)\]]*$")
# How scripts write the marks that they have of their own. A script's name begins the Unicode name of its letters.
MARKS_OF_SCRIPT = {
    "GREEK": str.maketrans("?", ";"),
    "ARABIC": str.maketrans("?,;", "؟،؛"),
    **dict.fromkeys(("DEVANAGARI", "BENGALI", "GURMUKHI"), str.maketrans(".", "।")),
    **dict.fromkeys(("CJK", "HIRAGANA", "KATAKANA"), str.maketrans(".?!,;:", "。？！，；：")),
}


@dataclass(frozen=True)
class Ending:
    """How a sentence goes on: word ids without [END], and whether [END] came or the limit of words cut it."""

    ids: list[int]
    ended: bool


def next_word(
    model: LanguageModel, words: PackedSequence, states: list[State] | None = None
) -> tuple[Tensor, list[State]]:
    """Reads words (many) and predicts the one after the last of each sentence (to one).

    Args:
        words: packed word ids: beginnings of sentences, or their next words where states are given.
        states: each layer's state after what was read before; None at a beginning. [END] can't follow a beginning:
            a completion always adds something.

    Returns:
        Log-probabilities of the next word, (sentences, vocabulary), and each layer's state.
    """
    _, after = model.hidden_states(words, states)
    last_hidden = after[-1][0]  # each sentence's own, however long it is
    return log_probabilities(model.logits(last_hidden), [ANY] if states else [ANY, END]), after


def log_probabilities(logits: Tensor, barred: list[int]) -> Tensor:
    """log softmax over all words but the barred ones, which get −∞: (rows, vocabulary) → the same shape."""
    return logits.index_fill(1, torch.tensor(barred, device=logits.device), -torch.inf).log_softmax(dim=1)


def pack_beginnings(model: LanguageModel, beginnings: Sequence[Sequence[int]]) -> PackedSequence:
    """Word ids of sentences of any lengths, packed on the model's device."""
    device = model.bias.device
    return pack_sequence([torch.tensor(ids, device=device) for ids in beginnings], enforce_sorted=False)


def pack_one_each(words: Tensor) -> PackedSequence:
    """One word id of each sentence, (sentences,), packed."""
    return PackedSequence(words, torch.tensor([len(words)]))


@torch.inference_mode()
def greedy(model: LanguageModel, beginning: Sequence[int], max_words: int) -> Ending:
    """The ending of the likeliest next word, and the likeliest after that, until [END]. It may go in circles.

    Args:
        beginning: word ids, one word or more.
        max_words: the ending is cut after so many words and marks.
    """
    ids: list[int] = []
    log_p, states = next_word(model, pack_beginnings(model, [beginning]))
    while (word := log_p.argmax(dim=1)) != END and len(ids) < max_words:
        ids.append(word.item())
        log_p, states = next_word(model, pack_one_each(word), states)
    return Ending(ids, ended=word.item() == END)


def bar_repeated_pairs(log_p: Tensor, sentences: Tensor) -> None:
    """Gives −∞ to each word that would make a pair of words stand twice in its sentence.

    The likeliest endings go in circles ("when the lights went out, the lights went out"); of the sentences that
    people wrote in data/sentences.txt, 1.3% have a pair twice. Paulus, Xiong & Socher 2018 bar three words in a row.

    Args:
        log_p: log-probabilities of the next word, (sentences, vocabulary), changed in place.
        sentences: word ids so far, (sentences, length), filled up with −1 on the left.
    """
    met_before = sentences[:, :-1] == sentences[:, -1:]
    rows, places = met_before.nonzero(as_tuple=True)
    log_p[rows, sentences[rows, places + 1]] = -torch.inf


@torch.inference_mode()
def search(
    model: LanguageModel,
    beginnings: Sequence[Sequence[int]],
    beam: int,
    max_words: int,
    length_power: float = LENGTH_POWER,
) -> list[Ending]:
    """The likeliest ending of each beginning that a beam search finds.

    Each step takes the `beam` likeliest continuations; those that come to [END] are set aside, and the others go on
    (Sutskever, Vinyals & Le 2014). A finished ending's score is its log-probability divided by (its number of words,
    [END] included) ** length_power: without that, a longer one would always be less likely. A search stops where
    none that goes on can come to score better than the best set aside. No pair of words stands twice in a sentence.

    Args:
        beginnings: word ids, one word or more each.
        beam: how many to keep, 1 or more.
        max_words: an ending is cut after so many words and marks.
    """
    log_p, states = next_word(model, pack_beginnings(model, beginnings))
    device, vocabulary_size = log_p.device, log_p.shape[1]
    best = [Ending([], ended=False) for _ in beginnings]
    # Of the searches still going on: which they are, and the score of the best ending set aside.
    searches = torch.arange(len(beginnings), device=device)
    best_scores = torch.full((len(beginnings),), -torch.inf, device=device)
    # Of the sentences that go on in each: log-probability (searches, kept), and words (searches, kept, start + length).
    kept_log_p = torch.zeros(len(beginnings), 1, device=device)
    padded = pad_sequence([torch.tensor(ids) for ids in beginnings], True, padding_value=-1, padding_side="left")
    words = padded.unsqueeze(1).to(device)
    start = words.shape[2]

    for length in range(1, max_words + 2):
        bar_repeated_pairs(log_p, words.flatten(0, 1))

        # Each that was kept goes on with every word: (searches, kept · vocabulary).
        candidates = (kept_log_p.unsqueeze(2) + log_p.view(*kept_log_p.shape, vocabulary_size)).flatten(1)
        new_log_p, places = candidates.topk(min(beam, candidates.shape[1]))
        before, word = places // vocabulary_size, places % vocabulary_size

        # Those that end: the best is remembered, and none goes on.
        end_log_p, which = new_log_p.where(word == END, -torch.inf).max(dim=1)
        end_scores = end_log_p / length**length_power
        for row in (end_scores > best_scores).nonzero().flatten().tolist():
            best[searches[row]] = Ending(words[row, before[row, which[row]], start:].tolist(), ended=True)
        best_scores = end_scores.maximum(best_scores)
        if length > max_words:
            break

        # Those that go on, in the searches where one may still win: a log-probability only falls.
        new_log_p = new_log_p.where(word != END, -torch.inf)
        going_on = new_log_p.max(dim=1).values / (max_words + 1) ** length_power > best_scores
        if not going_on.any():
            break
        rows = (going_on.nonzero() * words.shape[1] + before[going_on]).flatten()  # where each comes from
        words = torch.cat([words.flatten(0, 1)[rows], word[going_on].view(-1, 1)], dim=1)
        words = words.view(-1, word.shape[1], start + length)
        searches, best_scores, kept_log_p = searches[going_on], best_scores[going_on], new_log_p[going_on]
        states = [tuple(s[rows] for s in state) for state in states]
        log_p, states = next_word(model, pack_one_each(words[:, :, -1].flatten()), states)

    for row, number in enumerate(searches.tolist()):
        if not best[number].ended:
            best[number] = Ending(words[row, kept_log_p[row].argmax(), start:].tolist(), ended=False)
    return best


@torch.inference_mode()
def draw(
    model: LanguageModel,
    beginnings: Sequence[Sequence[int]],
    temperature: float,
    top_k: int | None,
    max_words: int,
    generator: torch.Generator,
) -> list[Ending]:
    """An ending of each beginning drawn at random, word by word, by the model's probabilities.

    Args:
        beginnings: word ids, one word or more each.
        temperature: divides the logits; below 1 likely words become likelier, above 1 all words more alike.
        top_k: draw among so many likeliest words only; None: among all.
        max_words: an ending is cut after so many words and marks.
        generator: where the randomness comes from.
    """
    log_p, states = next_word(model, pack_beginnings(model, beginnings))
    running = torch.arange(len(beginnings))
    ids: list[list[int]] = [[] for _ in beginnings]
    ended = [False] * len(beginnings)
    for length in range(max_words + 1):
        if top_k is not None and top_k < log_p.shape[1]:
            log_p = log_p.where(log_p >= log_p.topk(top_k).values[:, -1:], -torch.inf)
        words = (log_p / temperature).softmax(dim=1).cpu().multinomial(1, generator=generator).flatten()
        for number in running[words == END].tolist():
            ended[number] = True
        going_on = words != END
        if length == max_words or not going_on.any():
            break
        running, words = running[going_on], words[going_on]
        for number, word in zip(running.tolist(), words.tolist(), strict=True):
            ids[number].append(word)
        rows = going_on.to(log_p.device)
        states = [tuple(s[rows] for s in state) for state in states]
        log_p, states = next_word(model, pack_one_each(words.to(log_p.device)), states)
    return [Ending(*pair) for pair in zip(ids, ended, strict=True)]


def tokens_of(typed: str) -> list[str]:
    """The tokens that the model reads: those of the last sentence typed, as it has learned single sentences."""
    tokens = tokenize(split_sentences(typed.strip())[-1])
    first = next((i for i, token in enumerate(tokens) if is_word(token)), len(tokens))
    return tokens[first:]


def is_whole(typed: str) -> bool:
    """Whether . ? or ! ends what was typed, so that nothing need be added; not the full stop of "Mr."."""
    text = typed.strip()
    is_title = ABBREVIATION.search(text) and text[-3:-1].isalpha()  # not "plan B." or "He is 12."
    return bool(STOPPED.search(text)) and not is_title


def join(tokens: Sequence[str], script: str = "LATIN") -> str:
    """Tokens as running text: a space before each word, none before a mark, which is written as in this script."""
    marks = MARKS_OF_SCRIPT.get(script, {})
    return "".join(f" {token}" if is_word(token) else token.translate(marks) for token in tokens)


def script_of(text: str) -> str:
    """The script of most of the letters, as Unicode calls it: LATIN, GREEK, CJK, …"""
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in LETTER.findall(text))
    return max(scripts, key=scripts.get, default="LATIN")


def write_sentence(typed: str, ending: Ending, vocabulary: Vocabulary) -> str:
    """The whole sentence in natural form: what was typed, as it was typed, then the ending.

    It starts with a capital letter, and ends with a full stop where [END] came after a word, or with "…" where
    the limit of words cut it; the marks are those that its script writes.
    """
    text = typed.strip()
    if not ABBREVIATION.search(text):
        text = text.rstrip(".…।。 \t")  # "the best way to ..." asks to go on, and a full stop is still to come
    first = LETTER.search(text)
    if first and len(first[0].upper()) == 1:  # that of "ß" is two letters
        text = text[:first.start()] + first[0].upper() + text[first.end():]
    added = vocabulary.decode(ending.ids)
    script = script_of(text + "".join(added))
    stopped = STOPPED.search(text + "".join(added))
    text += join(added, script)
    if not ending.ended:
        return f"{text} …"
    return text if stopped else text.rstrip(",;:،؛，；：") + ".".translate(MARKS_OF_SCRIPT.get(script, {}))
