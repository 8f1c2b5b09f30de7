"""Histories → pictures to hand in: readable in print, in black and white, and by the colour-blind."""

import os
import sys
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import fmean

# A notebook sets it for what it starts, often to a package that isn't here, and then matplotlib can't even be loaded.
# Files need no backend; `show_histories` comes back to it.
BACKEND = os.environ.pop("MPLBACKEND", None)

import torch
from matplotlib.axes import Axes
from matplotlib.backends import BackendFilter, backend_registry
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from matplotlib.transforms import Bbox
from torch import Tensor

from utils.files import write_whole
from utils.fonts import in_reading_order, name_missing
from utils.history import Epoch, History, title_of
from utils.inspection import Guess

DPI = 200  # dots an inch: sharp on a page
# Colours of Okabe & Ito (2008), which the colour-blind can tell apart; dashes, marks and brightness tell them in
# print. The first line is broad and pale and the next ones narrow and dark, so that equal curves both show.
STYLES = (
    {"color": "#56B4E9", "linewidth": 6, "linestyle": "-", "marker": "o", "markersize": 10},
    {"color": "#000000", "linewidth": 1.5, "linestyle": "--", "marker": "x", "markersize": 7},
    {"color": "#D55E00", "linewidth": 1.5, "linestyle": "-.", "marker": "s", "markersize": 5},
    {"color": "#009E73", "linewidth": 1.5, "linestyle": ":", "marker": "^", "markersize": 6},
    {"color": "#CC79A7", "linewidth": 1.5, "linestyle": "-", "marker": "v", "markersize": 6},
    {"color": "#0072B2", "linewidth": 1.5, "linestyle": "--", "marker": "D", "markersize": 5},
)
THIN = {"linewidth": 1.5, "markersize": 6}
TRAIN = {"color": "#E69F00", "linestyle": "--", "marker": "o", "markersize": 5}
TEST = {"color": "#0072B2", "linestyle": "-", "marker": "s", "markersize": 5}


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a PNG, whole or not at all.

    Raises:
        UserError: it can't be written.
    """
    write_whole(path, lambda temporary: figure.savefig(temporary, format="png", dpi=DPI))
    name_missing(figure, path)


def plot_history(history: History, path: Path) -> None:
    """One training as a PNG: `draw_history`, saved."""
    save_figure(draw_history(history, Figure()), path)


def draw_history(history: History, figure: Figure) -> Figure:
    """Draws one training: its losses by step and by epoch, the best epoch marked, perplexity and accuracy."""
    figure.set_size_inches(9, 7.5)
    figure.set_layout_engine("constrained")
    figure.suptitle(f"{title_of(history.name)}\n", fontsize=15, fontweight="bold")
    figure.text(0.5, 0.935, history.about, ha="center", fontsize=9, parse_math=False)
    panels = figure.subplot_mosaic([["loss", "loss"], ["perplexity", "accuracy"]], height_ratios=[3, 2])
    numbers = [epoch.epoch for epoch in history.epochs]

    loss = panels["loss"]
    steps = [(step + 1) / history.steps_per_epoch for step in range(len(history.step_losses))]
    loss.plot(steps, history.step_losses, color="0.75", linewidth=0.6, label="train, every step")
    # An epoch's mean over its steps belongs in the middle of the epoch.
    middles = [number - 0.5 for number in numbers]
    loss.plot(middles, [epoch.train_loss for epoch in history.epochs], label="train, mean of the epoch", **TRAIN)
    loss.plot(numbers, [epoch.test_loss for epoch in history.epochs], label="test", **TEST)
    if history.epochs:
        best = history.best
        top = max(max(epoch.train_loss, epoch.test_loss) for epoch in history.epochs)
        loss.set_ylim(top=top + 0.6 * (top - best.test_loss) + 0.5)  # the very first steps stand far above the rest
        mark_best(loss, best, "test_loss", "{:.3f}")
    loss.set_ylabel("weighted cross-entropy $L_{CCE}$")
    loss.legend(loc="upper right")

    for name, label, form in (
        ("perplexity", "test perplexity", "{:.1f}"),
        ("accuracy", "test accuracy of the next word", "{:.1%}"),
    ):
        panels[name].plot(numbers, [getattr(epoch, name) for epoch in history.epochs], **TEST)
        panels[name].set_ylabel(label)
        if history.epochs:
            mark_best(panels[name], history.best, name, form)
    panels["accuracy"].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axes in panels.values():
        axes.set_xlabel("epoch")
        axes.set_xlim(0, max(len(numbers), steps[-1] if steps else 1) * 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    return figure


def mark_best(axes: Axes, best: Epoch, name: str, form: str) -> None:
    """A star at the best epoch, with one of its figures written beside it."""
    value = getattr(best, name)
    axes.plot([best.epoch], [value], "*", color="black", markersize=14, zorder=5)
    axes.annotate(
        f"best, epoch {best.epoch}: {form.format(value)}",
        (best.epoch, value),
        xytext=(-8, -46 if name == "accuracy" else 40),
        textcoords="offset points",
        ha="right",
        fontweight="bold",
        bbox={"boxstyle": "round", "facecolor": "white", "edgecolor": "0.6"},
        arrowprops={"arrowstyle": "-", "color": "0.4"},
    )


def plot_comparison(histories: Sequence[History], path: Path) -> None:
    """Several trainings in one PNG: losses, perplexity and accuracy by epoch, and their speed."""
    figure = Figure(figsize=(13, 7.5), layout="constrained")
    names = " and ".join(title_of(history.name) for history in histories)
    figure.suptitle(f"{names}\n", fontsize=15, fontweight="bold")
    figure.text(0.5, 0.935, histories[0].about, ha="center", fontsize=9, parse_math=False)
    panels = figure.subplot_mosaic(
        [["train_loss", "test_loss", "perplexity"], ["accuracy", "seconds", "words_per_second"]]
    )
    for name, label in (
        ("train_loss", "train loss $L_{CCE}$"),
        ("test_loss", "test loss $L_{CCE}$"),
        ("perplexity", "test perplexity"),
        ("accuracy", "test accuracy of the next word"),
    ):
        axes = panels[name]
        for history, style in zip(histories, STYLES, strict=False):
            values = [getattr(epoch, name) for epoch in history.epochs]
            axes.plot([epoch.epoch for epoch in history.epochs], values, label=title_of(history.name), **style)
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    panels["accuracy"].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for name, label, form in (
        ("seconds", "seconds of training an epoch", "{:.1f}"),
        ("words_per_second", "words trained on a second", "{:,.0f}"),
    ):
        axes = panels[name]
        for place, (history, style) in enumerate(zip(histories, STYLES, strict=False)):
            bar = axes.bar(place, fmean(getattr(e, name) for e in history.epochs), width=0.6, color=style["color"])
            axes.bar_label(bar, fmt=form, fontweight="bold", padding=3)
        axes.set_xticks(range(len(histories)), [title_of(history.name) for history in histories])
        axes.set_ylabel(label)
        axes.margins(y=0.12)
    save_figure(figure, path)


def plot_race(trained: Mapping[str, Sequence[Epoch]], path: Path) -> None:
    """Test loss against training time of several trainings, by the names of their cells, in one PNG."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    figure.suptitle("Test loss against training time", fontsize=15, fontweight="bold")
    axes = figure.subplots()
    for (name, epochs), style in zip(trained.items(), STYLES, strict=False):
        seconds = list(accumulate(epoch.seconds for epoch in epochs))
        axes.plot(seconds, [epoch.test_loss for epoch in epochs], label=title_of(name), **style | THIN)
    axes.set_xlabel("training time in seconds, one mark an epoch")
    axes.set_ylabel("test loss $L_{CCE}$")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend()
    save_figure(figure, path)


def plot_speed(rows: Sequence[tuple[str, Mapping[str, float]]], path: Path) -> None:
    """The benchmark of layers as bars in a PNG: for each row (title, time by name), times as ratios to the first."""
    figure = Figure(figsize=(10, 1 + 0.85 * len(rows)), layout="constrained")
    figure.suptitle("Time of one layer, as a ratio to the hand-written LSTM (shorter is faster)", fontweight="bold")
    axes = figure.subplots()
    names = list(rows[0][1])
    height = 0.8 / len(names)
    for place, (name, style) in enumerate(zip(names, STYLES, strict=False)):
        ratios = [ratio[name] for _, ratio in rows]
        places = [row + (place - (len(names) - 1) / 2) * height for row in range(len(rows))]
        bars = axes.barh(places, ratios, height, label=name, color=style["color"], edgecolor="white")
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
    axes.axvline(1, color="0.4", linewidth=0.8, linestyle="--")
    axes.set_yticks(range(len(rows)), [title for title, _ in rows])
    axes.invert_yaxis()
    axes.set_ylabel("batch, embedding, hidden, lengths")
    axes.legend(loc="lower right")
    save_figure(figure, path)


def show_histories(histories: Sequence[History], results: Path) -> None:
    """Opens a window with each training's plot, until it is closed; says what to do where none can be opened."""
    from matplotlib import pyplot as plt  # here, since it looks for a display as soon as it is loaded

    try:
        if BACKEND:
            plt.switch_backend(BACKEND)
        has_window = plt.get_backend().lower() in backend_registry.list_builtin(BackendFilter.INTERACTIVE)
    except (ImportError, ValueError):  # it isn't installed, or needs a display that isn't there
        has_window = False
    if not has_window:
        print(f"--show: no window can be opened here; open the PNG files in {results} instead", file=sys.stderr)
        return
    for history in histories:
        draw_history(history, plt.figure())
    plt.show()


def plot_activity(
    words: Sequence[str], activity: dict[str, Tensor], guesses: Sequence[Sequence[Guess]], name: str, path: Path
) -> None:
    """A cell at work on one sentence: its gates and states by word, and its likeliest next words, as a PNG.

    Args:
        words: the sentence.
        activity: of each gate and state, the mean of its units' absolute values at each word (words,).
        guesses: the likeliest next words after each word.
        name: of the cell.
    """
    figure = Figure(figsize=(max(7, 0.9 * len(words) + 2), 2.6 + 0.42 * len(activity) + 2.2), layout="constrained")
    figure.suptitle(f"{title_of(name)}: mean size of each gate and state, word by word", fontweight="bold")
    heat, below = figure.subplots(2, 1, sharex=True, height_ratios=[len(activity), 0.9 * len(guesses[0])])
    values = torch.stack(list(activity.values()))
    image = heat.imshow(values, cmap="Blues", vmin=0, vmax=max(1, values.max().item()), aspect="auto")
    figure.colorbar(image, ax=heat, label="mean size over all units")
    heat.set_yticks(range(len(activity)), list(activity))
    heat.set_xticks(range(len(words)), [in_reading_order(word) for word in words])
    heat.tick_params(labelbottom=True)
    for row, numbers in enumerate(values.tolist()):
        for column, value in enumerate(numbers):
            color = "white" if value > 0.6 * image.norm.vmax else "black"
            heat.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=8)
    probabilities = torch.tensor([[guess.probability for guess in row] for row in guesses]).T
    image = below.imshow(probabilities, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, ax=below, label="probability")
    below.set_yticks(range(len(probabilities)), [f"{place}." for place in range(1, len(probabilities) + 1)])
    below.set_ylabel("likeliest next words")
    for column, row in enumerate(guesses):
        for place, guess in enumerate(row):
            color = "white" if guess.probability > 0.5 else "black"
            text = f"{in_reading_order(guess.word)}\n{guess.probability:.0%}"
            below.text(column, place, text, ha="center", va="center", color=color, fontsize=8)
    save_figure(figure, path)


def plot_embedding(words: Sequence[str], places: Tensor, marked: Sequence[str], path: Path) -> None:
    """Words where their embeddings lie, (words, 2), or a little below, the marked ones bold, as a PNG."""
    figure = Figure(figsize=(13, 10), layout="constrained")
    figure.suptitle("The learned embedding in two dimensions (PCA)", fontsize=15, fontweight="bold")
    axes = figure.subplots()
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    labels = []
    for word, place in zip(words, places.tolist(), strict=True):
        weight, color = ("bold", "#D55E00") if word in marked else ("normal", "black")
        axes.plot(*place, ".", color=color, markersize=3)
        style = {"fontsize": 8, "fontweight": weight, "color": color}
        labels.append(axes.annotate(in_reading_order(word), place, (0, 0), textcoords="offset points", **style))
    figure.draw_without_rendering()  # only then is it known how much room a word takes
    taken: list[Bbox] = []
    for label in labels:  # a word in the way of another one moves below it
        while (box := label.get_window_extent()).count_overlaps(taken):
            label.xyann = (0, label.xyann[1] - 2)
        taken.append(box)
    save_figure(figure, path)
