"""Attention: against its equations in numpy, and against itself alone, in a batch and word by word."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from models import Attention, AttentionLSTM
from models.attention import FEATURES

INPUT, HIDDEN = 5, 7
LENGTHS = [4, 9, 1, 9, 6]  # in no order, two alike, one of a single word


@pytest.fixture
def layer():
    torch.manual_seed(1)
    layer = AttentionLSTM(INPUT, HIDDEN).double()
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -0.8, 0.8)
    return layer


@pytest.fixture
def sentences():
    torch.manual_seed(2)
    return [torch.randn(length, INPUT, dtype=torch.float64) for length in LENGTHS]


def read(layer, sentences, state=None):
    """The outputs of each sentence, without padding, and the state."""
    output, state = layer(pack_sequence(sentences, enforce_sorted=False), state)
    padded, lengths = pad_packed_sequence(output, batch_first=True)
    assert lengths.tolist() == [len(sentence) for sentence in sentences]
    return [row[:length] for row, length in zip(padded, lengths, strict=True)], state


def assert_close(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-10)


def numpy_attention(attention, hs):
    """h̃ of each word of one sentence, from its hidden states (words, HIDDEN)."""
    Q, K, V, b = (
        weight.detach().numpy()
        for weight in (attention.Q.weight, attention.K.weight, attention.V.weight, attention.V.bias)
    )
    outputs = []
    for place, h in enumerate(hs):
        scores = [(Q @ h) @ (K @ asked) / np.sqrt(FEATURES) for asked in hs[: place + 1]]
        a = np.exp(scores) / np.exp(scores).sum()
        context = sum(weight * asked for weight, asked in zip(a, hs, strict=False))
        outputs.append(np.tanh(V @ np.concatenate([context, h]) + b))
    return np.stack(outputs)


def test_attention_equals_its_equations_in_numpy(sentences):
    torch.manual_seed(1)
    attention = Attention(INPUT).double()
    for parameter in attention.parameters():
        nn.init.uniform_(parameter, -0.8, 0.8)
    outputs, (last, _, _) = read(attention, sentences)
    for sentence, output, last_of_it in zip(sentences, outputs, last, strict=True):
        expected = torch.from_numpy(numpy_attention(attention, sentence.numpy()))
        assert_close(output, expected)
        assert_close(last_of_it, expected[-1])


def test_it_attends_to_the_hidden_states_of_the_lstm(layer, sentences):
    hidden, (h, c) = layer.lstm(pack_sequence(sentences, enforce_sorted=False))
    expected, _ = layer.attention(hidden)
    output, state = layer(pack_sequence(sentences, enforce_sorted=False))
    assert_close(output.data, expected.data)
    assert_close(state[3:], (h, c))


def test_sentence_alone_and_in_a_batch_are_the_same(layer, sentences):
    outputs, (last, read_so_far, real, h, c) = read(layer, sentences)
    assert real.sum(dim=1).tolist() == LENGTHS
    for number, sentence in enumerate(sentences):
        [output], alone = read(layer, [sentence])
        assert_close(output, outputs[number])
        in_batch = last[[number]], read_so_far[number][real[number]][None], h[[number]], c[[number]]
        assert_close((alone[0], alone[1], *alone[3:]), in_batch)


def test_state_carries_over(layer, sentences):
    """Beginnings of different lengths, then the rest, also of different lengths, from the state they left."""
    whole = [sentence for sentence in sentences if len(sentence) > 1]
    expected, (last, *_) = read(layer, whole)
    starts = [1, 7, 3, 2]
    begun, state = read(layer, [sentence[:n] for sentence, n in zip(whole, starts, strict=True)])
    rest, (last_of_rest, *_) = read(layer, [s[n:] for s, n in zip(whole, starts, strict=True)], state)
    for number, parts in enumerate(zip(begun, rest, strict=True)):
        assert_close(torch.cat(parts), expected[number])
    assert_close(last_of_rest, last)


def test_word_by_word_is_the_whole_sentence_in_any_row(layer, sentences):
    """As a beam search does: beginnings read together, then rows picked, doubled and moved, and one word more each."""
    _, state = read(layer, [sentence[:n] for sentence, n in zip(sentences, [3, 5, 1, 8, 2], strict=True)])
    rows = torch.tensor([4, 1, 1, 0])
    state = tuple(s[rows] for s in state)
    words = torch.randn(3, len(rows), INPUT, dtype=torch.float64)
    outputs = []
    for word in words:
        output, state = layer(pack_sequence(list(word.unsqueeze(1))), state)
        assert_close(state[0], output.data)
        outputs.append(output.data)
    for place, row in enumerate(rows.tolist()):
        beginning = sentences[row][: [3, 5, 1, 8, 2][row]]
        [expected], _ = read(layer, [torch.cat([beginning, words[:, place]])])
        assert_close(torch.stack(outputs)[:, place], expected[len(beginning) :])


def test_no_word_reaches_an_earlier_one_or_another_sentence(layer, sentences):
    inputs = [sentence.clone().requires_grad_() for sentence in sentences]
    outputs, _ = read(layer, inputs)
    for number, place in ((0, 2), (1, 0), (1, 5), (2, 0), (4, 5)):
        gradients = torch.autograd.grad(outputs[number][place].sum(), inputs, retain_graph=True, allow_unused=True)
        for other, gradient in enumerate(gradients):
            reached = gradient.abs().sum(dim=1) > 0
            expected = [other == number and t <= place for t in range(LENGTHS[other])]
            assert reached.tolist() == expected


def test_padding_is_never_seen(layer, sentences):
    """What stands in the state where no word is makes no difference."""
    _, state = read(layer, sentences)
    last, past, real, h, c = state
    assert not real.all()
    noisy = last, past.where(real.unsqueeze(2), 1e6), real, h, c
    more = [torch.randn(length, INPUT, dtype=torch.float64) for length in (2, 1, 4, 3, 1)]
    assert_close(read(layer, more, noisy)[0], read(layer, more, state)[0])


def test_gradients_are_those_of_finite_differences(monkeypatch):
    monkeypatch.setattr("models.attention.FEATURES", 3)  # few weights are soon checked
    torch.manual_seed(1)
    layer = AttentionLSTM(INPUT, 4).double()
    nn.init.uniform_(layer.attention.V.weight, -0.8, 0.8)
    names, weights = zip(*layer.named_parameters(), strict=True)

    def outputs(x, *weights):
        packed = pack_sequence([x[:3], x[3:]])
        output, (last, *_) = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (packed,))
        return output.data, last

    x = torch.randn(5, INPUT, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(outputs, (x, *weights))


def test_weights_add_up_to_one_over_what_is_visible(layer):
    torch.manual_seed(3)
    asking, asked = torch.randn(2, 3, HIDDEN).double(), torch.randn(2, 4, HIDDEN).double()
    visible = torch.tensor([[True, False, False, True], [True, True, True, True], [False, False, True, False]])
    weights = layer.attention.weights(asking, asked, visible)
    assert_close(weights.sum(dim=2), torch.ones(2, 3).double())
    assert ((weights > 0) == visible).all()
