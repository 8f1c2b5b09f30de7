"""Any text at all is survived, and what is kept of it comes back as it went in."""

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from utils.completion import Ending, tokens_of, write
from utils.errors import UserError
from utils.sentences import is_word, read_sentences, split_sentences, tokenize
from utils.vocabulary import ANY, Vocabulary, normalize

# Any Unicode, and more often than chance would have it: what texts are made of, in many scripts.
LETTERS = [*"aBßİǆﬁΣςĢģनिع你๏²7_", "s\u030c", "\u0301", "👩\u200d👩\u200d👧"]
SPACES = [*" \t\n\x85\u2028\u00a0\u200b\u200c\u200d\u200e\u200f\u202e\ufeff\u00ad", "\r\n"]
PIECES = st.sampled_from([*LETTERS, *SPACES, *".?!…,;:'’-–\"»%\ud800\x00\x1b", "\n%\n", "\n-- A", "[END]", "[ANY]"])
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join))
QUICK = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(TEXTS)
@example("a’’b 'c' --d-- e-f")
def test_tokens_are_what_a_sentence_is_written_with(text):
    tokens = tokenize(text)
    assert all(token and not set(token) & set(" \t\n.[]%\"") for token in tokens)
    assert tokenize(" ".join(tokens)) == tokens
    assert all(is_word(token) or token in (",", ";", ":", "?", "!") for token in tokens)


@QUICK
@given(TEXTS)
def test_parting_loses_no_word(text):
    assert [token for part in split_sentences(text) for token in tokenize(part) if is_word(token)] == [
        token for token in tokenize(text) if is_word(token)
    ]


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
                assert normalize(word) == normalize(token) or (number == ANY and min_count > 1)
                assert vocabulary.encode([word]) == [number]
        assert Vocabulary(vocabulary.words[2:]).ids == vocabulary.ids  # as a checkpoint brings it back


@QUICK
@given(st.lists(TEXTS, min_size=1))
def test_json_and_fortune_of_any_text(tmp_path, texts):
    for name, content in (("odd.json", json.dumps(texts)), ("fortunes", "\n%\n".join(texts))):
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8", "replace"))
        try:
            assert all(sum(map(is_word, tokens)) >= 3 for tokens in read_sentences(path).sentences)
        except UserError as error:
            assert "\n" not in str(error)


@QUICK
@given(TEXTS)
def test_anything_may_be_typed(text):
    vocabulary = Vocabulary(["sea"])
    tokens = tokens_of(text)
    assert not tokens or is_word(tokens[0])
    assert write(text, Ending(vocabulary.encode(["sea"]), ended=True), vocabulary).endswith("sea.")


LONG = {
    "letters": "a" * 1_000_000,
    "words": "a " * 500_000,
    "stops": "." * 1_000_000,
    "joints": "'-" * 500_000,
    "marks": "? " * 500_000,
    "accents": "a\u0301" * 500_000,
    "quotes": '."' * 500_000,
    "initials": "a. " * 333_333,
    "halves": "a'" * 500_000,
    "spaces": " " * 1_000_000,
    "sentences": "aa. Bb " * 150_000,
}


@pytest.mark.parametrize("line", LONG.values(), ids=list(LONG))
def test_a_line_of_a_million_characters(tmp_path, line):
    """Each takes a moment; a quadratic step would take hours."""
    path = tmp_path / "long.txt"
    path.write_text(f"one two three\n{line}\n", encoding="utf-8")
    assert read_sentences(path).sentences[0] == ["one", "two", "three"]
    tokens_of(line)
    assert write(f"{line}b", Ending([], ended=True), Vocabulary([])).lower().endswith("b.")
