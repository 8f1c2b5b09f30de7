"""What each format holds → its texts, and the looks by which a format is told."""

import csv
import json
import re
from collections import Counter
from io import StringIO
from itertools import pairwise, takewhile
from textwrap import shorten
from typing import NamedTuple, NoReturn

from utils.errors import UserError

FIELDS = ("quote", "text", "sentence", "quotetext", "quote_text", "content", "body", "tweet_text")
STOPS = ".?!…؟।۔։።။។"  # what ends a sentence before a space: Arabic ?, full stops from Hindi to Khmer


class Texts(NamedTuple):
    """What a file holds: its texts, each of one sentence or more, and the format in which it was read."""

    texts: list[str]
    format: str


TAG = re.compile(r"</?(?!unk>)(?:[A-Za-z]|\d\d:)[^<>\n]*>|\{\\[^{}\n]*\}")  # <i>, <00:00:01.000>, {\an8}

# JSON

JSON_START = re.compile(r'\s*(?:\{\s*["}]|\[\s*["\[{\]])')
CHAT_FIELD = re.compile(r'"(?:from|from_id|sender_name|sender)"\s*:')


def json_texts(text: str, field: str | None) -> Texts:
    """The texts of JSON or JSON Lines: strings, or a field of objects; in a list, or in lists within an object."""
    names = FIELDS if field is None else (field.lower(),)
    texts: list[str] = []
    used, others = {}, {}  # the fields that held them, and those of objects without one; as ordered sets

    def collect(value: object, is_item: bool) -> None:
        """Takes the texts in a value: of an object those of its field.

        Of one that is no item of a list and has no such field, all lists; where the field is but a string, as in
        {"text": "My quotes", "quotes": [{"quote": …}, …]}, first the lists of objects.
        """
        if is_numbered(value):
            value = list(value.values())
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list):
            for item in value:
                collect(item, is_item=True)
        elif isinstance(value, dict):
            fields = {name.lower(): name for name in value}
            name = next((fields[name] for name in names if name in fields), None)
            parts = [] if is_item else [part for part in value.values() if isinstance(part, list | dict)]
            if name is None:
                others.update(value)
                parts = [part for part in parts if not is_numbered(part)]
            elif isinstance(value[name], str):
                parts = [part for part in parts if isinstance(part, list) and dict in map(type, part)]
            else:
                parts = []
            before = len(texts)
            for part in parts:
                collect(part, is_item=False)
            if name is not None and len(texts) == before:
                used[name] = True
                collect(value[name], is_item=True)

    try:
        values = parse_json(text)
        if isinstance(values[0], dict) and "messages" in values[0] and CHAT_FIELD.search(text):
            refuse_chat(text)
        collect(values if len(values) > 1 else values[0], is_item=False)
    except json.JSONDecodeError as error:
        raise UserError(f"broken JSON in line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (RecursionError, ValueError):
        raise UserError("JSON that is nested too deep or has a number too long") from None
    if not texts:
        there = ", ".join(shorten(name, 40, placeholder="…") for name in [*others][:20]) or "none"
        raise UserError(f"JSON without a text in {' or '.join(names)}; name with --field one of its fields: {there}")
    return Texts(texts, f"JSON, field {', '.join(used)}" if used else "JSON, all its strings")


def is_numbered(value: object) -> bool:
    """Whether it is what pandas writes in place of a list: an object whose fields are "0", "1", …"""
    return isinstance(value, dict) and bool(value) and all(name.isdecimal() for name in value)


def parse_json(text: str) -> list:
    """The values that stand in a text, one behind the other: in JSON Lines many, in other JSON one."""
    decoder, space, values, place = json.JSONDecoder(), re.compile(r"\s*"), [], 0
    while (place := space.match(text, place).end()) < len(text) or not values:
        value, place = decoder.raw_decode(text, place)
        values.append(value)
    return values


# Tables

SAMPLE = 100_000  # characters by which a table or a chat is told
CELL = r'(?:"[^"\n]*"|\w[\w .-]*)'
TABLE_HEAD = re.compile(rf"{CELL}(?:([,;|]){CELL})+\n")
ANKI_HEAD = re.compile(r"(?:#[a-z ]+:.*\n)+")


def rows_of(text: str, delimiter: str, **how: object) -> list[list[str]]:
    """The cells of each row, empty rows left out."""
    csv.field_size_limit(2**31 - 1)
    return [row for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter, **how) if row]


def is_table(text: str) -> bool:
    """Whether nearly all lines have a tab inside, or the first looks like a table's head and the others fit it."""
    lines = [line.strip() for line in text[:SAMPLE].splitlines() if line.strip()]
    if ANKI_HEAD.match(text) or sum("\t" in line for line in lines) >= 0.9 * len(lines):
        return True
    head = TABLE_HEAD.match(text)
    columns = [len(row) for row in rows_of(text[:SAMPLE], head[1])] if head else [0]
    return columns.count(columns[0]) >= max(2, 0.9 * len(columns))


def delimiter_of(text: str) -> str:
    """The one of , ; tab and | that parts the most rows into the same number of columns."""

    def agreement(delimiter: str) -> int:
        columns = Counter(map(len, rows_of(text[:SAMPLE], delimiter)))
        return max((rows for number, rows in columns.items() if number > 1), default=0)

    return max(",;\t|", key=agreement)


def table_texts(text: str, field: str | None) -> Texts:
    """One column of a CSV or TSV table: the one that the head names, or the one that was asked for."""
    text = TAG.sub(" ", ANKI_HEAD.sub("", text, count=1))
    delimiter = delimiter_of(text)
    try:
        rows = rows_of(text, delimiter, strict=True)
    except csv.Error:  # quotation marks that aren't a table's: between tabs they are the text's own
        rows = rows_of(text, delimiter, quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL)
    widest = max(rows[:100], key=len, default=[""])
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    names = FIELDS if field is None else (field.lower(),)
    column = next((head.index(name) for name in names if name in head), None)
    if column is not None:
        rows = rows[1:]
        if column + 1 == len(head):  # what is behind it is text with a delimiter in it
            rows = [[*row[:column], delimiter.join(row[column:])] for row in rows]
    elif field is None and len(widest) == 1:
        column = 0
    elif field is not None and field in map(str, range(1, len(widest) + 1)):
        column = int(field) - 1
    else:
        columns = ", ".join(f"{i} {shorten(cell, 40, placeholder='…')!r}" for i, cell in enumerate(widest[:12], 1))
        raise UserError(f"a table; say with --field, by number or name, which column holds the text: {columns}")
    return Texts([row[column] for row in rows if len(row) > column], f"a table, column {column + 1}")


# Subtitles

TIME = r"(?:\d+:)?\d\d?:\d\d[.,]\d+"
CUE_TIMES = re.compile(rf"^[ \t]*{TIME}[ \t]*-->[ \t]*{TIME}.*$", re.MULTILINE)
# A number, or in WebVTT any name, may stand in a line of its own before the times.
CUE_HEAD = re.compile(rf"(?:^[ \t]*\d+[ \t]*\n|(?<=\n\n).+\n)?{CUE_TIMES.pattern}", re.MULTILINE)
CUE_END = re.compile(r"\n[ \t]*\n(?:NOTE|STYLE|REGION)\b")
DASH = re.compile(r"\s*[-‐–—]")


def subtitle_texts(text: str) -> Texts:
    """What is said in the cues of SubRip or WebVTT; a line with a dash begins what another says."""
    speeches: list[list[str]] = []
    for cue in CUE_HEAD.split(text)[1:]:
        lines = [line for line in TAG.sub("", CUE_END.split(cue)[0]).splitlines() if line.strip()]
        for number, line in enumerate(lines):
            if speeches and not DASH.match(line) and (number > 0 or begins_small(line)):
                speeches[-1].append(line)
            else:
                speeches.append([line])
    return Texts([" ".join(lines) for lines in speeches], "subtitles, the lines of a cue joined")


# What is refused

HTML_START = re.compile(r"\s*(?:<\?xml\b|(?:<!--.*?-->\s*)?<(?:!doctype|html|head|body|div|p|table)\b)", re.I | re.S)


def refuse_html(text: str) -> NoReturn:
    """Raises: UserError, always."""
    raise UserError("an HTML or XML page, not plain text; open it in a browser and save it as text")


CLOCK = r"\d{1,2}[:.]\d\d"
DAY = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}"
CHAT_LINE = re.compile(
    rf"\W*{DAY},?\s+{CLOCK}.*?: "  # [12.03.24, 21:15:33] Anna: …, or 12/03/2024, 21:15 - Anna: …
    rf"|.{{1,40}}, \[{DAY},? {CLOCK}"  # Anna, [12.03.2024 21:15]
    rf"|\W*{CLOCK}(?::\d\d)?\W*\s<[^<>\s]+>"  # [21:15] <anna> …
)


def is_chat(text: str) -> bool:
    """Whether a quarter of the lines begin with time and speaker, as in an export of WhatsApp or Telegram."""
    lines = [line for line in text[:SAMPLE].splitlines() if line.strip()]
    return sum(CHAT_LINE.match(line) is not None for line in lines) >= max(1, 0.25 * len(lines))


def refuse_chat(text: str) -> NoReturn:
    """Raises: UserError, always."""
    raise UserError("a chat export; keep what was said, a message a line, without times and names")


# Plain text

FORTUNE_END = re.compile(r"^[ \t]*%[ \t]*$", re.MULTILINE)
ATTRIBUTION = re.compile(r"\s*--\s*[^\s-]")


def fortune_texts(text: str) -> Texts:
    """The entries of a fortune file, parted by lines with %, without "-- Author" and what follows it."""
    entries = [
        " ".join(takewhile(lambda line: not ATTRIBUTION.match(line), entry.splitlines()))
        for entry in FORTUNE_END.split(text)
    ]
    return Texts(entries, "fortunes, the lines of each joined")


ENDED = re.compile(rf"[{STOPS};:][\"'”’»)\]_]*$")
SENTENCE_STARTS = re.compile(rf"[{STOPS}][\"'”’»)\]_]*\s+[^\w\s]*(\w)")
WIDEST = 120  # characters in a line that was broken to fit
OPENING = " \t\"'“‘«„([_*—–-.…"


def begins_small(line: str) -> bool:
    """Whether the first letter is no capital, so that a sentence may go on in this line."""
    first = line.lstrip(OPENING)[:1]
    return first.isalpha() and first == first.lower()


def is_wrapped(text: str) -> bool:
    """Whether the lines were broken to fit a width, as in books.

    Then a full line in which no sentence ended often goes on with a small letter in the next, sentences begin inside
    of lines, and the longest lines are all about as long. Verse fails the first, a list in small letters the second.
    """
    lines = [line.rstrip() for line in text.splitlines()]
    width, longest = (percentile(lines, share) for share in (90, 99))
    open_ends = [
        begins_small(line)
        for before, line in pairwise(lines)
        if before and line and not ENDED.search(before) and not has_room(before, line, width)
    ]
    filled = sum(map(bool, lines))
    starts = sum(not first.islower() for first in SENTENCE_STARTS.findall(text))
    return (
        longest <= min(WIDEST, 1.12 * width)
        and sum(open_ends) >= max(0.15 * filled, 0.33 * len(open_ends))
        and starts >= 0.05 * filled
    )


def percentile(lines: list[str], share: int) -> int:
    """The length that this share (%) of the lines have at most, those that are empty left out."""
    lengths = sorted(len(line) for line in lines if line)
    return lengths[len(lengths) * share // 100]


def has_room(line: str, following: str, width: int) -> bool:
    """Whether the first word of the following line would easily have fitted in this one."""
    return len(line) + 1 + len(following.split(maxsplit=1)[0]) <= 0.8 * width


def wrapped_texts(text: str) -> Texts:
    """The paragraphs of a hard-wrapped text, each in one line.

    A line break was meant, as in verse and headings, where there was room, and the next line begins with a capital.
    """
    lines = [line.rstrip() for line in text.splitlines()]
    width = percentile(lines, 90)
    paragraphs: list[list[str]] = []
    for before, line in pairwise(["", *lines]):
        if before and line and (begins_small(line) or not has_room(before, line, width)):
            paragraphs[-1].append(line.strip())
        elif line:
            paragraphs.append([line.strip()])
    texts = [" ".join(parts) for parts in paragraphs if not parts[0].startswith("[Illustration")]
    return Texts(texts, "a hard-wrapped text, its lines joined")


CORPUS_HEADING = re.compile(r"^[ \t]*=+ .+ =+[ \t]*$", re.MULTILINE)
CORPUS_SIGN = re.compile(rf"<unk>| @[-,.]@ | n't\b|{CORPUS_HEADING.pattern}", re.MULTILINE)


def corpus_texts(text: str) -> Texts:
    """The lines of Penn Treebank or WikiText, headings left out, with words and numbers as people write them."""
    text = CORPUS_HEADING.sub("", text)
    text = re.sub(r" @([-,.])@ ", r"\1", text)
    text = re.sub(r" (n't|'(?:s|re|ve|ll|d|m))\b", r"\1", text)
    return Texts(text.splitlines(), "a corpus of words parted by spaces, <unk> read as [ANY]")


LIST_NUMBER = re.compile(r"\s*\d+[.)]\s+")


def line_texts(text: str) -> Texts:
    """The lines as they are; where most are numbered, without the numbers."""
    lines = [line for line in text.splitlines() if line.strip()]
    if sum(LIST_NUMBER.match(line) is not None for line in lines) > 0.5 * len(lines):
        return Texts([LIST_NUMBER.sub("", line, count=1) for line in lines], "a numbered list")
    return Texts(lines, "lines of one sentence or more")
