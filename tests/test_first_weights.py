"""The weights with which a training begins."""

import math

import pytest
import torch
from torch.nn.utils.rnn import pack_sequence

from models import CELLS, LSTM, AttentionLSTM, LanguageModel, PhasedLSTM

INPUT, HIDDEN = 30, 100
# Attention adds weights with rules of their own to an LSTM that is among the others.
RECURRENT = {name: cell for name, cell in CELLS.items() if name != "attention_lstm"}


@pytest.mark.parametrize("cell", RECURRENT.values(), ids=list(RECURRENT))
def test_matrices_are_drawn_evenly_within_one_by_the_root_of_the_hidden_size(cell):
    torch.manual_seed(0)
    matrices = [weights.detach() for weights in cell(INPUT, HIDDEN).parameters() if weights.dim() == 2]
    assert len(matrices) >= 2
    bound = 1 / math.sqrt(HIDDEN)
    for matrix in matrices:
        assert 0.99 * bound < matrix.max() <= bound
        assert 0.99 * bound < -matrix.min() <= bound
        assert matrix.std() == pytest.approx(bound / math.sqrt(3), rel=0.03)  # of an even spread


def test_embeddings_are_normal_with_a_deviation_of_a_fifth():
    torch.manual_seed(0)
    weights = LanguageModel(LSTM, 1000, INPUT, HIDDEN).embedding.weight.detach()
    assert weights.mean() == pytest.approx(0, abs=0.01)
    assert weights.std() == pytest.approx(0.2, rel=0.02)
    assert weights.abs().max() > 0.6  # three deviations, which no even spread reaches


def test_clocks_have_periods_of_1_to_20_words_and_begin_anywhere_in_them():
    torch.manual_seed(0)
    layer = PhasedLSTM(1, 1000)
    tau = layer.log_tau.detach().exp()
    begin = layer.s.detach() / tau
    assert 1 <= tau.min() < 1.05
    assert 19 < tau.max() <= 20
    assert tau.median() == pytest.approx(math.sqrt(20), rel=0.15)  # the middle, by ratio
    assert 0 <= begin.min() < 0.02
    assert 0.98 < begin.max() <= 1
    assert begin.mean() == pytest.approx(0.5, abs=0.04)
    assert torch.sigmoid(layer.logit_r.detach()).numpy() == pytest.approx(0.95, abs=0.005)


def test_attention_begins_as_the_lstm_alone():
    torch.manual_seed(0)
    layer = AttentionLSTM(INPUT, HIDDEN)
    sentences = pack_sequence([torch.randn(4, INPUT), torch.randn(2, INPUT)])
    torch.testing.assert_close(layer(sentences)[0].data, layer.lstm(sentences)[0].data.tanh())
