"""Splitting, encoding, batching."""

from argparse import Namespace

import pytest
import torch
from torch.nn.utils.rnn import pad_packed_sequence

from utils.dataset import Batch, SentenceDataset, batches, load_data, split
from utils.errors import UserError
from utils.vocabulary import END, Vocabulary

SENTENCES = [f"w{i} w{i + 1} w{i + 2}".split() + ["x"] * (i % 7) for i in range(95)]
VOCABULARY = Vocabulary.of(SENTENCES, 1)


def test_split_is_a_partition_and_seeded():
    train, test = split(SENTENCES, seed=3)
    assert len(test) == 10  # 9.5, rounded to even
    assert sorted(train + test) == sorted(SENTENCES)
    assert split(SENTENCES, seed=3) == (train, test)
    assert split(SENTENCES, seed=4) != (train, test)


def test_ten_sentences_are_enough_and_nine_too_few(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("\n".join(" ".join(s) for s in SENTENCES[:10]), encoding="utf-8")
    options = Namespace(data=path, field=None, limit=None, seed=0, min_count=1, max_length=20)
    data = load_data(options)
    assert (len(data.train), len(data.test)) == (9, 1)
    options.limit = 9
    with pytest.raises(UserError, match=r"data\.txt: only 9 sentences"):
        load_data(options)


def test_a_vocabulary_without_words_is_refused(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("\n".join(" ".join(s) for s in SENTENCES), encoding="utf-8")
    with pytest.raises(UserError, match="--min-count"):
        load_data(Namespace(data=path, field=None, limit=None, seed=0, min_count=1000, max_length=20))


def test_targets_are_the_inputs_one_word_on():
    dataset = SentenceDataset([["w1", "w2", "w3"], ["w4", "x", "x", "x", "x", "w5"]], VOCABULARY, max_length=5)
    w1, w2, w3, w4, x = VOCABULARY.encode(["w1", "w2", "w3", "w4", "x"])
    [batch] = batches(dataset, 2)
    # The longest first: it was cut after 5 tokens, so it has no [END] and 4 targets.
    assert batch.lengths.tolist() == [4, 3]
    assert batch.inputs.tolist() == [[w4, x, x, x], [w1, w2, w3, END]]
    assert batch.targets.tolist() == [[x, x, x, x], [w2, w3, END, END]]
    assert sorted(dataset.targets().tolist()) == sorted([x, x, x, x, w2, w3, END])


def test_packing_leaves_out_the_padding():
    dataset = SentenceDataset(SENTENCES, VOCABULARY, max_length=8)
    for batch in batches(dataset, 16, seed=0):
        inputs, targets = batch.pack(torch.device("cpu"))
        padded, lengths = pad_packed_sequence(inputs, batch_first=True, padding_value=END)
        assert torch.equal(padded, batch.inputs)
        assert torch.equal(lengths, batch.lengths)
        assert len(targets) == batch.lengths.sum()
        padded, _ = pad_packed_sequence(inputs._replace(data=targets), batch_first=True, padding_value=END)
        assert torch.equal(padded, batch.targets)


def test_what_stands_in_the_padding_changes_nothing():
    batch = next(iter(batches(SentenceDataset(SENTENCES, VOCABULARY, max_length=8), 95)))
    padding = torch.arange(batch.inputs.shape[1]) >= batch.lengths.unsqueeze(1)
    assert padding.any()
    changed = Batch(batch.inputs.masked_fill(padding, 5), batch.targets.masked_fill(padding, 5), batch.lengths)
    assert not torch.equal(changed.inputs, batch.inputs)
    device = torch.device("cpu")
    for ours, theirs in zip(batch.pack(device), changed.pack(device), strict=True):
        assert torch.equal(getattr(ours, "data", ours), getattr(theirs, "data", theirs))


def test_batches_hold_every_sentence_once_and_like_lengths():
    dataset = SentenceDataset(SENTENCES, VOCABULARY, max_length=20)
    loader = batches(dataset, 16, seed=5)
    first, second = ([tuple(batch.inputs[:, 0].tolist()) for batch in loader] for _ in range(2))
    assert len(first) == len(loader) == 6
    assert sorted(sum(first, ())) == sorted(VOCABULARY.encode(s[0] for s in SENTENCES))
    assert first != second  # drawn anew every epoch
    assert set(map(frozenset, first)) != set(map(frozenset, second))  # and so is who meets whom
    again = batches(dataset, 16, seed=5)
    assert [tuple(batch.inputs[:, 0].tolist()) for batch in again] == first
    for batch in loader:
        assert batch.lengths[0] - batch.lengths[-1] <= 2
        assert batch.lengths.tolist() == sorted(batch.lengths.tolist(), reverse=True)
    orders = [[len(batch.inputs[0]) for batch in loader] for _ in range(5)]
    assert any(order != sorted(order, reverse=True) for order in orders)  # the longest aren't always first


def test_the_share_of_any_is_that_of_the_words_to_predict(tmp_path, capsys):
    path = tmp_path / "data.txt"
    path.write_text("\n".join(" ".join(s) for s in SENTENCES), encoding="utf-8")
    data = load_data(Namespace(data=path, field=None, limit=None, seed=0, min_count=3, max_length=8))
    known = set(data.vocabulary.words)
    targets = [word for s in data.train.sentences for word in [*s[1:8], *["[END]"] * (len(s) <= 8)]]
    share = sum(word not in known for word in targets) / len(targets)
    assert f"; {share:.1%} of the words to predict are [ANY]" in capsys.readouterr().out
    assert 0.01 < share < 0.99


def test_vocabulary_is_counted_on_the_training_sentences_alone(tmp_path, capsys):
    path = tmp_path / "data.txt"
    path.write_text("\n".join(" ".join(s) for s in SENTENCES), encoding="utf-8")
    data = load_data(Namespace(data=path, field=None, limit=None, seed=0, min_count=1, max_length=20))
    assert "sentences to train on" in capsys.readouterr().out
    expected = {word for s in data.train.sentences for word in s}
    assert set(data.vocabulary.words[2:]) == expected
    assert {word for s in data.test.sentences for word in s} - expected  # else the test couldn't fail


def test_what_was_read_is_told(tmp_path, capsys):
    path = tmp_path / "data.csv"
    options = Namespace(data=path, field=None, limit=None, seed=0, min_count=1, max_length=4)

    def told(long: int) -> str:
        lines = [f"w{i} w w" + " x x" * (i < long) for i in range(40)]
        path.write_text("\n".join(["id,text", *(f"1,{line}." for line in lines)]), encoding="utf-8")
        load_data(options)
        return capsys.readouterr().out

    assert "data.csv: a table, column 2\n36 sentences" in told(1)
    assert "--max-length" not in told(1)  # 2.5%
    assert "\n5% of the sentences are longer than --max-length 4" in told(2)
    options.limit = 1
    with pytest.raises(UserError, match="only 1 sentence; 10"):
        load_data(options)
