"""Text, JSON and fortune files → sentences, each a list of tokens."""

import json
import re
import sys
import unicodedata
from pathlib import Path

from utils.errors import UserError

MIN_WORDS = 3  # a shorter sentence teaches nothing about how words follow one another
QUOTE_FIELDS = ("Quote", "quote", "text", "sentence")

MARKS = ",;:?!"  # those that are tokens; a full stop is what [END] stands for

# The same mark, as other keyboards and scripts write it.
LIKE_MARKS = str.maketrans("’‘ʼ‐‑،؛؟，；：？！", "'''--,;?,;:?!", "\u00ad\ufeff")
# Python's \w knows letters and digits, but not the accents and vowel signs that follow a letter as a character
# of their own (Unicode's marks): Hindi and Thai words would break at each of them.
ACCENTS = "".join(chr(i) for i in range(0x20000) if unicodedata.category(chr(i)).startswith("M"))
LETTERS = rf"[^\W_]+(?:[{re.escape(ACCENTS)}]+[^\W_]*)*"
# A word: letters or digits; inside it apostrophes, hyphens and the zero-width joiners of Persian and Hindi.
TOKEN = re.compile(rf"{LETTERS}(?:['\-\u200c\u200d]{LETTERS})*|[{MARKS}]+")

SENTENCE_END = re.compile(r"(?<=[.?!…؟।۔])[\"'”’»)\]]*\s+")
# "Mr." or "J.", but "So do I." ends. None is longer than 5 characters, the full stop included.
ABBREVIATION = re.compile(r"(?:^|[\s.(])(?:(?!i\b)[^\W\d_]|mr|mrs|ms|dr|prof|st|vs|nr|e\.g|i\.e)\.$", re.IGNORECASE)
ATTRIBUTION = re.compile(r"\s*--\s*[^\s-]")


def tokenize(text: str) -> list[str]:
    """The words and the marks , ; : ? ! of a text, as they are written there.

    Unicode is composed first (NFC), so that "š" is one letter however it was typed. Of several marks in a row
    the first counts; other marks are dropped.
    """
    text = unicodedata.normalize("NFC", text).translate(LIKE_MARKS)
    return [token if is_word(token) else token[0] for token in TOKEN.findall(text)]


def is_word(token: str) -> bool:
    """Whether a token is a word, not a mark."""
    return token[0] not in MARKS


def split_sentences(text: str) -> list[str]:
    """Parts a text where . ? ! … ؟ । or ۔ and a space are followed by no small letter, but not after "Mr." or "J."."""
    sentences, start = [], 0
    for end in SENTENCE_END.finditer(text):
        following = text[end.end():end.end() + 1]
        before = text[max(start, end.start() - 6):end.start()]
        if not following.islower() and not ABBREVIATION.search(before):
            sentences.append(text[start:end.start()])
            start = end.end()
    return [*sentences, text[start:]]


def read_sentences(path: Path) -> list[list[str]]:
    """All different sentences of a file that have 3 words or more, in the order in which they stand.

    The file is UTF-8, of one of three kinds: JSON (name ends in .json): a list of strings, or of objects with a
    field Quote, quote, text or sentence; fortune (has lines with nothing but %): entries parted by those lines,
    their lines joined, from a line "-- Author" on left out; or text: one sentence or several a line.

    Raises:
        UserError: the file can't be read, isn't one of these, or has no such sentence.
    """
    text = read_text(path)
    lines = text.splitlines()
    if path.suffix.lower() == ".json":
        entries = json_entries(text, path)
    elif any(line.strip() == "%" for line in lines):
        entries = fortune_entries(lines)
    else:
        entries = lines
    sentences, seen = [], set()
    for entry in entries:
        for sentence in split_sentences(entry):
            tokens = [sys.intern(token) for token in tokenize(sentence)]  # each word stands in memory once
            while tokens and not is_word(tokens[0]):
                del tokens[0]
            in_small_letters = " ".join(tokens).lower()
            if sum(map(is_word, tokens)) >= MIN_WORDS and in_small_letters not in seen:
                seen.add(in_small_letters)
                sentences.append(tokens)
    if not sentences:
        raise UserError(f"{path}: no sentence of {MIN_WORDS} words or more in it")
    return sentences


def read_text(path: Path) -> str:
    """A UTF-8 file's text, without the byte-order mark.

    Raises:
        UserError: the file is missing, a folder, unreadable, empty, binary or not UTF-8.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give --data a text, JSON or fortune file") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; give --data a file in it") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8 first") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    if "\0" in text:
        raise UserError(f"{path}: a binary file; give --data a text, JSON or fortune file")
    if not text.strip():
        raise UserError(f"{path}: the file is empty")
    return text


def json_entries(text: str, path: Path) -> list[str]:
    """The texts in a JSON list of strings, or of objects with one of `QUOTE_FIELDS`."""
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}: broken JSON in line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (RecursionError, ValueError):
        raise UserError(f"{path}: JSON that is nested too deep or has a number too long") from None
    if not isinstance(items, list) or not items:
        raise UserError(f"{path}: its JSON must be a list of strings, or of objects with a field Quote")
    entries = []
    for number, item in enumerate(items, 1):
        if isinstance(item, dict):
            item = next((item[field] for field in QUOTE_FIELDS if field in item), None)
        if not isinstance(item, str):
            fields = ", ".join(QUOTE_FIELDS)
            raise UserError(f"{path}: item {number} is neither a string nor an object with a text in one of: {fields}")
        entries.append(item)
    return entries


def fortune_entries(lines: list[str]) -> list[str]:
    """The entries of a fortune file, each in one line, without "-- Author" and what follows it."""
    entries, entry, attribution = [], [], False
    for line in [*lines, "%"]:
        if line.strip() == "%":
            entries.append(" ".join(entry))
            entry, attribution = [], False
        elif attribution or ATTRIBUTION.match(line):
            attribution = True
        else:
            entry.append(line)
    return entries
