"""Histories → pictures to hand in: readable in print, in black and white, and by the colour-blind."""

import math
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
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
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
    {"color": "#E69F00", "linewidth": 1.5, "linestyle": "-.", "marker": "P", "markersize": 6},
    {"color": "#777777", "linewidth": 1.5, "linestyle": ":", "marker": "*", "markersize": 7},
)
THIN = {"linewidth": 1.5, "markersize": 6}
ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "frameon": False}  # a legend there covers nothing
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
    """Draws one training: its losses by step and by epoch, perplexity and accuracy, and which epoch was kept."""
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
    loss.set_ylabel("weighted cross-entropy $L_{CCE}$")
    for name in ("perplexity", "accuracy"):
        panels[name].plot(numbers, [getattr(epoch, name) for epoch in history.epochs], label="test", **TEST)
        panels[name].set_ylabel(name)
    panels["accuracy"].yaxis.set_major_formatter(percent)
    if history.epochs:
        best = history.best
        top = max(max(epoch.train_loss, epoch.test_loss) for epoch in history.epochs)
        loss.set_ylim(top=top + 0.6 * (top - best.test_loss) + 0.5)  # the very first steps stand far above the rest
        mark_kept(loss, best.epoch, best.test_loss, "{:.3f}")
        mark_kept(panels["perplexity"], best.epoch, best.perplexity, "{:.1f}")
        mark_kept(panels["accuracy"], best.epoch, best.accuracy, "{:.1%}")
    for axes in panels.values():
        axes.set_xlabel("epoch")
        axes.set_xlim(0, max([1, *numbers, *steps]) * 1.05)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend(ncols=4, **ABOVE)
    return figure


def mark_kept(axes: Axes, number: int, value: float, form: str) -> None:
    """A star at the epoch whose weights were kept; the legend tells its number and its figure."""
    label = f"kept: epoch {number} ({form.format(value)})"
    axes.plot([number], [value], "*", color="black", markersize=14, zorder=5, label=label)


def percent(share: float, _: int) -> str:
    """A tick of an axis of shares, with as many digits as tell it from the next one."""
    return f"{100 * share:.6g}%"


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
        axes.set_xlim(0.5, len(histories[0].epochs) + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=len(histories))
    panels["accuracy"].yaxis.set_major_formatter(percent)
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
    """Test perplexity against training time of several trainings, by the names of their cells, in one PNG."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    figure.suptitle("Test perplexity against training time", fontsize=15, fontweight="bold")
    axes = figure.subplots()
    for (name, epochs), style in zip(trained.items(), STYLES, strict=False):
        seconds = list(accumulate(epoch.seconds for epoch in epochs))
        axes.plot(seconds, [epoch.perplexity for epoch in epochs], label=title_of(name), **style | THIN)
    axes.set_xlabel("training time in seconds, one mark an epoch")
    axes.set_ylabel("test perplexity")
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
    axes.legend(ncols=len(names), **ABOVE)
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
    words: Sequence[str],
    activity: Mapping[str, Tensor],
    attention: Tensor | None,
    guesses: Sequence[Sequence[Guess]],
    name: str,
    path: Path,
) -> None:
    """A cell at work on one sentence, a column a word, as a PNG: its gates and states, where it looks, its guesses.

    Args:
        words: the sentence.
        activity: of each gate and state, the mean of its units' absolute values at each word (words,).
        attention: at each word, the weights of the words looked at (words, words); None without attention.
        guesses: the likeliest next words after each word.
        name: of the cell.
    """
    shown = [in_reading_order(word) for word in words]
    heights = [len(activity), 1.2 * len(guesses[0])]
    if attention is not None:
        heights.insert(1, len(words))
    figure = Figure(figsize=(max(7, 0.9 * len(words) + 2), 1.5 + 0.45 * sum(heights)), layout="constrained")
    figure.suptitle(f"{title_of(name)}, word by word", fontweight="bold")
    top, *middle, bottom = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)

    sizes = torch.stack(list(activity.values()))
    image = draw_table(top, sizes, [[f"{size:.2f}" for size in row] for row in sizes.tolist()], "Blues")
    figure.colorbar(image, ax=top, label="mean size of all units", extend="max" if sizes.max() > 1 else "neither")
    top.set_yticks(range(len(activity)), list(activity))

    for axes in middle:
        weights = attention.T.masked_fill(attention.T == 0, torch.nan)  # what isn't read yet stays white
        texts = [["" if math.isnan(weight) else f"{weight:.2f}" for weight in row] for row in weights.tolist()]
        figure.colorbar(draw_table(axes, weights, texts, "Oranges"), ax=axes, label="attention")
        axes.set_yticks(range(len(words)), shown)
        axes.set_ylabel("word looked at")

    probabilities = torch.tensor([[guess.probability for guess in row] for row in guesses]).T
    texts = [
        [f"{in_reading_order(guess.word)}\n{guess.probability:.0%}" for guess in row]
        for row in zip(*guesses, strict=True)
    ]
    figure.colorbar(draw_table(bottom, probabilities, texts, "Greys"), ax=bottom, label="probability")
    bottom.set_yticks(range(len(texts)), [f"{place}." for place in range(1, len(texts) + 1)])
    bottom.set_ylabel("likeliest next words")

    bottom.set_xticks(range(len(words)), shown)
    for axes in (top, *middle):
        axes.tick_params(labelbottom=True)
    save_figure(figure, path)


def draw_table(axes: Axes, values: Tensor, texts: Sequence[Sequence[str]], colors: str) -> AxesImage:
    """Values (rows, columns) as colours, the darkest for 1 and more, with a text in each cell."""
    image = axes.imshow(values.numpy(), cmap=colors, vmin=0, vmax=1, aspect="auto")
    for row, cells in enumerate(texts):
        for column, text in enumerate(cells):
            color = "white" if values[row, column] > 0.6 else "black"
            axes.text(column, row, text, ha="center", va="center", color=color, fontsize=8)
    return image


def plot_embedding(
    words: Sequence[str], named: Sequence[str], near: Sequence[str], places: Tensor, path: Path
) -> None:
    """Words where their embeddings lie, or a little below, as a PNG.

    Args:
        words: all words of the map.
        named: those of the word or sum that was asked for, large and bold.
        near: those nearest to it, bold.
        places: where each word lies (words, 2).
    """
    figure = Figure(figsize=(13, 10), layout="constrained")
    figure.suptitle("The learned embedding in two dimensions (PCA)", fontsize=15, fontweight="bold")
    axes = figure.subplots()
    axes.set_xlabel("first principal component")
    axes.set_ylabel("second principal component")
    labels = []
    for word, place in zip(words, places.tolist(), strict=True):
        if word in named:
            style = {"fontsize": 13, "fontweight": "bold", "color": "#0072B2"}
        elif word in near:
            style = {"fontsize": 8, "fontweight": "bold", "color": "#D55E00"}
        else:
            style = {"fontsize": 8, "color": "black"}
        axes.plot(*place, ".", color=style["color"], markersize=3)
        labels.append(axes.annotate(in_reading_order(word), place, (0, 0), textcoords="offset points", **style))
    figure.draw_without_rendering()  # only then is it known how much room a word takes
    taken: list[Bbox] = []
    for label in labels:  # a word in the way of another one moves below it
        while (box := label.get_window_extent()).count_overlaps(taken):
            label.xyann = (0, label.xyann[1] - 2)
        taken.append(box)
    save_figure(figure, path)
