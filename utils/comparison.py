"""The hand-written LSTM against torch.nn.LSTM: the proof, the table and the verdict."""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from models import LSTM, LanguageModel, TorchLSTM, repack
from utils.dataset import Batch
from utils.history import FIGURES, History, write_rows
from utils.plotting import mean, plot_comparison


def with_torch_lstm(model: LanguageModel) -> LanguageModel:
    """A copy of a model with a torch.nn.LSTM of the same weights in place of each hand-written LSTM."""
    twin = copy.deepcopy(model)
    twin.layers = nn.ModuleList(TorchLSTM.like(layer) for layer in model.layers)
    return twin


def largest_differences(model: LanguageModel, batch: Batch) -> tuple[float, float]:
    """How far the first layer of a model and a torch.nn.LSTM of the same weights are apart on one batch.

    Both read the batch's embeddings in float64 on the CPU; the gradients are those of the sum of squares of all
    outputs and last states, by the inputs and by every weight.

    Returns:
        The largest absolute difference of an output or state, and of a gradient.
    """
    layer: LSTM = copy.deepcopy(model.layers[0]).to("cpu", torch.float64)
    words, _ = batch.pack(torch.device("cpu"))
    embeddings = model.embedding.weight.detach().to("cpu", torch.float64)[words.data]

    def run(lstm: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
        inputs = embeddings.clone().requires_grad_()
        output, state = lstm(repack(words, inputs))
        outputs = [output.data, *state]
        weights = [weight for weight in lstm.parameters() if weight.requires_grad]
        return outputs, list(torch.autograd.grad(sum(o.square().sum() for o in outputs), [inputs, *weights]))

    by_hand, by_torch = run(layer), run(TorchLSTM.like(layer))
    outputs, gradients = (
        max((a - b).abs().max().item() for a, b in zip(*pair, strict=True))
        for pair in zip(by_hand, by_torch, strict=True)
    )
    return outputs, gradients


def table(histories: Sequence[History]) -> str:
    """The best epoch of each training, its mean speed and its size, a line each within 80 columns."""
    lines = ["model       test loss  perplexity  accuracy  s/epoch   words/s  parameters"]
    for history in histories:
        best = history.best
        seconds = mean([epoch.seconds for epoch in history.epochs])
        speed = mean([epoch.words_per_second for epoch in history.epochs])
        lines.append(
            f"{history.name:<10}  {best.test_loss:9.4f}  {best.perplexity:10.2f}  {best.accuracy:8.2%}"
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
    ratio = mean([e.words_per_second for e in by_hand.epochs]) / mean([e.words_per_second for e in by_torch.epochs])
    if abs(ratio - 1) <= 0.03:
        speed = "trains as fast"
    elif ratio > 1:
        speed = f"trains {ratio:.2f} times as fast"
    else:
        speed = f"takes {1 / ratio:.2f} times as long"
    return (
        f"The hand-written LSTM {quality} torch.nn.LSTM\n(perplexity {hand:.2f} against {builtin:.2f}) and {speed}."
    )


def compare(by_hand: History, by_torch: History, results: Path) -> None:
    """Writes comparison.csv and comparison.png, and prints the table and the verdict."""
    histories = [by_hand, by_torch]
    write_comparison(histories, results / "comparison.csv")
    plot_comparison(histories, results / "comparison.png")
    print(f"\n{table(histories)}\n\n{verdict(by_hand, by_torch)}")
    print(f"wrote {results / 'comparison'}.csv and .png")


def write_comparison(histories: Sequence[History], path: Path) -> None:
    """A CSV file of one row a model and epoch."""
    rows = [
        {"model": history.name, "epoch": epoch.epoch, **{name: f"{getattr(epoch, name):.6f}" for name in FIGURES}}
        for history in histories
        for epoch in history.epochs
    ]
    write_rows(path, ["model", "epoch", *FIGURES], rows)
