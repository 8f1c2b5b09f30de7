"""The training loop: many-to-many, the best epoch kept."""

import copy
import math
import signal
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from textwrap import fill
from threading import current_thread, main_thread

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from models import LanguageModel
from utils.checkpoint import save_checkpoint
from utils.completion import join, search, write_sentence
from utils.dataset import Data, batches
from utils.errors import UserError, counted
from utils.files import attempt, keep_earlier
from utils.history import Epoch, History, in_figures
from utils.loss import WeightedCrossEntropy, cross_entropy
from utils.plotting import plot_history, show_histories

FEW_STEPS = 100  # after fewer the test loss still falls steeply
MAX_GRADIENT_NORM = 1.0
WARM_UP = 0.1  # share of the steps in which the learning rate rises
LAST_RATE = 0.2  # share of the learning rate that is left at the end
ETA = 9  # of the average of the weights: nine tenths of it are those of the last fifth of the steps so far
WEIGHT_DECAY = 0.07
TEST_BATCH = 256
INDENT = {"initial_indent": " " * 7, "subsequent_indent": " " * 7}
BAR = {"unit": " batches", "leave": False, "dynamic_ncols": True, "disable": None}  # None: where it isn't a terminal
STEPS_A_LOOK = 10  # between two looks at the loss, since each look waits for the device to finish


class Interrupt:
    """Within it, a first Ctrl-C only sets `asked`, so that a step can be finished; a second one stops at once.

    Ctrl-C comes to the main thread alone: in another one, nothing is set.
    """

    def __init__(self):
        self.asked = False

    def __enter__(self) -> "Interrupt":
        if current_thread() is main_thread():
            self.before = signal.signal(signal.SIGINT, self.ask)
        return self

    def __exit__(self, *_: object) -> None:
        if current_thread() is main_thread():
            signal.signal(signal.SIGINT, self.before)

    def ask(self, *_: object) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def build(cell: Callable[[int, int], nn.Module], data: Data, options: Namespace) -> LanguageModel:
    """An untrained language model of this cell, of the sizes and on the device that the options ask for."""
    torch.manual_seed(options.seed)
    model = LanguageModel(
        cell,
        len(data.vocabulary),
        options.embedding_size,
        options.hidden_size,
        options.layers,
        options.dropout,
    )
    return model.to(options.device)


def train(name: str, model: LanguageModel, data: Data, options: Namespace) -> History:
    """Trains a model; writes NAME.pt, NAME.csv and NAME.png into the results folder as it goes.

    What is tested, and saved at the lowest test loss, is an average of the weights: `update_average`. After Ctrl-C the
    step is finished, and the history says `interrupted`. A file that can't be written is named on stderr, and training
    goes on.

    Raises:
        UserError: the loss is no longer finite, or an earlier training's files can't be kept. The best weights so far
            stay.
    """
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary)).to(options.device)
    train_batches, test_batches = batches(data.train, options.batch_size, options.seed), batches(data.test, TEST_BATCH)
    history = History(name, describe(data, options), model.count_parameters(), len(train_batches))
    model.start_from_frequencies(loss.counts)
    steps = options.epochs * len(train_batches)
    schedule = schedule_of(model, options.learning_rate, steps)
    average = copy.deepcopy(model).to(options.device)  # which lays the weights of a torch.nn.LSTM in one piece again
    keep_freed_memory()
    torch.manual_seed(options.seed)  # every model gets the same dropout
    beginning = familiar_beginning(data)

    print(fill(f"{name}, {history.parameters:,} parameters: {history.about}", 80, initial_indent="\n"))
    if keep_earlier(options.results, name):
        print(f"what an earlier training of it left is kept in {options.results / 'earlier'}")
    if steps < FEW_STEPS:
        print(f"only {counted(steps, 'step')} of training: a lower --batch-size or more --epochs would help")
    print("epoch  train loss  test loss  perplexity  accuracy  seconds")
    with Interrupt() as interrupt:
        try:
            for number in range(1, options.epochs + 1):
                bar = tqdm(train_batches, f"epoch {number}", **BAR)
                start = time.perf_counter()
                step_losses, words = train_epoch(model, bar, loss, schedule, average, interrupt)
                seconds = time.perf_counter() - start
                history.step_losses += step_losses
                train_loss = sum(value * n for value, n in zip(step_losses, words, strict=True)) / sum(words)
                require_finite(train_loss, schedule)
                if len(step_losses) < len(train_batches):  # Ctrl-C came within the epoch
                    break
                test_loss, perplexity, accuracy = evaluate(average, test_batches, loss)
                require_finite(test_loss, schedule)
                require_finite(perplexity, schedule, "the test loss is finite, but its perplexity isn't")
                epoch = Epoch(
                    epoch=number,
                    step=len(history.step_losses),
                    train_loss=train_loss,
                    test_loss=test_loss,
                    perplexity=perplexity,
                    accuracy=accuracy,
                    seconds=seconds,
                    words_per_second=sum(words) / seconds,
                )
                history.epochs.append(epoch)
                is_best = history.best is epoch
                path = options.results / f"{name}.pt"
                if is_best and attempt(partial(save_checkpoint, path, average, data.vocabulary, history, options)):
                    history.saved_epoch = number
                print(describe_epoch(epoch, is_best))
                print(fill(complete_beginning(average, data, beginning), 80, **INDENT), flush=True)
                if interrupt.asked or number == options.epochs:
                    break
                write_results(history, options.results)
        finally:  # after Ctrl-C, and where the loss broke, there is something to see as well
            history.written = write_results(history, options.results)
        history.interrupted = interrupt.asked
    if history.epochs and history.best.perplexity > len(data.vocabulary):
        print("a perplexity above the number of words is worse than blind guessing:")
        print("a test set of a sentence or two, or a training that has gone wrong")
    return history


def keep_freed_memory() -> None:
    """Makes Linux's allocator keep the memory that one step frees for the next: about 10% faster.

    Every step asks for blocks of some megabytes. glibc would give them back to the system each time, and the
    system clear them anew; once a block of nearly 32 MB has been freed, it keeps all smaller ones (mallopt(3),
    M_MMAP_THRESHOLD). Elsewhere nothing changes.
    """
    torch.empty(31 * 2**20, dtype=torch.uint8)


def schedule_of(model: LanguageModel, learning_rate: float, steps: int) -> LambdaLR:
    """The optimiser, and the learning rate of each of its steps: up to `learning_rate`, then down.

    AdamW (Loshchilov & Hutter 2019); its rate rises in a straight line over the first 10% of the steps, while
    its averages are still poor, and falls in a straight line over the others, to 20%: the average of the weights
    does the rest.
    """
    optimizer = AdamW(model.parameters(), lr=learning_rate, weight_decay=WEIGHT_DECAY, fused=True)
    rising = max(1, round(WARM_UP * steps))
    falling = max(1, steps - rising)

    def share(step: int) -> float:
        return min((step + 1) / rising, LAST_RATE + (1 - LAST_RATE) * (steps - step) / falling)

    return LambdaLR(optimizer, share)


@torch.no_grad()
def update_average(average: LanguageModel, model: LanguageModel, step: int) -> None:
    """Moves the average of the weights on, after a step of training, the first of which has number 1.

    Each step leaves the weights a little off, on one side or another of where they are heading; their average is
    nearer (Polyak averaging). It is the polynomial-decay average of Shamir & Zhang 2013:

        w̄ = (1 − (η + 1) / (t + η)) w̄ + (η + 1) / (t + η) w

    so that early steps are soon forgotten, however many are still to come.
    """
    update = get_ema_multi_avg_fn(1 - (ETA + 1) / (step + ETA))
    update(list(average.parameters()), list(model.parameters()), step)


def train_epoch(
    model: LanguageModel,
    bar: tqdm,
    loss: WeightedCrossEntropy,
    schedule: LambdaLR,
    average: LanguageModel,
    interrupt: Interrupt,
) -> tuple[list[float], list[int]]:
    """One round through the batches of a progress bar; it ends early after Ctrl-C or where the loss has broken.

    Returns:
        The mean loss of each step, and the number of targets in it.
    """
    model.train()
    optimizer, device = schedule.optimizer, loss.C.device
    # All losses in one tensor: a new small one at each step, kept between the large ones that are freed, would keep
    # the freed memory from being used again as a whole, and the memory would grow with the steps.
    losses, words = torch.zeros(len(bar), device=device), []
    with bar:
        for batch in bar:
            inputs, targets = batch.pack(device)
            logits, _ = model(inputs)
            value = loss(logits.data, targets)
            optimizer.zero_grad()
            value.backward()
            clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            update_average(average, model, schedule.last_epoch)
            losses[len(words)] = value.detach()
            words.append(len(targets))
            if len(words) % STEPS_A_LOOK == 0:
                running = losses[len(words) - STEPS_A_LOOK:len(words)].mean().item()
                bar.set_postfix(loss=f"{running:.3f}")
                if not math.isfinite(running):
                    break
            if interrupt.asked:
                break
    return losses[:len(words)].tolist(), words


def require_finite(figure: float, schedule: LambdaLR, problem: str = "the loss is no longer finite") -> None:
    """Raises a UserError where training has broken down."""
    if not math.isfinite(figure):
        raise UserError(f"{problem}: choose a --learning-rate below {schedule.base_lrs[0]:g}; what was saved stays")


@torch.inference_mode()
def evaluate(model: LanguageModel, test_batches: DataLoader, loss: WeightedCrossEntropy) -> tuple[float, float, float]:
    """The course's loss, the perplexity and the accuracy of the next word, over all targets of these batches."""
    model.eval()
    device = loss.C.device
    weighted = unweighted = right = count = 0
    for batch in test_batches:
        inputs, targets = batch.pack(device)
        logits, _ = model(inputs)
        weighted += loss(logits.data, targets).item() * len(targets)
        unweighted += cross_entropy(logits.data, targets).sum().item()
        right += (logits.data.argmax(dim=1) == targets).sum().item()
        count += len(targets)
    # Infinite where math.exp would raise an error; in float32 it would be from a loss of 89 on.
    perplexity = torch.tensor(unweighted / count, dtype=torch.float64).exp().item()
    return weighted / count, perplexity, right / count


def describe(data: Data, options: Namespace) -> str:
    """The data and the main options, in a few words."""
    layers = f", {options.layers} layers" if options.layers > 1 else ""
    return (
        f"{data.name}, hidden {options.hidden_size}, embedding {options.embedding_size}{layers}, "
        f"dropout {options.dropout:g}, batch {options.batch_size}, rate {options.learning_rate:g}, "
        f"{counted(options.epochs, 'epoch')}, seed {options.seed}"
    )


def describe_epoch(epoch: Epoch, is_best: bool) -> str:
    """One line of the table that a training prints."""
    return (
        f"{epoch.epoch:5}  {epoch.train_loss:10.4f}  {epoch.test_loss:9.4f}  {in_figures(epoch.perplexity):>10}"
        f"  {epoch.accuracy:8.2%}  {epoch.seconds:7.1f}{'  best so far' if is_best else ''}"
    )


def familiar_beginning(data: Data) -> list[str]:
    """The three words with which most training sentences begin: completed after each epoch, to see it learn."""
    return list(Counter(tuple(tokens[:3]) for tokens in data.train.sentences).most_common(1)[0][0])


def complete_beginning(model: LanguageModel, data: Data, beginning: list[str], max_words: int = 12) -> str:
    """The sentence that the model makes of this beginning."""
    [ending] = search(model, [data.vocabulary.encode(beginning)], beam=5, max_words=max_words)
    return write_sentence(join(beginning), ending, data.vocabulary)


def write_results(history: History, results: Path) -> bool:
    """NAME.csv and NAME.png, of whatever there is by now; NAME-unsaved's are removed once NAME.pt is this training's.

    Returns:
        Whether both could be written.
    """
    stem = stem_of(history, results)
    table, picture = Path(f"{stem}.csv"), Path(f"{stem}.png")
    written = attempt(partial(history.write_csv, table), partial(plot_history, history, picture))
    if written and history.saved_epoch:
        for suffix in (".csv", ".png"):
            with suppress(OSError):  # there is none, or another program holds it
                Path(f"{stem}-unsaved{suffix}").unlink()
    return written


def stem_of(history: History, results: Path) -> Path:
    """NAME; or NAME-unsaved as long as NAME.pt is an earlier training's, so that no files of two stand together."""
    stem = results / history.name
    is_earlier = not history.saved_epoch and Path(f"{stem}.pt").exists()
    return Path(f"{stem}-unsaved") if is_earlier else stem


def report(histories: Sequence[History], options: Namespace) -> int:
    """Says what was written and what to run next; opens the plots if asked to.

    Returns:
        The script's exit code: 130 after Ctrl-C, 2 where a file couldn't be written, else 0.
    """
    interrupted = any(history.interrupted for history in histories)
    print("\nstopped by Ctrl-C" if interrupted else "")
    for history in histories:
        weights = [f".pt (the weights of epoch {history.saved_epoch})"] if history.saved_epoch else []
        results = [".csv and .png"] if history.written else []
        if weights or results:
            print(f"wrote {stem_of(history, options.results)}{', '.join(weights + results)}")
        if not history.epochs:
            model = options.results / f"{history.name}.pt"
            earlier = f"; {model} is of an earlier training" if model.exists() else ""
            print(f"no epoch was finished, so no weights were saved{earlier}")
    trained = [history for history in histories if history.saved_epoch]
    if trained:
        print(f"next: python rollout.py --checkpoint {options.results / trained[0].name}.pt")
    if options.show:
        show_histories(histories, options.results)
    whole = all(h.written and (not h.epochs or h.saved_epoch == h.best.epoch) for h in histories)
    return 130 if interrupted else 0 if whole else 2
