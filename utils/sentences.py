"""Text → sentences, each a list of tokens."""

import re
import sys
import unicodedata
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple

from utils.errors import UserError
from utils.formats import STOPS
from utils.readers import read_texts

MIN_WORDS = 3  # a shorter sentence teaches nothing about how words follow one another

MARKS = ",;:?!"  # those that are tokens; a full stop is what [END] stands for
UNKNOWN = "<unk>"  # stands in the standard corpora for any rare word

# The same mark, as other keyboards and scripts write it. "`" stands for a quotation mark that can only open.
LIKE_MARKS = str.maketrans("‘’ʼ´׳‐‑،؛؟，；：？！_", "`''''--,;?,;:?! ", "\u00ad\ufeff")
# Python's \w knows letters and digits, but not the accents and vowel signs that follow a letter as a character
# of their own (Unicode's marks): Hindi and Thai words would break at each of them.
ACCENTS = re.escape("".join(chr(i) for i in range(0x20000) if unicodedata.category(chr(i)).startswith("M")))
LETTERS = rf"(?:{UNKNOWN}|\w+(?:[{ACCENTS}]+\w*)*)"
# Inside a word: apostrophe, hyphen, the Catalan l·l, the Finnish EU:n and 10:30, the Hebrew gershayim, the zero-width
# joiners of Persian and Hindi; inside a number . and , too.
JOINT = r"(?:['\-·:״\u200c\u200d]|(?<=\d)[.,](?=\d))"
TOKEN = re.compile(rf"'?{LETTERS}(?:{JOINT}{LETTERS})*'?|[{MARKS}]+")

NO_WORD = re.compile(r"(?:https?://|www\.)[^\s。！？]*[\w/]|\[(?:\d+|[a-z]|note \d+)\]", re.IGNORECASE)  # URL, footnote
GREEK = "\u0370-\u03ff\u1f00-\u1fff"
GREEK_QUESTION = rf";(?:(?<=[{GREEK}];)|(?<=[{GREEK}][»”\"];))"
GERSHAYIM = re.compile("(?<=[א-ת])\"(?=[א-ת])")

OUTER_APOSTROPHE = re.compile(rf"['`](?:(?P<before>(?<![\w{ACCENTS}].)(?=\w))|(?<=[\w{ACCENTS}].)(?!\w))")
# Words that begin with an apostrophe: 'tis, rock 'n' roll, '80s, 's avonds.
ELISION = re.compile(
    r"['`](?:n'|(?:(?-i:[a-z])|\d\ds?|tis|twas|twere|twill|twould|em|till?|cause|bout|round)(?![\w']))", re.IGNORECASE
)

SENTENCE_END = re.compile(
    rf"(?:[{STOPS}]|{GREEK_QUESTION})(?:[\"'”’»)\]]|\[\d+\])*\s+"
    r"|[。！？][。！？\"'”’」』）]*\s*(?=\S)"
)
# What ends with a full stop and no sentence: "Mr." or "J.", but "So do I." ends; "3. Oktober". At most 9 characters.
ABBREVIATION = re.compile(
    r"(?:^|--|[^\w'’-])(?:(?!i\b)[^\W\d_]|mr|mrs|ms|dr|prof|st|vs|nr|e\.g|i\.e|gen|gov|sen|rep|sgt|capt|col|lt|rev|hon"
    r"|messrs|bros)\.$|(?:^|[\s(\"“„«])\d\d?\.$",
    re.IGNORECASE,
)
# The same, where a number follows.
ABBREVIATION_BEFORE_NUMBER = re.compile(
    r"(?:^|--|[^\w'’-])(?:no|nos|vol|pp?|ch|fig|art|inc|ltd|co|var|etc|ca"
    r"|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)\.$",
    re.IGNORECASE,
)


def tokenize(text: str) -> list[str]:
    """The words and the marks , ; : ? ! of a text, as they are written there.

    Unicode is composed first (NFC), so that "š" is one letter however it was typed. Of several marks in a row
    the first counts; other marks, URLs and footnotes like [3] are dropped.
    """
    text = NO_WORD.sub(" ", unicodedata.normalize("NFC", text))
    text = GERSHAYIM.sub("״", re.sub(GREEK_QUESTION, "?", text)).translate(LIKE_MARKS)
    text = drop_single_quotes(re.sub("['`]{2,}", " ", text))
    return [token if is_word(token) else token[0] for token in TOKEN.findall(text)]


def drop_single_quotes(text: str) -> str:
    """Leaves of the apostrophes before and behind words those that belong to the word: 'tis, goin', 's avonds.

    One before a word is a quotation mark where one behind a word comes later, or where a capital follows; one behind
    a word, where it closes such a pair.
    """
    quotes, opening = set(), None
    for apostrophe in OUTER_APOSTROPHE.finditer(text):
        place = apostrophe.start()
        if apostrophe["before"] is None:
            if opening is not None:
                quotes |= {opening, place}
            opening = None
        elif not ELISION.match(text, place):
            opening = place
            if text[place] == "`" or not text[place + 1].islower():
                quotes.add(place)
    if quotes:
        text = "".join(" " if place in quotes else letter for place, letter in enumerate(text))
    return text.replace("`", "'")


def is_word(token: str) -> bool:
    """Whether a token is a word, not a mark."""
    return token[0] not in MARKS


def normalize(text: str) -> str:
    """What all ways to write words have in common: their small letters, composed (NFC); i for the Turkish İ."""
    return unicodedata.normalize("NFC", text.lower().replace("i\u0307", "i"))


def split_sentences(text: str) -> list[str]:
    """Parts a text where one of `STOPS` or a Greek ; and a space are followed by no small letter, and behind 。！？.

    Not after "Mr." or "J.", an ordinal like "3.", or "Jan." before a number.
    """
    sentences, start = [], 0
    for end in SENTENCE_END.finditer(text):
        stop, following = end.start() + 1, text[end.end():end.end() + 1]
        before = text[max(start, stop - 12):stop]
        goes_on = following.islower() or (following.isdigit() and ABBREVIATION_BEFORE_NUMBER.search(before))
        if not goes_on and not ABBREVIATION.search(before):
            sentences.append(text[start:stop])
            start = end.end()
    return [*sentences, text[start:]]


class Sentences(NamedTuple):
    """The sentences of a file, and the format in which it was read."""

    sentences: list[list[str]]
    format: str


def read_sentences(path: Path, field: str | None = None) -> Sentences:
    """All different sentences of a file that have 3 words or more, in the order in which they stand.

    Raises:
        UserError: the file can't be read (`read_texts` says which can), or has no such sentence.
    """
    texts, form = read_texts(path, field)
    sentences, seen = [], set()
    for text in texts:
        for sentence in split_sentences(text):
            tokens = dropwhile(lambda token: not is_word(token), tokenize(sentence))
            tokens = [sys.intern(token) for token in tokens]  # each word stands in memory once
            normalized = normalize(" ".join(tokens))
            if sum(map(is_word, tokens)) >= MIN_WORDS and normalized not in seen:
                seen.add(normalized)
                sentences.append(tokens)
    if not sentences:
        raise UserError(f"{path}: no sentence of {MIN_WORDS} words or more in it")
    return Sentences(sentences, form)
