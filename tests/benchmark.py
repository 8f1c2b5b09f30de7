"""How fast the hand-written layers are: ratios to torch.nn.LSTM and to bare matrix products, measured side by side.

Those products are the floor of a layer made of single operations; a fused kernel goes below it.
Every table entry is a median over runs in which all competitors take turns on the same batch, so that a noisy
machine is noisy for all. Run nothing else meanwhile.
"""

import copy
import math
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from time import localtime, perf_counter, strftime

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).parent.parent))

from models import CELLS, LSTM, RecurrentLayer, TorchLSTM, repack
from utils.comparison import with_torch_lstm
from utils.dataset import Data, LengthBatches, SentenceDataset, batches, load_data
from utils.errors import UserError, run
from utils.history import read_epochs
from utils.loss import WeightedCrossEntropy
from utils.options import Parser, add_data, folder, number, training_parser
from utils.plotting import plot_race, plot_speed
from utils.training import BAR, Interrupt, build, keep_freed_memory, schedule_of, train_epoch

SIZES = [(32, 64, 128), (64, 160, 256), (64, 128, 352), (128, 256, 512)]  # batch, embedding, hidden
DEFAULT_SIZE = (64, 160, 256)
SHARES = (0.25, 0.5, 1.0)  # of the corpus


class Padded(nn.Module):
    """torch.nn.LSTM on the padded batch (batch, longest, input_size) → outputs (batch, longest, hidden_size)."""

    def __init__(self, lstm: TorchLSTM):
        super().__init__()
        self.lstm = lstm.lstm

    def forward(self, inputs: Tensor) -> Tensor:
        return self.lstm(inputs)[0]


class Textbook(nn.Module):
    """The LSTM as many a textbook writes it, on the padded batch: a Linear for each gate and for each of x and h."""

    def __init__(self, input_size: int, hidden_size: int):
        super().__init__()
        self.hidden_size = hidden_size
        self.of_x = nn.ModuleList(nn.Linear(input_size, hidden_size) for _ in "ifgo")
        self.of_h = nn.ModuleList(nn.Linear(hidden_size, hidden_size, bias=False) for _ in "ifgo")

    def forward(self, inputs: Tensor) -> Tensor:
        h = c = inputs.new_zeros(len(inputs), self.hidden_size)
        outputs = []
        for x in inputs.unbind(1):
            i, f, g, o = (of_x(x) + of_h(h) for of_x, of_h in zip(self.of_x, self.of_h, strict=True))
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, 1)


class Products(RecurrentLayer):
    """The matrix products of an LSTM and of its gradients, and nothing else.

    It is the floor of a layer made of single operations; a fused kernel goes below it.
    """

    blocks = 4

    def forward(self, sentences: PackedSequence) -> tuple[PackedSequence, tuple[Tensor, ...]]:
        sizes = sentences.batch_sizes.tolist()
        h = sentences.data.new_zeros(sizes[0], self.hidden_size, requires_grad=True)
        outputs = [torch.addmm(x, h[:len(x)], self.U.t()) for x in self.project(sentences.data).split(sizes)]
        return repack(sentences, torch.cat(outputs)), ()


def competitors(input_size: int, hidden_size: int) -> dict[str, nn.Module]:
    """The LSTMs of the first table, the hand-written one first."""
    hand_written = LSTM(input_size, hidden_size)
    return {
        "by hand": hand_written,
        "torch packed": TorchLSTM.like(hand_written),
        "torch padded": Padded(TorchLSTM.like(hand_written)),
        "textbook": Textbook(input_size, hidden_size),
        "products": Products(input_size, hidden_size),
    }


def real_batches(dataset: SentenceDataset, batch_size: int, alike: bool) -> Iterator[Tensor]:
    """Lengths of whole batches of real sentences, of like lengths or mixed ones, without end; the longest first."""
    generator = torch.Generator().manual_seed(0)
    lengths = dataset.lengths
    while True:
        if alike:
            drawn = LengthBatches(lengths, batch_size, generator)
        else:
            drawn = torch.randperm(len(lengths), generator=generator).split(batch_size)
        for batch in drawn:
            if len(batch) == batch_size:
                yield lengths[batch].sort(descending=True).values


def time_layers(layers: dict[str, nn.Module], lengths: Iterable[Tensor], input_size: int) -> dict[str, float]:
    """Median seconds of each layer, forward and backward, over these batches; they take turns on each."""
    times: dict[str, list[float]] = {name: [] for name in layers}
    for batch in lengths:
        padded = torch.randn(len(batch), int(batch[0]), input_size)
        packed = pack_padded_sequence(padded, batch, batch_first=True)
        real = (torch.arange(padded.shape[1]) < batch.unsqueeze(1)).float().unsqueeze(2)  # 0 where padding is
        for name, layer in layers.items():
            layer.zero_grad()
            if isinstance(layer, Padded | Textbook):
                inputs = padded.clone().requires_grad_()
                start = perf_counter()
                output = layer(inputs)
                output.backward(real.expand_as(output))
            else:
                inputs = repack(packed, packed.data.clone().requires_grad_())
                start = perf_counter()
                output, _ = layer(inputs)
                output.data.backward(torch.ones_like(output.data))
            times[name].append(perf_counter() - start)
    return {name: median(values[len(values) // 5:]) for name, values in times.items()}  # the first ones warm up


def kernel(layer: TorchLSTM | Padded, batch: Tensor, input_size: int) -> str:
    """Which kernel torch.nn.LSTM calls for a batch of these lengths: oneDNN's fused one, or ATen's, step by step."""
    inputs = torch.randn(len(batch), int(batch[0]), input_size)
    if isinstance(layer, TorchLSTM):
        inputs = pack_padded_sequence(inputs, batch, batch_first=True)
    with torch.profiler.profile() as profile:
        layer(inputs)
    return "oneDNN" if any("mkldnn_rnn" in event.key for event in profile.key_averages()) else "ATen"


def benchmark_layers(dataset: SentenceDataset, runs: int) -> list[tuple[str, dict[str, float]]]:
    """Prints the tables of single layers; gives back the ratios of the first."""
    rows = []
    print("\nOne layer, forward and backward: milliseconds by hand; the others as ratios to it")
    head = "batch, sizes, lengths", "by hand", "torch packed", "torch padded", "textbook", "products"
    print("{:<22}{:>8}{:>15}{:>15}{:>10}{:>10}".format(*head))
    for size in SIZES:
        for alike in (True, False):
            batch_size, input_size, hidden_size = size
            layers = competitors(input_size, hidden_size)
            lengths = real_batches(dataset, batch_size, alike)
            times = time_layers(layers, (next(lengths) for _ in range(runs)), input_size)
            ratios = {name: seconds / times["by hand"] for name, seconds in times.items()}
            batch = next(lengths)
            packed, padded = (kernel(layers[name], batch, input_size) for name in ("torch packed", "torch padded"))
            title = f"{', '.join(map(str, size))}, {'alike' if alike else 'mixed'}"
            rows.append((title, ratios))
            print(
                f"{title:<22}{1000 * times['by hand']:8.1f}{ratios['torch packed']:8.2f} {packed:>6}"
                f"{ratios['torch padded']:8.2f} {padded:>6}{ratios['textbook']:10.2f}{ratios['products']:10.2f}"
            )
    batch_size, input_size, hidden_size = DEFAULT_SIZE
    cells = {name: cell(input_size, hidden_size) for name, cell in CELLS.items() if name != "torch_lstm"}
    lengths = real_batches(dataset, batch_size, alike=True)
    times = time_layers(cells, (next(lengths) for _ in range(runs)), input_size)
    print(f"\nWhat a gate costs: each hand-written cell at {', '.join(map(str, DEFAULT_SIZE))}, lengths alike")
    print(f"{'cell':<24}{'ms':>9}{'ratio to lstm':>15}{'parameters':>12}")
    for name, layer in cells.items():
        parameters = sum(parameter.numel() for parameter in layer.parameters())
        print(f"{name:<24}{1000 * times[name]:9.2f}{times[name] / times['lstm']:15.2f}{parameters:12,}")
    return rows


def benchmark_training(options: Namespace, data: Data) -> None:
    """Prints how fast both LSTMs train on more and more of the corpus, and what share of a step is the layer's."""
    by_hand = build(LSTM, data, options)
    models = {"lstm": by_hand, "torch_lstm": with_torch_lstm(by_hand)}
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary))
    print("\nOne epoch of training, the better of two: thousands of words a second, and seconds")
    print(f"{'part of the corpus':<24}{'lstm':>16}{'torch_lstm':>18}{'ratio of seconds':>20}")
    for share in SHARES:
        sentences = data.train.sentences[:int(share * len(data.train))]
        part = SentenceDataset(sentences, data.vocabulary, options.max_length)
        seconds = dict.fromkeys(models, math.inf)
        for _ in range(2):
            for name, model in models.items():
                bar = tqdm(batches(part, options.batch_size, options.seed), f"{share:.0%} {name}", **BAR)
                schedule = schedule_of(model, options.learning_rate, len(bar))
                average = copy.deepcopy(model)
                start = perf_counter()
                _, words = train_epoch(model, bar, loss, schedule, average, Interrupt())
                seconds[name] = min(seconds[name], perf_counter() - start)
        columns = "".join(f"{sum(words) / s / 1000:9.1f}{s:7.1f} s" for s in seconds.values())
        print(f"{share:<24.0%}{columns}{seconds['lstm'] / seconds['torch_lstm']:20.2f}")

    step = seconds["lstm"] / len(bar)
    lengths = [batch.lengths for batch in batches(part, options.batch_size, options.seed)]
    layer = time_layers({"lstm": by_hand.layers[0]}, lengths, options.embedding_size)["lstm"]
    print(f"\nA training step takes {1000 * step:.1f} ms: {1000 * layer:.1f} for the hand-written layer, and")
    print(f"{1000 * (step - layer):.1f} for embedding, dropout, logits, loss, clipping, optimiser, batching and bar")


def main() -> None:
    parser = Parser(__doc__)
    add_data(parser)
    parser.add_argument("--runs", type=number(int, 5, 10_001), default=40, help="batches for each figure of a layer")
    of_what = "of the CSV files of all trainings in --results, whenever and with whatever options they were trained"
    parser.add_argument("--plot", action="store_true", help=f"draw benchmark.png, and time.png {of_what}")
    parser.add_argument("--results", type=folder, default="results", help="folder of the CSV files and pictures")
    options = parser.parse_args(namespace=training_parser("").parse_args([]))  # sizes as in training
    data = load_data(options)
    largest = max(batch_size for batch_size, _, _ in SIZES)
    if len(data.train) < largest:
        raise UserError(f"{options.data}: {len(data.train)} sentences to train on don't fill a batch of {largest}")
    keep_freed_memory()
    os.environ["KINETO_LOG_LEVEL"] = "6"  # or torch's profiler tells of its start and stop between the rows
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    rows = benchmark_layers(data.train, options.runs)
    benchmark_training(options, data)
    if options.plot:
        plot_speed(rows, options.results / "benchmark.png")
        print(f"\nwrote {options.results / 'benchmark.png'}")
        paths = {name: options.results / f"{name}.csv" for name in CELLS}
        trained = {name: read_epochs(path) for name, path in paths.items() if path.exists()}
        if trained:
            plot_race(trained, options.results / "time.png")
            ends = {name: strftime("%Y-%m-%d %H:%M", localtime(paths[name].stat().st_mtime)) for name in trained}
            drawn = ", ".join(f"{paths[name].name} ({end})" for name, end in ends.items())
            print(f"wrote {options.results / 'time.png'} of {drawn}")


if __name__ == "__main__":
    run(main)
