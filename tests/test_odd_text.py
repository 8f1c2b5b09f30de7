"""Any text at all is survived, and what is kept of it comes back as it went in."""

import json
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from utils.completion import Ending, tokens_of, write_sentence
from utils.errors import UserError
from utils.sentences import UNKNOWN, is_word, normalize, read_sentences, split_sentences, tokenize
from utils.vocabulary import ANY, Vocabulary

# Any Unicode, and more often than chance would have it: what texts are made of, in many scripts.
LETTERS = [*"aBßİǆﬁΣςĢģनिع你๏²7_", "s\u030c", "\u0301", "👩\u200d👩\u200d👧", *"אλ", "tis", "<unk>"]
SPACES = [*" \t\n\x85\u2028\u00a0\u200b\u200c\u200d\u200e\u200f\u202e\ufeff\u00ad", "\r\n"]
MARKS = [*".?!…,;:'’-–\"»%\ud800\x00\x1b`‘´·״。؟।", "\n%\n", "\n-- A", "[END]", "[ANY]", "&quot;", "www.a"]
PIECES = st.sampled_from([*LETTERS, *SPACES, *MARKS])
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(TEXTS)
@example("a’’b 'c' --d-- e-f")
def test_tokens_are_what_a_sentence_is_written_with(text):
    tokens = tokenize(text)
    assert all(token and not set(token) & set(" \t\n[]%\"") for token in tokens)
    assert not any(re.search(r"\D\.|\.\D", f" {token} ") for token in tokens)  # a full stop in a number alone
    assert tokenize(" ".join(tokens)) == tokens
    assert all(is_word(token) or token in (",", ";", ":", "?", "!") for token in tokens)


@QUICK
@given(TEXTS)
def test_parting_loses_no_word(text):
    def words(part: str) -> list[str]:
        """Without the apostrophes that may be quotation marks, which depends on where the other one is."""
        return [token.strip("'") for token in tokenize(part) if is_word(token)]

    assert [word for part in split_sentences(text) for word in words(part)] == words(text)


@QUICK
@given(TEXTS)
def test_sentences_come_back_from_the_vocabulary(tmp_path, text):
    path = tmp_path / "odd.txt"
    path.write_bytes(text.encode("utf-8", "replace"))
    try:
        sentences = read_sentences(path).sentences
    except UserError as error:
        assert "\n" not in str(error)
        return
    for min_count in (1, 2):
        vocabulary = Vocabulary.of(sentences, min_count)
        for tokens in sentences:
            ids = vocabulary.encode(tokens)
            for token, number, word in zip(tokens, ids, vocabulary.decode(ids), strict=True):
                assert normalize(word) == normalize(token) or (
                    number == ANY and (min_count > 1 or UNKNOWN in normalize(token))
                )
                assert vocabulary.encode([word]) == [number]
        assert Vocabulary(vocabulary.words[2:]).ids == vocabulary.ids  # as a checkpoint brings it back


ENDINGS = ["", ".txt", ".json", ".jsonl", ".csv", ".tsv", ".srt", ".vtt", ".html"]
SCRAPS = st.sampled_from([
    *"\n\r\t,;|\"'{}[]:#=<> aB1.", "\n\n", "one two three. ", "我们今天去商店", " @-@ ", "[Illustration",
    '{"text": "', '{"quotes": [', '{"0": ', "null", "1e999", '\\ud800"', "text,by\n", "#a:b\n",
    "*** START OF ", "*** END OF", "1\n00:00:01,000 --> 00:00:02,000\n", "WEBVTT", "NOTE", "12.03.24, 21:15 - A: ",
])
CONTENTS = st.one_of(
    st.binary(),
    TEXTS.map(lambda text: text.encode("utf-8", "replace")),
    st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf", b"%PDF"]), st.lists(SCRAPS, max_size=30)).map(
        lambda parts: parts[0] + "".join(parts[1]).encode("utf-8")
    ),
    st.tuples(st.sampled_from(["utf-16", "utf-32"]), TEXTS).map(lambda pair: pair[1].encode(pair[0], "replace")),
    st.lists(TEXTS, min_size=1).map(lambda texts: json.dumps(texts).encode("utf-8")),
    st.recursive(st.none() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)).map(
        lambda value: json.dumps(value).encode("utf-8")
    ),
)


@settings(QUICK, max_examples=600)
@given(CONTENTS, st.sampled_from(ENDINGS), st.sampled_from([None, "1", "text", "", "²"]))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path, content, ending, field):
    path = tmp_path / f"odd{ending}"
    path.write_bytes(content)
    try:
        sentences, form = read_sentences(path, field)
    except UserError as error:
        assert len(str(error).splitlines()) == 1
        assert str(path) in str(error)
    else:
        assert len(form.splitlines()) == 1
        assert all(sum(map(is_word, tokens)) >= 3 for tokens in sentences)


@QUICK
@given(TEXTS)
def test_anything_may_be_typed(text):
    vocabulary = Vocabulary(["sea"])
    tokens = tokens_of(text)
    assert not tokens or is_word(tokens[0])
    sentence = write_sentence(text, Ending(vocabulary.encode(["sea"]), ended=True), vocabulary)
    assert sentence[-4:] in ("sea.", "sea।", "sea。")


LONG = {
    "letters": "a" * 200_000,
    "words": "a " * 100_000,
    "stops": "." * 200_000,
    "joints": "'-" * 100_000,
    "marks": "? " * 100_000,
    "accents": "a\u0301" * 100_000,
    "quotes": '."' * 100_000,
    "initials": "a. " * 66_667,
    "halves": "a'" * 100_000,
    "spaces": " " * 200_000,
    "sentences": "aa. Bb " * 30_000,
    "apostrophes": "'a" * 100_000,
    "single quotes": "'A b' " * 30_000,
    "footnotes": ".[1]" * 50_000,
    "URLs": "http://" * 28_000,
    "numbers": "1," * 100_000,
    "Greek questions": "α;" * 100_000,
    "ideographs": "。」" * 100_000,
    "entities": "&am" * 60_000,
    "Latin": "ab. " * 50_000,
}


@pytest.mark.parametrize("line", LONG.values(), ids=list(LONG))
def test_a_line_of_200_000_characters(tmp_path, line):
    """Each takes a moment; with a step of quadratic time it would not fail, but not come back."""
    path = tmp_path / "long.txt"
    path.write_text(f"One two three.\n{line}\n", encoding="utf-8")
    try:
        assert read_sentences(path).sentences[0] == ["One", "two", "three"]
    except UserError as error:
        assert "without spaces" in str(error)
    tokens_of(line)
    assert write_sentence(f"{line}b", Ending([], ended=True), Vocabulary([])).lower().endswith("b.")


LONG_FILES = {
    "table": ("a.csv", "a,b\n" * 50_000),
    "quotation mark": ("a.csv", 'text,b\n"' + "a,b\n" * 50_000),
    "tabs": ("a.txt", "\t" * 200_000),
    "head": ("a.txt", "a," * 100_000),
    "objects": ("a.json", '{"text": "one two three"}\n' * 8_000),
    "brackets": ("a.json", "[" * 200_000),
    "empty lines": ("a.srt", "00:00:01,000 --> 00:00:02,000\n" + "\n" * 200_000),
    "cues": ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\n" * 6_000),
    "tags": ("a.srt", "00:00:01,000 --> 00:00:02,000\n" + "<a" * 100_000),
    "braces": ("a.srt", "00:00:01,000 --> 00:00:02,000\n" + "{\\" * 100_000),
    "colons": ("a.txt", "1" * 100_000 + ":" * 100_000),
    "spaces": ("a.txt", " " * 199_999 + "x"),
    "empty": ("a.txt", "\n" * 199_999 + "x"),
    "headings": ("a.txt", "<unk>" + "=" * 200_000),
    "licences": ("a.txt", "*** START OF a\n" * 14_000),
    "comments": ("a.txt", "<!--" * 50_000),
    "wrapped": ("a.txt", "One two. Three\nfour five\n" * 8_000),
    "chat": ("a.txt", "1.1.1 1:11 " * 18_000),
}


@pytest.mark.parametrize(("name", "content"), LONG_FILES.values(), ids=list(LONG_FILES))
def test_a_file_of_200_000_characters(tmp_path, name, content):
    """As above, a step of quadratic time would not come back."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    try:
        assert read_sentences(tmp_path / name).sentences
    except UserError as error:
        assert len(str(error)) < 1000
