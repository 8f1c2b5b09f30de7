"""The training loop and the comparison, in this process."""

import copy
import dataclasses
from argparse import Namespace

import pytest
import torch
from conftest import PROJECT
from matplotlib.figure import Figure

from models import LSTM, RNN, LanguageModel
from utils.comparison import compare, largest_differences, table, verdict, with_torch_lstm
from utils.dataset import batches, load_data
from utils.history import Epoch, History
from utils.loss import WeightedCrossEntropy
from utils.plotting import draw_history
from utils.training import Interrupt, evaluate, schedule_of, train, update_average


@pytest.fixture
def options(tmp_path):
    return Namespace(
        data=PROJECT / "tests" / "latviski.txt", limit=None, seed=0, min_count=1, max_length=20, epochs=3, batch_size=8,
        learning_rate=0.01, embedding_size=8, hidden_size=8, layers=1, dropout=0.1, device=torch.device("cpu"),
        results=tmp_path, show=False,
    )  # fmt: skip


@pytest.mark.parametrize("steps", [*range(1, 25), 1000])
def test_learning_rate_rises_and_falls_whatever_the_number_of_steps(steps):
    schedule = schedule_of(LanguageModel(RNN, 3, 2, 2), 0.5, steps)
    rates = []
    for _ in range(steps):
        rates.append(schedule.get_last_lr()[0])
        schedule.optimizer.step()
        schedule.step()
    top = rates.index(max(rates))
    assert rates[top] == pytest.approx(0.5)
    assert top <= max(1, round(steps / 10))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] >= 0.1  # a fifth of the highest is left at the end, or more


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


def history_of(perplexity: float, words_per_second: float) -> History:
    epochs = [Epoch(1, 2, 4.0, 3.5, perplexity, 0.3, 10.0, words_per_second)]
    return History("lstm", "", 1_234_567, 2, [4.0, 4.0], epochs)


@pytest.mark.parametrize(
    ("hand", "builtin", "words"),
    [
        ((40.0, 1000.0), (40.1, 1010.0), ["as well as", "as fast", "40.00 against 40.10"]),
        ((30.0, 2000.0), (40.0, 1000.0), ["better than", "2.00 times as fast"]),
        ((50.0, 1000.0), (40.0, 1500.0), ["worse than", "1.50 times as long"]),
    ],
)
def test_the_verdict_follows_the_figures(hand, builtin, words):
    sentence = verdict(history_of(*hand), history_of(*builtin))
    assert all(word in sentence for word in words)
    assert sentence.endswith(".")
    assert max(map(len, sentence.splitlines())) <= 80
    assert max(map(len, table([history_of(*hand), history_of(*builtin)]).splitlines())) <= 80


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
