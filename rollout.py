"""Completes sentences: type a beginning, read its end. With piped input, one completion a line."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch

from utils.checkpoint import Checkpoint, load_checkpoint
from utils.completion import Ending, draw, greedy, is_whole, search, tokens_of, write
from utils.errors import UserError, run
from utils.inspection import activity, attention, embedding_map, guesses, neighbours, require_open_gates, word_sum
from utils.options import Parser, add_seed_and_device, number
from utils.plotting import plot_activity, plot_embedding, title_of
from utils.vocabulary import ANY, END

RESULTS = Path("results")
ENDINGS_AT_ONCE = 1280  # of piped beginnings, side by side
DRAWS = 20  # how often to draw for each different ending asked for
GUESSES = 4  # shown under each word of a sentence that is plotted
COMMONEST = 200  # words on the map of the embedding


def main() -> None:
    options = parse_options()
    path = options.checkpoint or newest_checkpoint()
    checkpoint = load_checkpoint(path, options.device)
    if options.neighbours is not None:
        show_neighbours(checkpoint, options)
        return
    if options.plot:
        require_open_gates(checkpoint.model)
    if sys.stdin.isatty():
        print(introduction(path, checkpoint))
        talk(checkpoint, options)
    else:
        print(f"{path}: {title_of(checkpoint.history.name)}", file=sys.stderr)
        answer_pipe(checkpoint, options)


def parse_options() -> Namespace:
    parser = Parser(__doc__)
    whole = number(int, 1, 1001)
    parser.add_argument("--checkpoint", type=Path, help="the trained model; by default the newest in results/")
    parser.add_argument("--beam", type=whole, help="endings kept in the search, by default 5; 1 is greedy choice")
    parser.add_argument("--temperature", type=number(float, 0.01, 100), help="draw at random; 1: as learned")
    parser.add_argument("--top-k", type=whole, metavar="K", help="draw at random among the K likeliest words")
    parser.add_argument("--samples", type=whole, metavar="N", help="draw N different endings of each beginning")
    parser.add_argument("--max-words", type=whole, default=30, help="cut an ending after so many words and marks")
    parser.add_argument("--alternatives", type=whole, metavar="N", help="show the N likeliest words at every step")
    parser.add_argument("--neighbours", metavar="WORDS", help='words most like a word, or a sum "king - man + woman"')
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw the cell at work, or the embedding")
    add_seed_and_device(parser)
    options = parser.parse_args()
    options.drawn = any(option is not None for option in (options.temperature, options.top_k, options.samples))
    if options.drawn and options.beam is not None:
        parser.error("--beam searches; --temperature, --top-k and --samples draw at random: leave out one or the other")
    if options.neighbours is not None and (options.drawn or options.beam or options.alternatives):
        parser.error("--neighbours completes no sentence: leave out --beam, --alternatives and the options of drawing")
    options.beam = options.beam or 5
    if options.plot and options.plot.suffix.lower() != ".png":
        parser.error(f"--plot writes a PNG file: give it a name that ends in .png, not {options.plot.name!r}")
    options.generator = torch.Generator().manual_seed(options.seed)
    return options


def newest_checkpoint() -> Path:
    """The model trained last.

    Raises:
        UserError: there is none.
    """
    checkpoints = sorted(RESULTS.glob("*.pt"), key=lambda path: path.stat().st_mtime)
    if not checkpoints:
        raise UserError(f"{RESULTS}: no trained model there; train one first: python train_lstm.py")
    return checkpoints[-1]


def introduction(path: Path, checkpoint: Checkpoint) -> str:
    """What a person should know before typing."""
    history, best = checkpoint.history, checkpoint.history.best
    return (
        f"{path}: {title_of(history.name)}, knows {len(checkpoint.vocabulary)} words and marks.\n"
        f"Best epoch {best.epoch}: test loss {best.test_loss:.3f}, "
        f"perplexity {best.perplexity:.1f}.\n"
        "Type the beginning of a sentence. An empty line or Ctrl-D leaves.\n"
    )


def talk(checkpoint: Checkpoint, options: Namespace) -> None:
    """Completes what a person types, until an empty line or Ctrl-D."""
    with suppress(ImportError):  # Windows has none, and its console edits lines by itself
        import readline  # noqa: F401  gives input() line editing and a history
    while True:
        try:
            typed = input("> ")
        except EOFError:
            print()
            return
        if not typed.strip():
            return
        [completions] = complete([typed], checkpoint, options)
        for completion in completions:
            print(f"  {completion.sentence}")
            if options.alternatives:
                print(alternatives(completion, checkpoint, options.alternatives))
        plot(completions[-1:], checkpoint, options)


def answer_pipe(checkpoint: Checkpoint, options: Namespace) -> None:
    """Completes each line of stdin on a line of stdout; a line without a word gets an empty one."""
    last: list[Completion] = []
    endings_a_line = options.samples or 1 if options.drawn else options.beam
    while lines := list(islice(sys.stdin, max(1, ENDINGS_AT_ONCE // endings_a_line))):
        found = complete(lines, checkpoint, options)
        for completions in found:
            print("\n".join(completion.sentence for completion in completions))
            if options.alternatives:
                for completion in completions:
                    print(alternatives(completion, checkpoint, options.alternatives), file=sys.stderr)
            last = completions[-1:] or last
        sys.stdout.flush()
    plot(last, checkpoint, options)


class Completion(NamedTuple):
    """A whole sentence, and the word ids it is made of."""

    sentence: str
    beginning: list[int]
    ending: Ending


def complete(typed: Sequence[str], checkpoint: Checkpoint, options: Namespace) -> list[list[Completion]]:
    """Completes beginnings side by side.

    Returns:
        The completions of each: one, or several with --samples, or none where no word was typed.
    """
    vocabulary = checkpoint.vocabulary
    beginnings = [vocabulary.encode(tokens_of(text)) for text in typed]
    found: list[list[Completion]] = [[] for _ in typed]
    to_complete = []
    for i, (text, ids) in enumerate(zip(typed, beginnings, strict=True)):
        unknown = [word for word, word_id in zip(tokens_of(text), ids, strict=True) if word_id == ANY]
        if unknown:
            print(f"not in the vocabulary, read as [ANY]: {', '.join(unknown)}", file=sys.stderr)
        if not ids:
            print(f"no word to begin with in {text.strip()!r}", file=sys.stderr)
        elif is_whole(text):
            print(f"whole already, nothing to add: {text.strip()}", file=sys.stderr)
            nothing = Ending([], ended=True)
            found[i] = [Completion(write(text, nothing, vocabulary), ids, nothing)]
        else:
            to_complete.append(i)
    if to_complete:
        endings = find_endings([beginnings[i] for i in to_complete], checkpoint, options)
        for i, some in zip(to_complete, endings, strict=True):
            found[i] = [Completion(write(typed[i], ending, vocabulary), beginnings[i], ending) for ending in some]
    return found


def find_endings(
    beginnings: Sequence[Sequence[int]], checkpoint: Checkpoint, options: Namespace
) -> list[list[Ending]]:
    """The likeliest ending of each beginning; or, if they are drawn, --samples different ones as far as they come."""
    model = checkpoint.model
    if not options.drawn and options.beam == 1:
        return [[greedy(model, ids, options.max_words)] for ids in beginnings]
    if not options.drawn:
        return [[ending] for ending in search(model, beginnings, options.beam, options.max_words)]
    samples = options.samples or 1
    found: list[list[Ending]] = [[] for _ in beginnings]
    for _ in range(DRAWS):
        missing = [i for i, endings in enumerate(found) for _ in range(samples - len(endings))]
        if not missing:
            break
        drawn = draw(
            model,
            [beginnings[i] for i in missing],
            options.temperature or 1.0,
            options.top_k,
            options.max_words,
            options.generator,
        )
        for i, ending in zip(missing, drawn, strict=True):
            if ending not in found[i]:
                found[i].append(ending)
    return found


def alternatives(completion: Completion, checkpoint: Checkpoint, count: int) -> str:
    """A table: each word of an ending, and the likeliest words there with their probabilities."""
    vocabulary = checkpoint.vocabulary
    beginning, ending = completion.beginning, completion.ending
    likeliest = guesses(checkpoint.model, vocabulary, beginning + ending.ids, count)[len(beginning) - 1:]
    chosen = vocabulary.decode(ending.ids + [END] * ending.ended)
    rows = [f"    {'chosen':<14} likeliest there"]
    for word, row in zip(chosen, likeliest, strict=False):  # of a cut ending, one guess more is known than words
        rows.append(f"    {word:<14} " + "  ".join(f"{guess.word} {guess.probability:.1%}" for guess in row))
    return "\n".join(rows)


def plot(last: list[Completion], checkpoint: Checkpoint, options: Namespace) -> None:
    """With --plot: draws the cell at work on the last sentence, if there is one."""
    if options.plot and last:
        model, vocabulary, history = checkpoint.model, checkpoint.vocabulary, checkpoint.history
        ids = last[0].beginning + last[0].ending.ids
        next_words = guesses(model, vocabulary, ids, GUESSES)
        looks = attention(model, ids)
        plot_activity(vocabulary.decode(ids), activity(model, ids), looks, next_words, history.name, options.plot)
        print(f"wrote {options.plot}", file=sys.stderr)


def show_neighbours(checkpoint: Checkpoint, options: Namespace) -> None:
    """The words nearest to a word or a sum of words; with --plot, where they and the commonest words lie."""
    model, vocabulary = checkpoint.model, checkpoint.vocabulary
    terms = word_sum(options.neighbours, vocabulary)
    nearest = neighbours(model, vocabulary, terms)
    print(f"nearest to {options.neighbours!r} in the embedding, by cosine:")
    for word, cosine in nearest:
        print(f"  {cosine:.3f}  {word}")
    if options.plot:
        named = [i for _, i in terms]
        near = vocabulary.encode(word for word, _ in nearest)
        ids = list(dict.fromkeys([*range(2, min(COMMONEST + 2, len(vocabulary))), *named, *near]))
        places = embedding_map(model, ids)
        words = (vocabulary.decode(some) for some in (ids, named, near))
        plot_embedding(*words, places, options.plot)
        print(f"wrote {options.plot}")


if __name__ == "__main__":
    run(main)
