"""The hand-written LSTM against torch.nn.LSTM: the proof, the table and the verdict."""

import copy
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor, nn

from models import LanguageModel, TorchLSTM
from utils.dataset import Batch
from utils.errors import UserError
from utils.files import attempt, keep_earlier
from utils.history import FIGURES, History, in_figures, write_rows
from utils.loss import cross_entropy
from utils.plotting import plot_comparison

SHORT = 10  # seconds of training; in fewer, what else the machine does in a second or two decides which was faster


def with_torch_lstm(model: LanguageModel) -> LanguageModel:
    """A copy of a model with a torch.nn.LSTM of the same weights in place of each hand-written LSTM."""
    twin = copy.deepcopy(model)
    twin.layers = nn.ModuleList(TorchLSTM.like(layer) for layer in model.layers)
    return twin


def largest_differences(by_hand: LanguageModel, by_torch: LanguageModel, batch: Batch) -> tuple[float, float]:
    """How far two models of the same weights are apart on one batch, in float64 on the CPU, without dropout.

    Returns:
        The largest absolute difference of any logit or last state, and of any gradient of the mean cross-entropy
        by a weight.

    Raises:
        UserError: all outputs or all gradients of one are zero, which proves nothing.
    """
    words, targets = batch.pack(torch.device("cpu"))

    def run(model: LanguageModel) -> tuple[list[Tensor], list[Tensor]]:
        model = copy.deepcopy(model).cpu().double().eval()  # in two steps: an Apple GPU has no float64
        logits, states = model(words)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        gradients = torch.autograd.grad(cross_entropy(logits.data, targets).mean(), weights)
        outputs = [logits.data, *chain.from_iterable(states)]
        if not (any(output.any() for output in outputs) and any(gradient.any() for gradient in gradients)):
            raise UserError("the comparison of both LSTMs came to nothing but zeros on this device; try --device cpu")
        return outputs, list(gradients)

    outputs, gradients = (
        torch.stack([(a - b).abs().max() for a, b in zip(*pair, strict=True)]).max().item()
        for pair in zip(run(by_hand), run(by_torch), strict=True)
    )
    return outputs, gradients


def table(histories: Sequence[History]) -> str:
    """The best epoch of each training, its mean speed and its size, a line each within 80 columns."""
    lines = ["model       test loss  perplexity  accuracy  s/epoch   words/s  parameters"]
    for history in histories:
        best = history.best
        seconds = fmean([epoch.seconds for epoch in history.epochs])
        speed = fmean([epoch.words_per_second for epoch in history.epochs])
        lines.append(
            f"{history.name:<10}  {best.test_loss:9.4f}  {in_figures(best.perplexity):>10}  {best.accuracy:8.2%}"
            f"  {seconds:7.1f}  {speed:8,.0f}  {history.parameters:10,}"
        )
    return "\n".join(lines)


def verdict(by_hand: History, by_torch: History) -> str:
    """One sentence on which of the two learns better and which is faster, from their figures alone."""
    hand, builtin = by_hand.best.perplexity, by_torch.best.perplexity
    if abs(hand - builtin) <= 0.01 * builtin:
        quality = "learns as well as"
    else:
        quality = "learns better than" if hand < builtin else "learns worse than"
    ratio = fmean([e.words_per_second for e in by_hand.epochs]) / fmean([e.words_per_second for e in by_torch.epochs])
    if min(sum(epoch.seconds for epoch in history.epochs) for history in (by_hand, by_torch)) < SHORT:
        speed = ";\nthe training was too short to tell which is faster"
    elif abs(ratio - 1) <= 0.03:
        speed = " and trains as fast"
    elif ratio > 1:
        speed = f" and trains {ratio:.2f} times as fast"
    else:
        speed = f" and takes {1 / ratio:.2f} times as long"
    figures = f"(perplexity {in_figures(hand)} against {in_figures(builtin)})"
    return f"The hand-written LSTM {quality} torch.nn.LSTM\n{figures}{speed}."


def compare(by_hand: History, by_torch: History, results: Path) -> bool:
    """Prints the table and the verdict, and writes comparison.csv and comparison.png.

    Returns:
        Whether both files could be written; they aren't where an earlier comparison's can't be kept.
    """
    histories = [by_hand, by_torch]
    print(f"\n{table(histories)}\n\n{verdict(by_hand, by_torch)}")
    written = attempt(partial(keep_earlier, results, "comparison")) and attempt(
        partial(write_comparison, histories, results / "comparison.csv"),
        partial(plot_comparison, histories, results / "comparison.png"),
    )
    if written:
        print(f"wrote {results / 'comparison'}.csv and .png")
    return written


def write_comparison(histories: Sequence[History], path: Path) -> None:
    """A CSV file of one row a model and epoch."""
    rows = [
        {"model": history.name, "epoch": epoch.epoch, **{name: f"{getattr(epoch, name):.6f}" for name in FIGURES}}
        for history in histories
        for epoch in history.epochs
    ]
    write_rows(path, ["model", "epoch", *FIGURES], rows)
