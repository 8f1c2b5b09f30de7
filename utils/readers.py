"""A file of any kind that people have → its texts. Encoding, layout and markup end here."""

import codecs
import html
import re
from pathlib import Path

from utils.errors import UserError
from utils.formats import (
    CORPUS_SIGN,
    CUE_TIMES,
    FORTUNE_END,
    HTML_START,
    JSON_START,
    Texts,
    corpus_texts,
    fortune_texts,
    is_chat,
    is_table,
    is_wrapped,
    json_texts,
    line_texts,
    refuse_chat,
    refuse_html,
    subtitle_texts,
    table_texts,
    wrapped_texts,
)

# The first row that fits counts: its name endings, the look of its texts, its reader, and whether that takes a field.
READERS = (
    ((".json", ".jsonl", ".ndjson"), JSON_START.match, json_texts, True),
    ((".srt", ".vtt"), CUE_TIMES.search, subtitle_texts, False),
    ((".csv", ".tsv"), is_table, table_texts, True),
    ((".html", ".htm", ".xml"), HTML_START.match, refuse_html, False),
    ((), is_chat, refuse_chat, False),
    ((), FORTUNE_END.search, fortune_texts, False),
    ((), is_wrapped, wrapped_texts, False),
    ((), CORPUS_SIGN.search, corpus_texts, False),
    ((), lambda text: True, line_texts, False),
)


def read_texts(path: Path, field: str | None = None) -> Texts:
    """The texts of a file, read by the first of `READERS` that its name ending or its look fits; entities undone.

    Args:
        path: the file; UTF-8, or UTF-16 with a byte-order mark.
        field: the field of JSON objects, or the column of a table (its name, or its number from 1), that holds the
            text; by default the first of `FIELDS` that is there, in capital or small letters.

    Raises:
        UserError: the file can't be read, or isn't text that can be used; the line says what it is and what to do.
    """
    text = read_text(path)
    ending = path.suffix.lower()
    read, takes_field = next(
        (read, takes_field) for endings, fits, read, takes_field in READERS if ending in endings or fits(text)
    )
    try:
        found = read(text, field) if takes_field else read(text)
        if field is not None and not takes_field:
            raise UserError("--field is for CSV, TSV and JSON, and this is none by its name or look")
        texts = [html.unescape(text) for text in found.texts]
        require_spaces(texts)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    return Texts(texts, found.format)


FIRST_BYTES = {
    b"%PDF": "a PDF; copy its text into a text file",
    b"PK\x03\x04": "a zip archive, or a Word, Excel, OpenDocument or EPUB file; unpack it, or save it as plain text",
    b"\xd0\xcf\x11\xe0": "an old Word or Excel file; save it as plain text",
    b"{\\rtf": "an RTF file; save it as plain text",
    b"PAR1": "a Parquet file; save it as CSV",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"BZh": "a bzip2 archive; unpack it",
    b"\xfd7zXZ": "an xz archive; unpack it",
    b"7z\xbc\xaf": "a 7z archive; unpack it",
    b"Rar!": "a RAR archive; unpack it",
    **dict.fromkeys((b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\0"), "a picture; type its words into a text file"),
    b"RIFF": "a picture, a sound or a film; type its words into a text file",
}


def read_text(path: Path) -> str:
    """A file's text, without the byte-order mark; its lines end in a line feed each.

    Raises:
        UserError: the file is missing, a folder, unreadable, empty, binary or in another encoding.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; give --data a file of text") from None
    except IsADirectoryError:
        raise UserError(f"{path}: is a folder; give --data a file in it") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from None
    for first_bytes, what in FIRST_BYTES.items():
        if data.startswith(first_bytes):
            raise UserError(f"{path}: {what}")
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"
    if encoding == "utf-8" and b"\0" in data:
        raise UserError(f"{path}: a binary file, or UTF-16 without a byte-order mark; save it as plain text in UTF-8")
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path}: not {encoding.upper()} text (byte {error.start}); save it as UTF-8 in an editor, or convert it: "
            f"iconv -f CP1252 -t UTF-8 {path.name} > utf8.txt (Baltic letters: CP1257, Cyrillic ones: CP1251)"
        ) from None
    text = without_licence(text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", ""))
    if not text.strip():
        raise UserError(f"{path}: the file is empty")
    return text


GUTENBERG_START = re.compile(r"^\*\*\* ?START OF (?:[^*]{,300}\*\*\*|.*)", re.MULTILINE)
GUTENBERG_END = re.compile(r"^(?:\*\*\* ?END OF |End of (?:the )?Project Gutenberg)", re.MULTILINE)


def without_licence(text: str) -> str:
    """A book of Project Gutenberg without the header before it and the licence behind it; any other text whole."""
    start, end = GUTENBERG_START.search(text), GUTENBERG_END.search(text)
    return text[start.end() if start else 0:end.start() if end else None]


# Scripts without spaces, and how long a run of their letters is on the average where words are parted, at most.
UNSPACED = {
    re.compile("[\u3005\u3040-\u30ff\u3400-\u9fff]+"): 3,  # Chinese and Japanese
    re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]+"): 10,  # Thai, Lao, Tibetan, Burmese, Khmer
}


def require_spaces(texts: list[str]) -> None:
    """Refuses texts of which a tenth or more is written without spaces between words.

    Raises:
        UserError: they are such.
    """
    for script, longest in UNSPACED.items():
        runs = [found for text in texts if not text.isascii() and (found := script.findall(text))]
        lengths = [len(run) for found in runs for run in found]
        many = len(runs) >= 0.1 * len(texts) or sum(lengths) >= 0.1 * sum(map(len, texts))
        if many and sum(lengths) > longest * len(lengths):
            raise UserError(
                "written without spaces between words, as Chinese, Japanese, Thai or Khmer is, so words can't be told; "
                "part the words with spaces first, by a word segmenter"
            )
