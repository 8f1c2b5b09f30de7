"""The beginning of a sentence → its end, one word at a time."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence, pad_sequence

from models import LanguageModel, State
from utils.sentences import ABBREVIATION, GREEK_QUESTION, is_word, split_sentences, tokenize
from utils.vocabulary import ANY, END, Vocabulary

LENGTH_POWER = 0.7  # read on 200 beginnings: 0 ends too soon, 1 hangs on second halves that fit anything
LAMBDA, CONTEXT = 0.2, 2  # read blind on 100 beginnings: 75 made sense, and 70 without
LETTER = re.compile(r"[^\W_]")
# What ends a sentence that was typed; "..." asks to go on.
STOPPED = re.compile(rf"(?:(?<![.…])[.।。۔։።။។]|[?!？！؟]|{GREEK_QUESTION})[\"'”“’»«)\]]*$")
# How scripts write the marks that they have of their own. A script's name begins the Unicode name of its letters.
MARKS_OF_SCRIPT = {
    "GREEK": str.maketrans("?", ";"),
    "ARABIC": str.maketrans("?,;", "؟،؛"),
    **dict.fromkeys(("DEVANAGARI", "BENGALI", "GURMUKHI", "ORIYA"), str.maketrans(".", "।")),
    "ARMENIAN": str.maketrans(".", "։"),
    "ETHIOPIC": str.maketrans(".", "።"),
    "MYANMAR": str.maketrans(".", "။"),
    "KHMER": str.maketrans(".", "។"),
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


def pack_sentences(model: LanguageModel, sentences: Sequence[Sequence[int]]) -> PackedSequence:
    """Word ids of sentences, or of their beginnings, of any lengths, packed on the model's device."""
    device = model.bias.device
    return pack_sequence([torch.tensor(ids, device=device) for ids in sentences], enforce_sorted=False)


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
    log_p, states = next_word(model, pack_sentences(model, [beginning]))
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
    """The best ending of each beginning that a beam search finds.

    Each step takes the `beam` likeliest continuations; those that come to [END] are set aside, and the others go on,
    until `beam` endings have been set aside (Sutskever, Vinyals & Le 2014). The best of them has the highest `scores`.
    No pair of words stands twice in a sentence.

    Args:
        beginnings: word ids, one word or more each.
        beam: how many to keep, 1 or more.
        max_words: an ending is cut after so many words and marks.
        length_power: see `scores`.
    """
    log_p, states = next_word(model, pack_sentences(model, beginnings))
    device, vocabulary_size = log_p.device, log_p.shape[1]
    set_aside: list[list[tuple[list[int], float]]] = [[] for _ in beginnings]  # ids and log-probability
    searches = torch.arange(len(beginnings), device=device)  # those still going on
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

        # Those that end are set aside.
        for row, place in ((word == END) & new_log_p.isfinite()).nonzero().tolist():
            ids = words[row, before[row, place], start:].tolist()
            set_aside[searches[row]].append((ids, new_log_p[row, place].item()))
        if length > max_words:
            break

        # The others go on, where there are too few yet.
        new_log_p = new_log_p.where(word != END, -torch.inf)
        too_few = torch.tensor([len(set_aside[number]) < beam for number in searches.tolist()], device=device)
        going_on = too_few & new_log_p.isfinite().any(dim=1)
        if not going_on.any():
            break
        rows = (going_on.nonzero() * words.shape[1] + before[going_on]).flatten()  # where each comes from
        words = torch.cat([words.flatten(0, 1)[rows], word[going_on].view(-1, 1)], dim=1)
        words = words.view(-1, word.shape[1], start + length)
        searches, kept_log_p = searches[going_on], new_log_p[going_on]
        states = [tuple(s[rows] for s in state) for state in states]
        log_p, states = next_word(model, pack_one_each(words[:, :, -1].flatten()), states)

    best = [Ending([], ended=False) for _ in beginnings]
    for row, number in enumerate(searches.tolist()):  # those that the limit cut
        best[number] = Ending(words[row, kept_log_p[row].argmax(), start:].tolist(), ended=False)
    for number, endings in enumerate(set_aside):
        if endings:
            ids, _ = endings[scores(model, beginnings[number], endings, length_power).argmax()]
            best[number] = Ending(ids, ended=True)
    return best


def scores(
    model: LanguageModel, beginning: Sequence[int], endings: Sequence[tuple[list[int], float]], length_power: float
) -> Tensor:
    """How well each ending fits its beginning.

        score = (log p(ending | beginning) − λ log p(ending | its last two words)) / length^length_power

    What would follow any beginning, such as "… to go to bed", gets less by the second term (Li et al. 2016, "A
    Diversity-Promoting Objective Function for Neural Conversation Models"). The length counts [END]; without the
    division, a longer ending would always be less likely.

    Args:
        beginning: word ids, one word or more.
        endings: word ids without [END], and log p(ending | beginning), of one ending or more.

    Returns:
        (endings,)
    """
    context = list(beginning[-CONTEXT:])
    inputs = pack_sentences(model, [[*context, *ids] for ids, _ in endings])
    targets = pack_sentences(model, [[*context[1:], *ids, END] for ids, _ in endings])
    logits, _ = model(inputs)
    log_p = log_probabilities(logits.data, [ANY]).gather(1, targets.data.unsqueeze(1)).squeeze(1)
    log_p, _ = pad_packed_sequence(inputs._replace(data=log_p), batch_first=True)  # zeros behind an ending
    in_context = log_p[:, len(context) - 1:].sum(dim=1).cpu()
    lengths = torch.tensor([len(ids) + 1 for ids, _ in endings])
    of_beginning = torch.tensor([of_ending for _, of_ending in endings])
    return (of_beginning - LAMBDA * in_context) / lengths**length_power


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
    log_p, states = next_word(model, pack_sentences(model, beginnings))
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
