"""The training loop and the comparison, in this process."""

import copy
import dataclasses
from argparse import Namespace

import pytest
import torch
from conftest import PROJECT
from matplotlib.figure import Figure
from tqdm import tqdm

from models import LSTM, RNN, LanguageModel
from utils.checkpoint import load_checkpoint
from utils.comparison import compare, largest_differences, table, verdict, with_torch_lstm
from utils.dataset import batches, load_data
from utils.history import Epoch, History
from utils.loss import WeightedCrossEntropy
from utils.plotting import draw_history
from utils.training import Interrupt, build, evaluate, schedule_of, train, train_epoch, update_average

CPU = torch.device("cpu")


@pytest.fixture
def options(tmp_path):
    return Namespace(
        data=PROJECT / "tests" / "latviski.txt", field=None, limit=None, seed=0, min_count=1, max_length=20,
        epochs=3, batch_size=8, learning_rate=0.01, embedding_size=8, hidden_size=8, layers=1, dropout=0.1, device=CPU,
        results=tmp_path, show=False,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Drawing takes longer than trainings as small as these."""
    monkeypatch.setattr("utils.training.plot_history", lambda *_: None)


def rates_of(steps):
    """The learning rate of each step, 0.5 at its peak."""
    schedule = schedule_of(LanguageModel(RNN, 3, 2, 2), 0.5, steps)
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize("steps", [*range(1, 25), 1000])
def test_learning_rate_rises_and_falls_whatever_the_number_of_steps(steps):
    rates = rates_of(steps)
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(0.5)
    assert top <= max(1, round(steps / 10))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] >= 0.1  # a fifth of the highest is left at the end, or more


def test_learning_rate_rises_and_falls_in_straight_lines():
    rates = rates_of(1000)
    assert [rates[step] for step in (0, 49, 99)] == pytest.approx([0.005, 0.25, 0.5])
    assert [rates[step] for step in (550, 999)] == pytest.approx([0.3, 0.1], abs=1e-3)


@pytest.mark.parametrize("steps", [1, 2, 20, 100])
def test_the_average_is_an_eleventh_of_the_steps_behind(steps):
    """Of weights 1, 2, …, t it is (10 t + 1) / 11: the line that the formula of the docstring leaves unchanged."""
    model = LanguageModel(RNN, 3, 2, 2)
    average = copy.deepcopy(model)
    for value in range(1, steps + 1):
        torch.nn.init.constant_(model.bias, value)
        update_average(average, model, value)
    torch.testing.assert_close(average.bias.data, torch.full((3,), (10 * steps + 1) / 11))
    assert model.bias[0] == steps  # the model itself trains on from its own weights


def test_training_lowers_the_train_and_the_test_loss(options, tmp_path):
    """In these sentences the order is always the same, and the animal tells what it does."""
    options.data = tmp_path / "animals.txt"
    does = {"cat": "hunts", "dog": "follows", "horse": "carries", "bird": "calls", "fish": "fears"}
    looks = ("small", "black", "old", "wild", "quiet", "proud")
    lines = [f"The {look} {who} {does[who]} the {whom}." for look in looks for who in does for whom in does]
    options.data.write_text("\n".join(lines), encoding="utf-8")
    options.epochs, options.learning_rate = 6, 0.05
    data = load_data(options)
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary))
    model = build(LSTM, data, options)
    untrained = copy.deepcopy(model)
    untrained.start_from_frequencies(loss.counts)
    train_before, test_before = (evaluate(untrained, batches(part, 64), loss)[0] for part in (data.train, data.test))

    history = train("lstm", model, data, options)
    assert history.epochs[-1].train_loss < 0.6 * train_before
    assert history.best.test_loss < 0.6 * test_before
    saved = load_checkpoint(tmp_path / "lstm.pt", CPU).model
    assert evaluate(saved, batches(data.test, 64), loss)[0] == pytest.approx(history.best.test_loss, abs=1e-5)


def test_train_loss_is_the_mean_over_all_words(options):
    """Of a model that stands still it is that of the untrained one, however many words a batch has."""
    options.epochs, options.learning_rate, options.dropout = 1, 1e-12, 0.0
    data = load_data(options)
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary))
    model = build(RNN, data, options)
    untrained = copy.deepcopy(model)
    untrained.start_from_frequencies(loss.counts)
    [epoch] = train("rnn", model, data, options).epochs
    expected, _, _ = evaluate(untrained, batches(data.train, 1000), loss)
    assert epoch.train_loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_each_step_takes_the_gradient_of_its_own_batch(options, scale):
    """Shortened to a norm of 1 where it is longer. The rate is so low that the weights stand still."""
    data = load_data(options)
    model = LanguageModel(RNN, len(data.vocabulary), 8, 8)
    weights = list(model.parameters())
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary))
    loss.C *= scale
    train_batches = batches(data.train, 8)
    schedule = schedule_of(model, 1e-12, len(train_batches))
    taken, rates = [], []

    def look(optimizer, *_):
        taken.append([weight.grad.clone() for weight in weights])
        rates.append(optimizer.param_groups[0]["lr"])

    schedule.optimizer.register_step_pre_hook(look)
    train_epoch(model, tqdm(train_batches, disable=True), loss, schedule, copy.deepcopy(model), Interrupt())
    for batch, gradients in zip(train_batches, taken, strict=True):
        inputs, targets = batch.pack(CPU)
        expected = torch.autograd.grad(loss(model(inputs)[0].data, targets), weights)
        norm = torch.cat([gradient.flatten() for gradient in expected]).norm().item()
        assert (norm > 1) == (scale > 1)
        for ours, theirs in zip(gradients, expected, strict=True):
            torch.testing.assert_close(ours, theirs / max(1, norm))
    assert rates[-1] < 0.5 * rates[0]


def test_the_best_epoch_has_the_lowest_test_loss():
    first = Epoch(1, 2, train_loss=5.0, test_loss=4.0, perplexity=50.0, accuracy=0.2, seconds=1, words_per_second=1)
    second = dataclasses.replace(first, epoch=2, test_loss=3.0, perplexity=60.0)
    third = dataclasses.replace(first, epoch=3, test_loss=3.5, train_loss=4.0, perplexity=40.0, accuracy=0.3)
    assert History("lstm", "", 1, 2, epochs=[first, second, third]).best is second


def test_evaluate_is_the_mean_over_all_words(options):
    """One batch of all sentences and many small batches must agree; the loss is worked from the probabilities."""
    data = load_data(options)
    torch.manual_seed(0)
    model = LanguageModel(RNN, len(data.vocabulary), 8, 8)
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary))
    many = evaluate(model, batches(data.train, 2), loss)
    inputs, targets = next(iter(batches(data.train, 1000))).pack(torch.device("cpu"))
    p = model(inputs)[0].data.softmax(1)
    of_target = p[torch.arange(len(targets)), targets]
    expected = (
        -(loss.C[targets] * (of_target + 1e-8).log()).mean(),
        (-of_target.log()).mean().exp(),
        (p.argmax(1) == targets).float().mean(),
    )
    assert many == pytest.approx([value.item() for value in expected], rel=1e-5)


def test_another_seed_parts_and_orders_the_sentences_anew(options):
    """From the same first weights: what else is drawn at random must differ."""
    options.epochs = 1
    tests, losses = [], []
    for options.seed in (0, 1, 1):
        data = load_data(options)
        torch.manual_seed(0)
        losses.append(train("rnn", LanguageModel(RNN, len(data.vocabulary), 8, 8), data, options).step_losses)
        tests.append(data.test.sentences)
    assert tests[0] != tests[1] == tests[2]
    assert losses[0] != losses[1] == losses[2]


@pytest.mark.parametrize("layers", [1, 2])
def test_both_lstms_are_the_same_function(options, layers):
    data = load_data(options)
    model = LanguageModel(LSTM, len(data.vocabulary), 8, 8, layers, dropout=0.5)
    torch.nn.init.normal_(model.layers[0].U)
    twin = with_torch_lstm(model)
    assert model.count_parameters() == twin.count_parameters()
    batch = next(iter(batches(data.train, 8)))
    outputs, gradients = largest_differences(model, twin, batch)
    assert outputs < 1e-10
    assert gradients < 1e-10
    twin.layers[0].lstm.bias_ih_l0.data += 1e-3
    outputs, gradients = largest_differences(model, twin, batch)
    assert outputs > 1e-6  # a difference that is there is seen
    assert gradients > 1e-6


@pytest.mark.parametrize("when", ["train_epoch", "evaluate", "save_checkpoint", "write_results"])
def test_ctrl_c_at_any_moment_of_an_epoch_ends_the_training(options, monkeypatch, when):
    """The last epoch's too, or the next model would be trained."""
    data = load_data(options)
    options.epochs = 1
    asked = []
    original = getattr(__import__("utils.training", fromlist=[when]), when)

    def interrupted(*args, **kwargs):
        asked[-1].ask()
        return original(*args, **kwargs)

    class Watched(Interrupt):
        def __init__(self):
            super().__init__()
            asked.append(self)

    monkeypatch.setattr("utils.training.Interrupt", Watched)
    monkeypatch.setattr(f"utils.training.{when}", interrupted)
    history = train("rnn", LanguageModel(RNN, len(data.vocabulary), 8, 8), data, options)
    assert history.interrupted
    assert len(history.epochs) == (0 if when == "train_epoch" else 1)
    assert (options.results / "rnn.csv").exists()


def history_of(perplexity: float, words_per_second: float, seconds: float = 60.0) -> History:
    epochs = [Epoch(1, 2, 4.0, 3.5, perplexity, 0.3, seconds, words_per_second)]
    return History("lstm", "", 1_234_567, 2, [4.0, 4.0], epochs)


@pytest.mark.parametrize(
    ("hand", "builtin", "words"),
    [
        ((40.0, 1000.0), (40.1, 1010.0), ["as well as", "as fast", "40.00 against 40.10"]),
        ((30.0, 2000.0), (40.0, 1000.0), ["better than", "2.00 times as fast"]),
        ((50.0, 1000.0), (40.0, 1500.0), ["worse than", "1.50 times as long"]),
        ((40.0, 1000.0, 3.0), (40.0, 1500.0, 30.0), ["as well as", "too short to tell which is faster"]),
        ((140.0, 1000.0, 30.0), (140.0, 1500.0, 3.0), ["as well as", "too short to tell which is faster"]),
    ],
)
def test_the_verdict_follows_the_figures(hand, builtin, words):
    sentence = verdict(history_of(*hand), history_of(*builtin))
    assert all(word in sentence for word in words)
    assert sentence.endswith(".")
    assert max(map(len, sentence.splitlines())) <= 80
    assert max(map(len, table([history_of(*hand), history_of(*builtin)]).splitlines())) <= 80


def test_the_plot_tells_which_epoch_was_kept():
    """That of the lowest test loss, though another one has the lowest perplexity; and no tick stands there twice."""
    history = history_of(40.0, 1.0)
    [first] = history.epochs
    history.epochs.append(dataclasses.replace(first, epoch=2, perplexity=39.0, test_loss=3.6, accuracy=0.304))
    history.step_losses *= 2
    figure = draw_history(history, Figure())
    figure.draw_without_rendering()
    legends = [axes.get_legend().get_texts()[-1].get_text() for axes in figure.axes]
    assert legends == ["kept: epoch 1 (3.500)", "kept: epoch 1 (40.0)", "kept: epoch 1 (30.0%)"]
    ticks = [label.get_text() for label in figure.axes[2].get_yticklabels()]
    assert len(set(ticks)) == len(ticks) > 3
    for axes in figure.axes:
        assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1  # above, where it covers nothing


def test_an_earlier_comparison_is_kept(tmp_path, capsys):
    compare(history_of(40.0, 1.0), history_of(41.0, 1.0), tmp_path)
    before = {path.suffix: path.read_bytes() for path in tmp_path.glob("comparison.*")}
    compare(history_of(50.0, 1.0), history_of(51.0, 1.0), tmp_path)
    assert {path.suffix: path.read_bytes() for path in (tmp_path / "earlier").glob("comparison-*")} == before
    assert len(before) == 2
    assert (tmp_path / "comparison.csv").read_bytes() != before[".csv"]


def test_a_plot_shows_all_of_a_test_loss_that_rises():
    history = history_of(40.0, 1.0)
    history.epochs.append(dataclasses.replace(history.epochs[0], epoch=2, step=4, test_loss=9.0))
    history.step_losses += [4.0, 4.0]
    low, high = draw_history(history, Figure()).axes[0].get_ylim()
    assert low < 3.5
    assert high > 9.0


def test_a_name_with_dollars_is_drawn(tmp_path):
    from utils.plotting import plot_history

    plot_history(History("rnn", "cost_$5_$6.txt", 1, 1, [1.0]), tmp_path / "x.png")
    assert (tmp_path / "x.png").exists()
