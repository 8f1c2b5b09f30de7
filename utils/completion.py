"""The beginning of a sentence → its end, one word at a time."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from models import LanguageModel, State
from utils.sentences import ABBREVIATION, GREEK_QUESTION, is_word, split_sentences, tokenize
from utils.vocabulary import ANY, END, Vocabulary

LENGTH_POWER = 0.7  # read on 200 beginnings: 0 ends too soon, 1 hangs on second halves that fit anything
LETTER = re.compile(r"[^\W_]")
STOPPED = re.compile(rf"(?:[.?!？！؟。।]|{GREEK_QUESTION})[\"'”’»)\]]*$")
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


def read(model: LanguageModel, beginnings: Sequence[Sequence[int]]) -> tuple[Tensor, list[State]]:
    """Reads the beginnings (many) and predicts the next word of each (to one).

    Args:
        beginnings: word ids, one word or more each.

    Returns:
        Log-probabilities of the next word, (beginnings, vocabulary), and each layer's state.
    """
    device = model.bias.device
    words = pack_sequence([torch.tensor(ids, device=device) for ids in beginnings], enforce_sorted=False)
    return predict(model, words, None)


def read_one_more(model: LanguageModel, words: Tensor, states: list[State]) -> tuple[Tensor, list[State]]:
    """As `read`, where all but the last word (rows,) has been read already and is remembered in the states."""
    return predict(model, PackedSequence(words, torch.tensor([len(words)])), states)


def predict(model: LanguageModel, words: PackedSequence, states: list[State] | None) -> tuple[Tensor, list[State]]:
    """What `read` and `read_one_more` have in common."""
    _, states = model.read(words, states)
    last_hidden = states[-1][0]  # each sentence's own, however long it is
    return log_probabilities(model.logits(last_hidden)), states


def log_probabilities(logits: Tensor) -> Tensor:
    """log softmax over the words that may be written, all but [ANY]: (rows, vocabulary) → the same shape."""
    return logits.index_fill(1, torch.tensor([ANY], device=logits.device), -torch.inf).log_softmax(dim=1)


def pick(states: list[State], rows: Tensor) -> list[State]:
    """These rows of every layer's state."""
    return [tuple(s[rows] for s in state) for state in states]


@torch.inference_mode()
def search(
    model: LanguageModel,
    beginnings: Sequence[Sequence[int]],
    beam: int,
    max_words: int,
    length_power: float = LENGTH_POWER,
) -> list[Ending]:
    """The likeliest ending of each beginning that a beam search finds; with a beam of 1, greedy choice.

    At every step the `beam` likeliest continuations are chosen; those that come to [END] are set aside, and the
    others go on (Sutskever, Vinyals & Le 2014). An ending's score is its log-probability divided by (its number of
    words, [END] included) ** length_power: without that, a longer one would always be less likely (Wu et al. 2016
    have a like rule). A search stops where none that goes on can come to score better than the best set aside.

    Args:
        beginnings: word ids, one word or more each.
        beam: how many to keep, 1 or more.
        max_words: an ending is cut after so many words and marks.
    """
    log_p, states = read(model, beginnings)
    device, vocabulary_size = log_p.device, log_p.shape[1]
    searches = torch.arange(len(beginnings), device=device)  # those still going on
    scores = torch.zeros(len(beginnings), 1, device=device)  # (searches, kept): log-probability of each ending so far
    words = torch.empty(len(beginnings), 1, 0, dtype=torch.int64, device=device)  # (searches, kept, length)
    best_scores = torch.full((len(beginnings),), -torch.inf, device=device)
    best = [Ending([], ended=False) for _ in beginnings]

    for length in range(1, max_words + 2):
        so_far = scores
        # Each kept ending goes on with every word: (searches, kept · vocabulary).
        candidates = (scores.unsqueeze(2) + log_p.view(*scores.shape, vocabulary_size)).flatten(1)
        scores, places = candidates.topk(min(beam, candidates.shape[1]))
        is_end = places % vocabulary_size == END

        # Those that end: the best is remembered, and none goes on.
        ended, which = scores.where(is_end, -torch.inf).max(dim=1)
        ended = ended / length**length_power
        for row in (ended > best_scores[searches]).nonzero().flatten().tolist():
            kept = places[row, which[row]] // vocabulary_size
            best[searches[row]] = Ending(words[row, kept].tolist(), ended=True)
        best_scores[searches] = ended.maximum(best_scores[searches])

        # Those that go on, in the searches where one may still win: a log-probability only falls.
        scores = scores.masked_fill(is_end, -torch.inf)
        going_on = scores.max(dim=1).values / (max_words + 1) ** length_power > best_scores[searches]
        if length > max_words or not going_on.any():
            break
        scores, places = scores[going_on], places[going_on]
        kept, word = places // vocabulary_size, places % vocabulary_size
        rows = going_on.nonzero() * words.shape[1] + kept
        words = words[going_on].gather(1, kept.unsqueeze(2).expand(-1, -1, length - 1))
        words = torch.cat([words, word.unsqueeze(2)], dim=2)
        searches = searches[going_on]
        log_p, states = read_one_more(model, word.flatten(), pick(states, rows.flatten()))

    for row, search_number in enumerate(searches.tolist()):
        if not best[search_number].ended:
            best[search_number] = Ending(words[row, so_far[row].argmax()].tolist(), ended=False)
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
    log_p, states = read(model, beginnings)
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
        device = log_p.device
        log_p, states = read_one_more(model, words.to(device), pick(states, going_on.nonzero().flatten().to(device)))
    return [Ending(*pair) for pair in zip(ids, ended, strict=True)]


def tokens_of(typed: str) -> list[str]:
    """The tokens that the model reads: those of the last sentence typed, as it has learned single sentences."""
    tokens = tokenize(split_sentences(typed.strip())[-1])
    first = next((i for i, token in enumerate(tokens) if is_word(token)), len(tokens))
    return tokens[first:]


def join(tokens: Sequence[str], script: str = "LATIN") -> str:
    """Tokens as running text: a space before each word, none before a mark, which is written as in this script."""
    marks = MARKS_OF_SCRIPT.get(script, {})
    return "".join(f" {token}" if is_word(token) else token.translate(marks) for token in tokens)


def script_of(text: str) -> str:
    """The script of most of the letters, as Unicode calls it: LATIN, GREEK, CJK, …"""
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in LETTER.findall(text))
    return max(scripts, key=scripts.get, default="LATIN")


def write(typed: str, ending: Ending, vocabulary: Vocabulary) -> str:
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
