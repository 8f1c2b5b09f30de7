"""Beginnings that a person types, or a pipe brings → their completions, tables and pictures."""

import codecs
import sys
from argparse import Namespace
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from utils.checkpoint import Checkpoint
from utils.completion import Ending, draw, greedy, is_whole, search, tokens_of, write_sentence
from utils.errors import UserError
from utils.history import in_figures, title_of
from utils.inspection import Guess, activity, attention, embedding_map, guesses, neighbours, word_sum
from utils.vocabulary import ANY, END

ENDINGS_AT_ONCE = 1280  # of piped beginnings, side by side
DRAWS = 20  # how often to draw for each different ending asked for
GUESSES = 4  # shown under each word of a sentence that is plotted
MOST_WORDS = 40  # of a sentence that is plotted; more can't be read
COMMONEST = 200  # words on the map of the embedding


def introduction(path: Path, checkpoint: Checkpoint) -> str:
    """What a person should know before typing."""
    history, best = checkpoint.history, checkpoint.history.best
    return (
        f"{path}: {title_of(history.name)}, knows {len(checkpoint.vocabulary)} words and marks.\n"
        f"Best epoch {best.epoch}: test loss {best.test_loss:.3f}, "
        f"perplexity {in_figures(best.perplexity)}.\n"
        "Type the beginning of a sentence. An empty line or Ctrl-D leaves.\n"
    )


def talk(greeting: str, checkpoint: Checkpoint, options: Namespace) -> None:
    """Completes what a person types, until an empty line or Ctrl-D.

    Greeting and prompt are for the person alone: where stdout is a file or a pipe, they go to stderr.
    """
    with suppress(ImportError):  # Windows has none, and its console edits lines by itself
        import readline  # noqa: F401  gives input() line editing and a history
    prompt = "> " if sys.stdout.isatty() else ""
    print(greeting, file=sys.stdout if prompt else sys.stderr)
    completions = None
    while True:
        if not prompt:
            print("> ", end="", file=sys.stderr, flush=True)
        try:
            typed = input(prompt)
        except EOFError:
            print(file=sys.stderr)
            typed = ""
        if not typed.strip():
            break
        [completions] = complete([typed], checkpoint, options)
        for completion in completions:
            print(f"  {completion.sentence}")
            if options.alternatives:
                print(alternatives(completion, checkpoint, options.alternatives))
        sys.stdout.flush()
        plot(completions[-1:], checkpoint, options)
    if completions is None:
        plot([], checkpoint, options)


def answer_pipe(checkpoint: Checkpoint, options: Namespace) -> None:
    """Completes each line of stdin on a line of stdout; a line without a word gets an empty one.

    Raises:
        UserError: stdin is neither UTF-8 nor, with a byte-order mark, UTF-16.
    """
    if sys.stdin.buffer.peek(2)[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):  # an old PowerShell writes it
        sys.stdin.reconfigure(encoding="utf-16", errors="replace")
    last: list[Completion] = []
    if options.drawn:
        at_once = ENDINGS_AT_ONCE // (options.samples or 1)
    else:
        at_once = ENDINGS_AT_ONCE // options.beam if options.beam > 1 else 1  # greedy choice takes one by one
    while lines := list(islice(sys.stdin, max(1, at_once))):
        if any("\0" in line for line in lines):
            raise UserError("stdin: not a UTF-8 text; save it as UTF-8 first")
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
    tokens = [tokens_of(text) for text in typed]
    beginnings = [vocabulary.encode(words) for words in tokens]
    found: list[list[Completion]] = [[] for _ in typed]
    to_complete = []
    for i, (text, ids) in enumerate(zip(typed, beginnings, strict=True)):
        unknown = [word for word, word_id in zip(tokens[i], ids, strict=True) if word_id == ANY]
        if unknown:
            print(f"not in the vocabulary, read as [ANY]: {', '.join(unknown)}", file=sys.stderr)
        if not ids:
            print(f"no word to begin with in {text.strip()!r}", file=sys.stderr)
        elif is_whole(text):
            print(f"whole already, nothing to add: {text.strip()}", file=sys.stderr)
            nothing = Ending([], ended=True)
            found[i] = [Completion(write_sentence(text, nothing, vocabulary), ids, nothing)]
        else:
            to_complete.append(i)
    if to_complete:
        endings = find_endings([beginnings[i] for i in to_complete], checkpoint, options)
        for i, some in zip(to_complete, endings, strict=True):
            found[i] = [
                Completion(write_sentence(typed[i], ending, vocabulary), beginnings[i], ending) for ending in some
            ]
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
    ending = completion.ending
    likeliest = guesses_in(completion, checkpoint, count)[len(completion.beginning) - 1:]
    chosen = checkpoint.vocabulary.decode(ending.ids + [END] * ending.ended)
    rows = [f"    {'chosen':<14} likeliest there"]
    for word, row in zip(chosen, likeliest, strict=False):  # of a cut ending, one guess more is known than words
        rows.append(f"    {word:<14} " + "  ".join(f"{guess.word} {guess.probability:.1%}" for guess in row))
    return "\n".join(rows)


def guesses_in(completion: Completion, checkpoint: Checkpoint, count: int) -> list[list[Guess]]:
    """The likeliest next words after each word of a completed sentence, as they were to choose from."""
    beginning, ids = completion.beginning, completion.ending.ids
    return guesses(checkpoint.model, checkpoint.vocabulary, beginning + ids, count, len(beginning) if ids else None)


def plot(last: list[Completion], checkpoint: Checkpoint, options: Namespace) -> None:
    """With --plot: draws the cell at work on the last words of the last sentence, or says that there is none."""
    if not options.plot:
        return
    if not last:
        print("--plot: no sentence was completed, so nothing is drawn", file=sys.stderr)
        return
    from utils.plotting import plot_activity  # here, since matplotlib takes its time to load

    model, vocabulary, history = checkpoint.model, checkpoint.vocabulary, checkpoint.history
    ids = last[0].beginning + last[0].ending.ids
    if len(ids) > MOST_WORDS:
        print(f"--plot: of {len(ids)} words the last {MOST_WORDS} are drawn", file=sys.stderr)
    words = vocabulary.decode(ids)[-MOST_WORDS:]
    sizes = {name: row[-MOST_WORDS:] for name, row in activity(model, ids).items()}
    looks = attention(model, ids)
    looks = None if looks is None else looks[-MOST_WORDS:, -MOST_WORDS:]
    next_words = guesses_in(last[0], checkpoint, GUESSES)[-MOST_WORDS:]
    plot_activity(words, sizes, looks, next_words, history.name, options.plot)
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
        from utils.plotting import plot_embedding  # here, since matplotlib takes its time to load

        named = [i for _, i in terms]
        near = vocabulary.encode(word for word, _ in nearest)
        ids = list(dict.fromkeys([*range(2, min(COMMONEST + 2, len(vocabulary))), *named, *near]))
        words = (vocabulary.decode(some) for some in (ids, named, near))
        plot_embedding(*words, embedding_map(model, ids), options.plot)
        print(f"wrote {options.plot}")
