"""From text to sentences, from words to ids and back."""

from pathlib import Path

import pytest

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
        ("He don`t know. She don´t, nor don‘t we", "He don't know She don't , nor don't we"),
        ("'t Is koud en 's avonds regent het", "'t Is koud en 's avonds regent het"),
        ("'s avonds leest hij Jans' boek", "'s avonds leest hij Jans' boek"),
        ("Rock 'n' roll, goin' home with the students’ books", "Rock 'n' roll , goin' home with the students' books"),
        ("’Tis the ’80s, give ‘em hell", "'Tis the '80s , give 'em hell"),
        ("μ' αρέσει τ’ όνομα", "μ' αρέσει τ' όνομα"),
        ("'I see,' said 'the captain', ‘as the 'sea' is near", "I see , said the captain , as the sea is near"),
        ("col·legi EU:n צה״ל צה\"ל", "col·legi EU:n צה״ל צה״ל"),
        ("for 3.50 or 1,000 at 10:30. In 1990, 12.", "for 3.50 or 1,000 at 10:30 In 1990 , 12"),
        ("See https://example.org/a?b=1, or (www.example.org).", "See , or"),
        ("old[3] tower[a] of [sic] stone", "old tower of sic stone"),
        ("Τι κάνεις; «Πού;» «Ποιος»; Yes; no", "Τι κάνεις ? Πού ? Ποιος ? Yes ; no"),
        ("the <unk> 's and <unk>'s well-<unk>", "the <unk> 's and <unk>'s well-<unk>"),
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
        ("你好。你 好吗？！我很好！“好。”是", ["你好。", "你 好吗？", "我很好！", "“好。", "是"]),
        ("Τι κάνεις; Είμαι καλά. Yes; No", ["Τι κάνεις;", "Είμαι καλά.", "Yes; No"]),
        ("It is old.[3] It was built.[4][5] Nobody lives.", ["It is old.", "It was built.", "Nobody lives."]),
        ("“Mr. Oak is late,” he said. (\"Dr. Lace waits.\") Is it —Mrs. Hill? A--Mr. Hill",
         ["“Mr. Oak is late,” he said.", "(\"Dr. Lace waits.", "Is it —Mrs. Hill?", "A--Mr. Hill"]),
        ("He met Gen. Stone, Gov. Reed, Sen. Low and Sgt. Hill of Oak Bros. Ltd. Then he left.",
         ["He met Gen. Stone, Gov. Reed, Sen. Low and Sgt. Hill of Oak Bros. Ltd.", "Then he left."]),
        ("At No. 9 on Jan. 3 and Dec. 24 they sold. He said no. Then it was Jan. They sang.",
         ["At No. 9 on Jan. 3 and Dec. 24 they sold.", "He said no.", "Then it was Jan.", "They sang."]),
        ("Cats, dogs etc. 5 of them by Oak Inc. 2 were", ["Cats, dogs etc. 5 of them by Oak Inc. 2 were"]),
        ("Am 3. Oktober. Der 12. Mai. Es war 1990. Dann kam 100. Er", [
            "Am 3. Oktober.", "Der 12. Mai.", "Es war 1990.", "Dann kam 100.", "Er"]),
        ("It costs 3.50. Then \"No.\" He left", ["It costs 3.50.", "Then \"No.", "He left"]),
        ("یہ اچھا ہے۔ وہ گیا۔", ["یہ اچھا ہے۔", "وہ گیا۔"]),
        ("Սա տուն է։ Նա գնաց։", ["Սա տուն է։", "Նա գնաց։"]),
        ("ይህ ቤት ነው። እሱ ሄደ።", ["ይህ ቤት ነው።", "እሱ ሄደ።"]),
        ("ဒါ က အိမ် ပါ။ သူ သွား တယ်။", ["ဒါ က အိမ် ပါ။", "သူ သွား တယ်။"]),
        ("នេះ ជា ផ្ទះ។ គាត់ ទៅ។", ["នេះ ជា ផ្ទះ។", "គាត់ ទៅ។"]),
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


def test_marks_before_the_first_word_are_dropped(tmp_path):
    path = write_file(tmp_path, "… , and they go home\n?, ! :\n")
    assert read_sentences(path).sentences == [["and", "they", "go", "home"]]


def test_duplicates_and_short_sentences_are_dropped(tmp_path):
    path = write_file(tmp_path, "We all go home.\nwe all GO home\nNo, no!\nWe all go out.\n")
    assert read_sentences(path).sentences == [["We", "all", "go", "home"], ["We", "all", "go", "out"]]


def test_duplicates_are_found_in_any_language(tmp_path):
    path = write_file(tmp_path, "İki kedi var.\niki kedi var.\n")
    assert read_sentences(path).sentences == [["İki", "kedi", "var"]]


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


def test_unknown_words_of_a_corpus_are_any():
    vocabulary = Vocabulary.of([["The", "<unk>", "of", "<unk>'s", "<UNK>"]] * 3, min_count=1)
    assert vocabulary.words == ["[END]", "[ANY]", "the", "of"]
    assert vocabulary.encode(["<unk>", "of", "<unk>'s", "<UNK>"]) == [ANY, 3, ANY, ANY]


def test_turkish_capitals():
    sentences = [tokenize("İnsan geldi, insan gitti, I\u0307NSAN güldü; ışık Isı")]
    vocabulary = Vocabulary.of(sentences, min_count=2)
    assert vocabulary.words[2:] == ["insan", ","]
    assert vocabulary.encode(["İnsan", "insan", "ınsan"]) == [2, 2, ANY]


def test_rare_words_become_any_and_capitals_don_t_matter():
    vocabulary = Vocabulary.of(SENTENCES, min_count=3)
    ids = vocabulary.encode(["WALK", "on", "monday", "Blorb"])
    assert ids == [2, ANY, 4, ANY]
    assert vocabulary.decode(ids) == ["walk", "[ANY]", "Monday", "[ANY]"]
