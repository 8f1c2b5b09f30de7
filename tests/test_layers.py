"""The recurrent layers against torch.nn, against their equations in numpy, and against themselves."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from models import CELLS, GRU, LSTM, RNN, SLSTM, MogrifierLSTM, PhasedLSTM, TorchLSTM
from models.recurrent import RecurrentLayer

INPUT, HIDDEN = 5, 7
LENGTHS = [4, 9, 1, 9, 6]  # in no order, two alike, one of a single word
FIXED_STATE = {name: cell for name, cell in CELLS.items() if name != "attention_lstm"}  # that has its own tests
HAND_WRITTEN = [cell for cell in CELLS.values() if issubclass(cell, RecurrentLayer)]


def make(cell, *args):
    torch.manual_seed(1)
    layer = cell(INPUT, HIDDEN, *args).double()
    for parameter in layer.parameters():
        if parameter.requires_grad:
            nn.init.uniform_(parameter, -0.8, 0.8)
    return layer


def sentences():
    torch.manual_seed(2)
    return [torch.randn(length, INPUT, dtype=torch.float64) for length in LENGTHS]


def first_states(number):
    torch.manual_seed(3)
    return tuple(torch.randn(len(LENGTHS), HIDDEN, dtype=torch.float64) for _ in range(number))


def read(layer, inputs, state):
    """Outputs, states and gradients of a layer on a packed batch."""
    inputs = [x.clone().requires_grad_() for x in inputs]
    state = None if state is None else tuple(s.clone().requires_grad_() for s in state)
    output, last = layer(pack_sequence(inputs, enforce_sorted=False), state)
    padded, lengths = pad_packed_sequence(output, batch_first=True)
    assert lengths.tolist() == LENGTHS
    # Unequal weights, so that no two outputs can be mistaken for each other.
    total = sum((torch.linspace(1, 2, o.numel()).view_as(o) * o.square()).sum() for o in (padded, *last))
    weights = [p for p in layer.parameters() if p.requires_grad]
    gradients = torch.autograd.grad(total, [*inputs, *(state or ()), *weights])
    return padded, last, gradients


def assert_close(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert a.shape == b.shape
        assert (a - b).abs().max() <= 1e-10


@pytest.mark.parametrize("given_state", [False, True])
def test_lstm_equals_torch(given_state):
    ours = make(LSTM)
    state = first_states(2) if given_state else None
    padded, last, gradients = read(ours, sentences(), state)
    torch_padded, torch_last, torch_gradients = read(TorchLSTM.like(ours), sentences(), state)
    assert_close([padded, *last], [torch_padded, *torch_last])
    assert_close(gradients, torch_gradients)


@pytest.mark.parametrize("given_state", [False, True])
def test_rnn_equals_torch(given_state):
    ours = make(RNN)
    builtin = nn.RNN(INPUT, HIDDEN, batch_first=True).double()
    with torch.no_grad():
        builtin.weight_ih_l0.copy_(ours.W)
        builtin.weight_hh_l0.copy_(ours.U)
        builtin.bias_ih_l0.copy_(ours.b)
        builtin.bias_hh_l0.zero_()
    builtin.bias_hh_l0.requires_grad_(False)

    class Adapter(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = builtin

        def forward(self, packed, state):
            output, last = self.rnn(packed, None if state is None else state[0].unsqueeze(0))
            return output, (last.squeeze(0),)

    state = first_states(1) if given_state else None
    padded, last, gradients = read(ours, sentences(), state)
    torch_padded, torch_last, torch_gradients = read(Adapter(), sentences(), state)
    assert_close([padded, *last], [torch_padded, *torch_last])
    assert_close(gradients, torch_gradients)


# Each: the layer, one input and the state before, all in numpy → the gates by name, and the state after.


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def numpy_weights(layer):
    """W, U and b cut into the blocks of the gates."""
    return [
        np.split(matrix.detach().numpy(), len(matrix) // HIDDEN) for matrix in (layer.W, layer.U, layer.b)
    ]


def numpy_gru(layer, x, state):
    (Wz, Wr, Wh), (Uz, Ur, Uh), (bz, br, bh) = numpy_weights(layer)
    (h,) = state
    z = sigmoid(Wz @ x + Uz @ h + bz)
    r = sigmoid(Wr @ x + Ur @ h + br)
    candidate = np.tanh(Wh @ x + Uh @ (r * h) + bh)
    return {"z": z, "r": r, "h̃": candidate}, ((1 - z) * h + z * candidate,)


def numpy_lstm(layer, x, state):
    (Wi, Wf, Wg, Wo), (Ui, Uf, Ug, Uo), (bi, bf, bg, bo) = numpy_weights(layer)
    h, c = state
    i = sigmoid(Wi @ x + Ui @ h + bi)
    f = sigmoid(Wf @ x + Uf @ h + bf)
    g = np.tanh(Wg @ x + Ug @ h + bg)
    o = sigmoid(Wo @ x + Uo @ h + bo)
    c = f * c + i * g
    return {"i": i, "f": f, "g": g, "o": o}, (o * np.tanh(c), c)


def numpy_mogrifier(layer, x, state):
    h, c = state
    for n, matrix in enumerate(m.detach().numpy() for m in layer.QR):
        if n % 2 == 0:
            x = 2 * sigmoid(matrix @ h) * x
        else:
            h = 2 * sigmoid(matrix @ x) * h
    return numpy_lstm(layer, x, (h, c))


def numpy_phased(layer, x, state):
    h, c, t = state
    gates, (h_new, c_new) = numpy_lstm(layer, x, (h, c))
    tau, s = np.exp(layer.log_tau.detach().numpy()), layer.s.detach().numpy()
    r = sigmoid(layer.logit_r.detach().numpy())
    k = np.empty(HIDDEN)
    for unit in range(HIDDEN):
        phase = ((t[0] - s[unit]) % tau[unit]) / tau[unit]
        if phase < r[unit] / 2:
            k[unit] = 2 * phase / r[unit]
        elif phase < r[unit]:
            k[unit] = 2 - 2 * phase / r[unit]
        else:
            k[unit] = (1e-3 if layer.training else 0) * phase
    return gates | {"k": k}, (k * h_new + (1 - k) * h, k * c_new + (1 - k) * c, t + 1)


def numpy_slstm(layer, x, state):
    (Wi, Wf, Wz, Wo), (Ui, Uf, Uz, Uo), (bi, bf, bz, bo) = numpy_weights(layer)
    h, c, n, m = state
    log_i = Wi @ x + Ui @ h + bi
    log_f = np.log(sigmoid(Wf @ x + Uf @ h + bf))
    z = np.tanh(Wz @ x + Uz @ h + bz)
    o = sigmoid(Wo @ x + Uo @ h + bo)
    m_new = np.maximum(log_f + m, log_i)
    i = np.exp(log_i - m_new)
    f = np.exp(log_f + m - m_new)
    c = f * c + i * z
    n = f * n + i
    return {"i′": i, "f′": f, "z": z, "o": o, "m": m_new}, (o * c / n, c, n, m_new)


def numpy_slstm_without_stabiliser(layer, xs):
    """The h after each of the inputs (words, input_size) of one sentence, from the plain gates i and f."""
    (Wi, Wf, Wz, Wo), (Ui, Uf, Uz, Uo), (bi, bf, bz, bo) = numpy_weights(layer)
    h = c = n = np.zeros(HIDDEN)
    outputs = []
    for x in xs:
        i = np.exp(Wi @ x + Ui @ h + bi)
        f = sigmoid(Wf @ x + Uf @ h + bf)
        c = f * c + i * np.tanh(Wz @ x + Uz @ h + bz)
        n = f * n + i
        h = sigmoid(Wo @ x + Uo @ h + bo) * c / n
        outputs.append(h)
    return np.stack(outputs)


BY_EQUATIONS = pytest.mark.parametrize(
    ("layer", "equations"),
    [
        (make(GRU), numpy_gru),
        (make(LSTM), numpy_lstm),
        (make(MogrifierLSTM), numpy_mogrifier),
        (make(MogrifierLSTM, 5), numpy_mogrifier),
        (make(PhasedLSTM), numpy_phased),
        (make(PhasedLSTM).eval(), numpy_phased),
        (make(SLSTM), numpy_slstm),
    ],
    ids=["gru", "lstm", "mogrifier", "mogrifier of 5 rounds", "phased", "phased in use", "slstm"],
)


@BY_EQUATIONS
def test_gates_bear_their_names(layer, equations):
    """The pictures of the gates rely on it."""
    x = torch.randn(1, INPUT, dtype=torch.float64)
    state = tuple(torch.randn_like(s) for s in layer.first_state(x))
    expected, _ = equations(layer, x[0].numpy(), tuple(s[0].numpy() for s in state))
    gates = layer.gates(layer.project(x), *state)
    assert list(layer.gate_names) == list(expected)
    for name, gate in zip(layer.gate_names, gates, strict=True):
        np.testing.assert_allclose(gate[0].detach().numpy(), expected[name], rtol=0, atol=1e-10)


@BY_EQUATIONS
def test_layer_equals_its_equations_in_numpy(layer, equations):
    output, last = layer(pack_sequence(sentences(), enforce_sorted=False))
    padded, _ = pad_packed_sequence(output, batch_first=True)
    for number, sentence in enumerate(sentences()):
        state = tuple(s[0].numpy() for s in layer.first_state(sentence[:1]))
        for place, x in enumerate(sentence.numpy()):
            _, state = equations(layer, x, state)
            np.testing.assert_allclose(padded[number, place].detach().numpy(), state[0], rtol=0, atol=1e-10)
        for ours, theirs in zip(last, state, strict=True):
            np.testing.assert_allclose(ours[number].detach().numpy(), theirs, rtol=0, atol=1e-10)


@pytest.mark.parametrize("layer", [make(cell) for cell in FIXED_STATE.values()], ids=list(FIXED_STATE))
def test_sentence_alone_and_in_a_batch_are_the_same(layer):
    output, last = layer(pack_sequence(sentences(), enforce_sorted=False))
    padded, _ = pad_packed_sequence(output, batch_first=True)
    for number, sentence in enumerate(sentences()):
        alone, alone_last = layer(pack_sequence([sentence]))
        assert_close([alone.data], [padded[number, : len(sentence)]])
        assert_close([s[0] for s in alone_last], [s[number] for s in last])


@pytest.mark.parametrize("layer", [make(cell) for cell in FIXED_STATE.values()], ids=list(FIXED_STATE))
def test_state_carries_over(layer):
    """Reading the beginnings, then the rest from the states they left, is reading the whole."""
    whole = [s for s in sentences() if len(s) > 1]
    _, expected = layer(pack_sequence(whole, enforce_sorted=False))
    _, state = layer(pack_sequence([s[: len(s) // 2] for s in whole], enforce_sorted=False))
    _, last = layer(pack_sequence([s[len(s) // 2 :] for s in whole], enforce_sorted=False), state)
    assert_close(last, expected)


@pytest.mark.parametrize("cell", HAND_WRITTEN)
def test_gradients_are_those_of_finite_differences(cell):
    layer = make(cell)
    names, weights = zip(*layer.named_parameters(), strict=True)

    def outputs(x, *weights):
        packed = pack_sequence([x[:3], x[3:]])
        output, _ = torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (packed,))
        return output.data

    x = torch.randn(5, INPUT, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(outputs, (x, *weights))


def test_mogrifier_with_zero_matrices_is_the_lstm():
    mogrifier, lstm = make(MogrifierLSTM), make(LSTM)
    for matrix in mogrifier.QR:
        nn.init.zeros_(matrix)
    lstm.load_state_dict({name: value for name, value in mogrifier.state_dict().items() if "QR" not in name})
    packed = pack_sequence(sentences(), enforce_sorted=False)
    output, last = mogrifier(packed)
    expected, expected_last = lstm(packed)
    assert_close([output.data, *last], [expected.data, *expected_last])


def test_phased_lstm_held_open_is_the_lstm(monkeypatch):
    phased, lstm = make(PhasedLSTM), make(LSTM)
    lstm.load_state_dict({name: phased.state_dict()[name] for name in ("W", "U", "b")})
    monkeypatch.setattr(PhasedLSTM, "time_gate", lambda self, t: t.new_ones(len(t), self.hidden_size))
    packed = pack_sequence(sentences(), enforce_sorted=False)
    output, (h, c, t) = phased(packed)
    expected, expected_last = lstm(packed)
    assert_close([output.data, h, c], [expected.data, *expected_last])
    assert t.flatten().tolist() == LENGTHS


def test_slstm_without_its_stabiliser_says_the_same():
    layer = make(SLSTM)
    for sentence in sentences():
        output, _ = layer(pack_sequence([sentence]))
        expected = numpy_slstm_without_stabiliser(layer, sentence.numpy())
        np.testing.assert_allclose(output.data.detach().numpy(), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("log_i", [-100, 100, "in turn"])
@pytest.mark.parametrize("log_f", [-100, 100, "in turn"])
def test_slstm_bears_gates_of_any_size(log_i, log_f):
    """In float32, where exp(100) is infinite and exp(-100) nearly 0; numpy's float64 holds both."""
    layer = make(SLSTM).float()
    xs = torch.randn(9, INPUT)
    xs[:, 0] = torch.tensor([1, 1, -1]).repeat(3)  # the first feature says when a gate changes
    with torch.no_grad():
        for row, size in ((0, log_i), (HIDDEN, log_f)):
            rows = slice(row, row + HIDDEN)
            layer.W[rows, 0] = 100 if size == "in turn" else 0
            layer.b[rows] = 0 if size == "in turn" else size
    xs.requires_grad_()
    output, last = layer(pack_sequence([xs]))
    gradients = torch.autograd.grad(output.data.square().sum(), [xs, *layer.parameters()])
    assert all(value.isfinite().all() for value in (*last, *gradients))
    expected = numpy_slstm_without_stabiliser(layer.double(), xs.detach().double().numpy())
    np.testing.assert_allclose(output.data.detach().numpy(), expected, rtol=0, atol=1e-4)


def test_each_name_means_its_own_cell():
    assert [name.replace("_", "") for name in CELLS] == [cell.__name__.lower() for cell in CELLS.values()]


def test_forget_gate_starts_open():
    hand, builtin = LSTM(INPUT, HIDDEN), TorchLSTM(INPUT, HIDDEN)
    for bias in (hand.b, builtin.lstm.bias_ih_l0 + builtin.lstm.bias_hh_l0):
        i, f, g, o = bias.detach().chunk(4)
        assert f.tolist() == [1.0] * HIDDEN
        assert not torch.cat([i, g, o]).any()


def test_both_lstms_have_as_many_parameters():
    hand, builtin = (
        sum(p.numel() for p in layer.parameters() if p.requires_grad)
        for layer in (LSTM(INPUT, HIDDEN), TorchLSTM(INPUT, HIDDEN))
    )
    assert hand == builtin == 4 * HIDDEN * (INPUT + HIDDEN + 1)
