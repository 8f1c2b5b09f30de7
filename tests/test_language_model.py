"""The language model: shared weights, locked dropout, many-to-many and many-to-one."""

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from models import CELLS, LSTM, LanguageModel
from models.language_model import LockedDropout
from models.recurrent import repack


def packed_ids():
    return pack_sequence([torch.tensor(ids) for ids in ([3, 1, 4, 1, 5], [2, 6], [5, 3, 5])], enforce_sorted=False)


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS.values(), ids=list(CELLS))
def test_one_word_at_a_time_is_the_whole_sentence(cell, layers):
    """Many-to-one with the states carried along predicts what many-to-many does."""
    torch.manual_seed(0)
    model = LanguageModel(cell, 9, 4, 6, layers=layers, dropout=0.5).eval()
    logits, _ = model(packed_ids())
    padded, lengths = pad_packed_sequence(logits, batch_first=True)
    states = None
    for place, word in enumerate([3, 1, 4, 1, 5]):
        one, states = model(pack_sequence([torch.tensor([word])]), states)
        torch.testing.assert_close(one.data[0], padded[0, place])
    assert padded.shape == (3, 5, 9)
    assert lengths.tolist() == [5, 2, 3]


def test_logits_are_products_with_the_embedding():
    torch.manual_seed(0)
    model = LanguageModel(LSTM, 9, 4, 6).eval()
    torch.nn.init.normal_(model.bias)
    words = packed_ids()
    hidden, _ = model.layers[0](repack(words, model.embedding.weight[words.data]))
    P, p = model.projection.weight, model.projection.bias
    by_hand = torch.stack([model.embedding.weight @ (P @ h + p) + model.bias for h in hidden.data])
    torch.testing.assert_close(model(words)[0].data, by_hand)


def test_an_untrained_model_guesses_by_frequency():
    model = LanguageModel(LSTM, 4, 3, 5)
    torch.nn.init.zeros_(model.embedding.weight)
    model.start_from_frequencies(torch.tensor([5, 0, 2, 9]))
    logits, _ = model(pack_sequence([torch.tensor([2])]))
    torch.testing.assert_close(logits.data.softmax(1), torch.tensor([[6, 1, 3, 10]]) / 20)


def test_dropout_is_one_mask_a_sentence():
    torch.manual_seed(0)
    ones = pack_sequence([torch.ones(n, 50) for n in (7, 5, 2)])
    padded, _ = pad_packed_sequence(LockedDropout(0.4)(ones), batch_first=True)
    for sentence, length in zip(padded, (7, 5, 2), strict=True):
        assert (sentence[:length] == sentence[0]).all()
        assert set(sentence[0].tolist()) == {0.0, torch.tensor(1 / 0.6).item()}
    assert not torch.equal(padded[0, 0], padded[1, 0])


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    dropped = LockedDropout(0.3)(pack_sequence([torch.ones(1, 100_000)])).data
    assert (dropped == 0).float().mean() == pytest.approx(0.3, abs=0.01)
    assert dropped.mean() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_stands_before_the_layers_and_after_each(training):
    torch.manual_seed(0)
    model = LanguageModel(LSTM, 9, 40, 60, layers=2, dropout=0.5).train(training)
    features = []
    for layer in model.layers:
        layer.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0].data))
    outputs, _ = model.hidden_states(packed_ids())
    for x in (*features, outputs.data):
        assert (x == 0).float().mean() == pytest.approx(0.5 if training else 0, abs=0.15)
    assert len(features) == 2


def test_dropout_rests_outside_training():
    ones = pack_sequence([torch.ones(3, 5)])
    assert LockedDropout(0.9).eval()(ones) is ones
