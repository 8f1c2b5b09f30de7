"""Completes sentences: type a beginning, read its end. With piped input, one completion a line."""

import sys
from argparse import Namespace
from pathlib import Path

from utils.errors import UserError, loading, run
from utils.options import Parser, add_seed_and_device, number

RESULTS = Path("results")


def main() -> None:
    options = parse_options()
    path = options.checkpoint or newest_checkpoint()

    with loading():  # only now, since it takes seconds, and --help and a wrong option answer at once
        import torch

        from utils.checkpoint import load_checkpoint
        from utils.console import answer_pipe, introduction, show_neighbours, talk
        from utils.history import title_of
        from utils.inspection import require_open_gates

    checkpoint = load_checkpoint(path, options.device)
    options.generator = torch.Generator().manual_seed(options.seed)
    if options.neighbours is not None:
        show_neighbours(checkpoint, options)
        return
    if options.plot:
        require_open_gates(checkpoint.model)
    if sys.stdin.isatty():
        talk(introduction(path, checkpoint), checkpoint, options)
    else:
        print(f"{path}: {title_of(checkpoint.history.name)}", file=sys.stderr)
        answer_pipe(checkpoint, options)


def parse_options() -> Namespace:
    parser = Parser(__doc__)
    whole = number(int, 1, 1001)
    parser.add_argument("--checkpoint", type=Path, help="the trained model; by default the newest in results/")
    parser.add_argument("--beam", type=whole, help="endings kept in the search, by default 10; 1 is greedy choice")
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
    options.beam = options.beam or 10
    if options.plot and options.plot.suffix.lower() != ".png":
        parser.error(f"--plot writes a PNG file: give it a name that ends in .png, not {options.plot.name!r}")
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


if __name__ == "__main__":
    run(main)
