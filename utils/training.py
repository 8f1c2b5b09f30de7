"""The training loop: many-to-many, the best epoch kept."""

import math
import signal
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import fill

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from models import LanguageModel
from utils.checkpoint import save
from utils.completion import join, search, write
from utils.dataset import Data, batches
from utils.errors import UserError, counted
from utils.files import keep_earlier
from utils.history import Epoch, History
from utils.loss import WeightedCrossEntropy, cross_entropy
from utils.plotting import plot_history, show_histories

FEW_STEPS = 300  # fewer teach a model next to nothing
MAX_GRADIENT_NORM = 1.0
WARM_UP = 0.1  # share of the steps in which the learning rate rises
LAST_RATE = 0.2  # share of the learning rate that is left at the end
ETA = 9  # of the average of the weights: it reaches over about the last 1 / (ETA + 2) of the steps so far
WEIGHT_DECAY = 0.1
TEST_BATCH = 256
INDENT = {"initial_indent": " " * 7, "subsequent_indent": " " * 7}
STEPS_A_LOOK = 10  # between two looks at the loss, since each look waits for the device to finish


class Interrupt:
    """Within it, a first Ctrl-C only sets `asked`, so that a step can be finished; a second one stops at once."""

    def __init__(self):
        self.asked = False

    def __enter__(self) -> "Interrupt":
        self.before = signal.signal(signal.SIGINT, self.ask)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self.before)

    def ask(self, *_: object) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def train(name: str, model: LanguageModel, data: Data, options: Namespace) -> History:
    """Trains a model; writes NAME.pt, NAME.csv and NAME.png into the results folder as it goes.

    What is tested, and saved at the lowest test loss, is an average of the weights: `average_of`. After Ctrl-C the
    step is finished, and the history says `interrupted`.

    Raises:
        UserError: the loss is no longer finite, or a file can't be written. The best weights so far stay.
    """
    loss = WeightedCrossEntropy(data.train.targets(), len(data.vocabulary)).to(options.device)
    train_batches, test_batches = batches(data.train, options.batch_size, options.seed), batches(data.test, TEST_BATCH)
    history = History(name, describe(data, options), model.count_parameters(), len(train_batches))
    model.start_from_frequencies(loss.counts)
    steps = options.epochs * len(train_batches)
    schedule = schedule_of(model, options.learning_rate, steps)
    average = average_of(model)
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
                bar = tqdm(train_batches, f"epoch {number}", unit=" batches", leave=False, dynamic_ncols=True)
                start = time.perf_counter()
                step_losses, words = train_epoch(model, bar, loss, schedule, average, interrupt)
                seconds = time.perf_counter() - start
                history.step_losses += step_losses
                train_loss = sum(value * n for value, n in zip(step_losses, words, strict=True)) / sum(words)
                require_finite(train_loss, schedule)
                if len(step_losses) < len(train_batches):  # Ctrl-C came within the epoch
                    break
                test_loss, perplexity, accuracy = evaluate(average.module, test_batches, loss)
                require_finite(perplexity, schedule)
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
                if is_best:
                    save(options.results / f"{name}.pt", average.module, data.vocabulary, history, options)
                print(describe_epoch(epoch, is_best))
                print(fill(complete(average.module, data, beginning), 80, **INDENT), flush=True)
                if interrupt.asked or number == options.epochs:
                    break
                with suppress(UserError):  # a viewer may hold the picture open; it is written again at the end
                    write_results(history, options.results)
        finally:  # after Ctrl-C, and where the loss broke, there is something to see as well
            write_results(history, options.results)
        history.interrupted = interrupt.asked
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


def average_of(model: LanguageModel) -> AveragedModel:
    """A second model, whose weights are a running average of the model's: over about the last 9% of the steps so far.

    Each step leaves the weights a little off, on one side or another of where they are heading; their average is
    nearer. It is the polynomial-decay average of Shamir & Zhang 2013: after step t

        w̄ = (1 − (η + 1) / (t + η)) w̄ + (η + 1) / (t + η) w

    so that early steps are soon forgotten, however many are still to come.
    """

    def update(averages: list[Tensor], weights: list[Tensor], steps_before: Tensor) -> None:
        share = (ETA + 1) / (steps_before.item() + 1 + ETA)
        get_ema_multi_avg_fn(1 - share)(averages, weights, steps_before)

    return AveragedModel(model, multi_avg_fn=update)


def train_epoch(
    model: LanguageModel,
    bar: tqdm,
    loss: WeightedCrossEntropy,
    schedule: LambdaLR,
    average: AveragedModel,
    interrupt: Interrupt,
) -> tuple[list[float], list[int]]:
    """One round through the batches of a progress bar; it ends early after Ctrl-C or where the loss has broken.

    Returns:
        The mean loss of each step, and the number of targets in it.
    """
    model.train()
    optimizer, device = schedule.optimizer, loss.C.device
    losses, words = [], []
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
            average.update_parameters(model)
            losses.append(value.detach())
            words.append(len(targets))
            if len(losses) % STEPS_A_LOOK == 0:
                running = torch.stack(losses[-STEPS_A_LOOK:]).mean().item()
                bar.set_postfix(loss=f"{running:.3f}")
                if not math.isfinite(running):
                    break
            if interrupt.asked:
                break
    return torch.stack(losses).tolist(), words


def require_finite(loss: float, schedule: LambdaLR) -> None:
    """Raises a UserError where training has broken down."""
    if not math.isfinite(loss):
        rate = schedule.base_lrs[0]
        raise UserError(f"the loss is no longer finite: choose a --learning-rate below {rate:g}; what was saved stays")


@torch.inference_mode()
def evaluate(model: LanguageModel, test_batches: DataLoader, loss: WeightedCrossEntropy) -> tuple[float, float, float]:
    """The course's loss, the perplexity and the accuracy of the next word, over all targets of these batches."""
    model.eval()
    device = loss.C.device
    weighted = unweighted = right = count = 0
    for batch in test_batches:
        inputs, targets = batch.pack(device)
        logits, _ = model(inputs)
        entropy = cross_entropy(logits.data, targets)
        weighted += loss.terms(entropy, targets).sum().item()
        unweighted += entropy.sum().item()
        right += (logits.data.argmax(dim=1) == targets).sum().item()
        count += len(targets)
    perplexity = torch.tensor(unweighted / count).exp().item()  # infinite where math.exp would raise an error
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
        f"{epoch.epoch:5}  {epoch.train_loss:10.4f}  {epoch.test_loss:9.4f}  {epoch.perplexity:10.2f}"
        f"  {epoch.accuracy:8.2%}  {epoch.seconds:7.1f}{'  best so far' if is_best else ''}"
    )


def familiar_beginning(data: Data) -> list[str]:
    """The three words with which most training sentences begin: completed after each epoch, to see it learn."""
    return list(Counter(tuple(tokens[:3]) for tokens in data.train.sentences).most_common(1)[0][0])


def complete(model: LanguageModel, data: Data, beginning: list[str], max_words: int = 12) -> str:
    """The sentence that the model makes of this beginning."""
    [ending] = search(model, [data.vocabulary.encode(beginning)], beam=5, max_words=max_words)
    return write(join(beginning), ending, data.vocabulary)


def write_results(history: History, results: Path) -> None:
    """NAME.csv and NAME.png, of whatever there is by now."""
    history.write_csv(results / f"{history.name}.csv")
    plot_history(history, results / f"{history.name}.png")


def report(histories: Sequence[History], options: Namespace) -> int:
    """Says what was written and what to run next; opens the plots if asked to.

    Returns:
        The script's exit code: 130 after Ctrl-C, else 0.
    """
    interrupted = any(history.interrupted for history in histories)
    print("\nstopped by Ctrl-C" if interrupted else "")
    for history in histories:
        stem = options.results / history.name
        if history.epochs:
            print(f"wrote {stem}.pt (the weights of epoch {history.best.epoch}), .csv and .png")
        else:
            earlier = f"; {stem}.pt is of an earlier training" if stem.with_suffix(".pt").exists() else ""
            print(f"wrote {stem}.csv and .png; no epoch was finished, so no weights were saved{earlier}")
    trained = [history for history in histories if history.epochs]
    if trained:
        print(f"next: python rollout.py --checkpoint {options.results / trained[0].name}.pt")
    if options.show:
        show_histories(histories, options.results)
    return 130 if interrupted else 0
