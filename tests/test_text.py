"""From files to sentences, from words to numbers and back."""

import json
from pathlib import Path

import pytest

from utils.errors import UserError
from utils.sentences import read_sentences, split_sentences, tokenize
from utils.vocabulary import ANY, END, Vocabulary


def write_file(folder: Path, text: str, name: str = "data.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode("utf-8"))
    return path


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The sea, too, is cold.", "The sea , too , is cold"),
        ("Why? Because: it can; so it does!", "Why ? Because : it can ; so it does !"),
        ("Vai tu vari šķērsot ģimenes ceļu?", "Vai tu vari šķērsot ģimenes ceļu ?"),
        ("s\u030ck\u0327e\u0304rsot", "šķērsot"),  # accents typed as characters of their own
        ("I don’t know my mother-in-law's name", "I don't know my mother-in-law's name"),
        ("'quoted' and - dashed - words--here", "quoted and dashed words here"),
        ("(brackets) [are] \"dropped\" — as … are • other * marks", "brackets are dropped as are other marks"),
        ("What?! No!!!", "What ? No !"),
        ("Привет, мир! 你好，世界！", "Привет , мир ! 你好 , 世界 !"),
        ("हिन्दी में किताब", "हिन्दी में किताब"),  # vowel signs are no letters to Python's \w
        ("می\u200cخواهم بروم؟", "می\u200cخواهم بروم ?"),  # a Persian word with its joiner
        ("in 2024 we ate 3 😀 cakes_today", "in 2024 we ate 3 cakes today"),
        ("zero\u200bwidth and so\u00adft hy\u00adphens", "zero width and soft hyphens"),
        ("", ""),
    ],
)
def test_tokens(text, tokens):
    assert tokenize(text) == tokens.split()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One is here. Two is there! Is three? Yes.", ["One is here.", "Two is there!", "Is three?", "Yes."]),
        ("He said “No.” Then he left.", ["He said “No.", "Then he left."]),
        ("Mr. Smith met J. R. Bach. They talked.", ["Mr. Smith met J. R. Bach.", "They talked."]),
        ("It costs 3.50 euros, e.g. here.", ["It costs 3.50 euros, e.g. here."]),
        ("He left. Mr. Smith came. Prof. Ozols and J. Bach too.",
         ["He left.", "Mr. Smith came.", "Prof. Ozols and J. Bach too."]),
        ("So do I. The dog sleeps.", ["So do I.", "The dog sleeps."]),
        ("این چیست؟ من نمی‌دانم.", ["این چیست؟", "من نمی‌دانم."]),
        ("Wait... what is it?", ["Wait... what is it?"]),
        ("Ģimene brauc. Āboli aug.", ["Ģimene brauc.", "Āboli aug."]),
    ],
)
def test_sentences_are_parted(text, sentences):
    assert split_sentences(text) == sentences


def test_text_file(tmp_path):
    path = write_file(tmp_path, "\ufeffThe cat sleeps. A dog barks loudly!\r\n\r\nToo short\r\nthe cat, it sleeps\r\n")
    assert read_sentences(path).sentences == [
        ["The", "cat", "sleeps"],
        ["A", "dog", "barks", "loudly", "!"],
        ["the", "cat", ",", "it", "sleeps"],
    ]


def test_duplicates_and_short_sentences_are_dropped(tmp_path):
    path = write_file(tmp_path, "We all go home.\nwe all GO home\nNo, no!\nWe all go out.\n")
    assert read_sentences(path).sentences == [["We", "all", "go", "home"], ["We", "all", "go", "out"]]


@pytest.mark.parametrize("field", ["Quote", "quote", "text", "sentence"])
def test_json_of_objects(tmp_path, field):
    items = [{field: "Be the change. You can do it.", "Author": "Somebody Else Here"}, {field: "Ko tu dari šodien?"}]
    path = write_file(tmp_path, json.dumps(items), "quotes.json")
    assert [" ".join(s) for s in read_sentences(path).sentences] == ["Be the change", "You can do it", "Ko tu dari šodien ?"]


def test_json_of_strings(tmp_path):
    path = write_file(tmp_path, '\ufeff["One two three.", "Four five\\nsix."]', "list.JSON")
    assert read_sentences(path).sentences == [["One", "two", "three"], ["Four", "five", "six"]]


def test_fortune_file(tmp_path):
    text = """A long saying that is
wrapped over lines.
\t\t-- A. N. Author, "A Book of
\t\t   Many Words"
%
Two sentences are here. They are parted.
%
--Nobody said a word
%
The last one - with a dash - stays.
"""
    assert [" ".join(s) for s in read_sentences(write_file(tmp_path, text, "fortunes")).sentences] == [
        "A long saying that is wrapped over lines",
        "Two sentences are here",
        "They are parted",
        "The last one with a dash stays",
    ]


SENTENCES = [
    ["Today", "I", "walk", "on", "Monday"],
    ["Monday", "is", "when", "I", "walk"],
    ["When", "on", "MONDAY", ",", "I", "walk", ",", "walk"],
    ["Never", "say", "never", "never"],
    ["Unless", "a"],
    ["Unless", "b"],
    ["Unless", "c"],
]


def test_vocabulary_counts_and_orders():
    vocabulary = Vocabulary.of(SENTENCES, min_count=3)
    # walk 4; then 3 times each, as first met: I, Monday, Never, Unless.
    assert vocabulary.words == ["[END]", "[ANY]", "walk", "I", "Monday", "never", "unless"]
    assert (END, ANY) == (0, 1)


def test_written_forms_are_those_inside_sentences():
    words = Vocabulary.of(SENTENCES, min_count=1).words
    assert "I" in words
    assert "Monday" in words  # twice first or small-lettered elsewhere doesn't outvote it
    assert "when" in words
    assert "unless" in words  # only ever first, so its capital means nothing


def test_rare_words_become_any_and_capitals_don_t_matter():
    vocabulary = Vocabulary.of(SENTENCES, min_count=3)
    ids = vocabulary.encode(["WALK", "on", "monday", "Blorb"])
    assert ids == [2, ANY, 4, ANY]
    assert vocabulary.decode(ids) == ["walk", "[ANY]", "Monday", "[ANY]"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "empty"),
        ("blank.txt", b" \n\n", "empty"),
        ("latin.txt", "Šis nav UTF-8 fails".encode("cp1257"), "UTF-8"),
        ("utf16.txt", "one two three".encode("utf-16"), "UTF-8"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00", "UTF-8"),
        ("zeros.bin", b"one two three\0\0", "binary"),
        ("short.txt", b"one two\nthree", "no sentence of 3 words"),
        ("broken.json", b'["one two three",\n oops]', "line 2, column 2"),
        ("object.json", b'{"Quote": "one two three"}', "list"),
        ("none.json", b"[]", "list"),
        ("numbers.json", b'["one two three", 4]', "item 2"),
        ("fields.json", b'[{"Author": "one two three"}]', "item 1"),
        ("null.json", b'[{"Quote": null}]', "item 1"),
        ("deep.json", b"[" * 100_000, "JSON"),
        ("huge.json", b"[" + b"9" * 10_000 + b"]", "JSON"),
    ],
)
def test_faulty_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_sentences(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_sentences(tmp_path / "missing.txt")
    with pytest.raises(UserError, match="folder"):
        read_sentences(tmp_path)
