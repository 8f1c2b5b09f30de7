"""Trains a hand-written LSTM to predict the next word of a sentence, and torch.nn.LSTM to compare."""

import torch

from models import LSTM, LanguageModel
from utils.comparison import largest_differences, table, verdict, with_torch_lstm, write_comparison
from utils.dataset import batches, load
from utils.errors import run
from utils.options import training_parser
from utils.plotting import plot_comparison
from utils.training import report, train


def main() -> int:
    # Options
    parser = training_parser(__doc__)
    parser.add_argument("--model", choices=["lstm", "torch_lstm", "both"], default="both", help="what to train")
    options = parser.parse_args()

    # Data
    data = load(options)

    # Models: the same weights at the start
    torch.manual_seed(options.seed)
    lstm = LanguageModel(
        LSTM,
        len(data.vocabulary),
        options.embedding_size,
        options.hidden_size,
        options.layers,
        options.dropout,
    ).to(options.device)
    models = {"lstm": lstm, "torch_lstm": with_torch_lstm(lstm)}
    if options.model != "both":
        models = {options.model: models[options.model]}
    else:
        outputs, gradients = largest_differences(lstm, next(iter(batches(data.train, options.batch_size))))
        print("\nthe hand-written LSTM and torch.nn.LSTM on one batch, same weights, in float64:")
        print(f"outputs and states differ by {outputs:.1e} at most, gradients by {gradients:.1e}")

    # Training: the same batches and the same dropout
    histories = []
    for name, model in models.items():
        histories.append(train(name, model, data, options))
        if histories[-1].interrupted:
            break

    # Results
    if len(histories) == 2 and all(history.epochs for history in histories):
        write_comparison(histories, options.results / "comparison.csv")
        plot_comparison(histories, options.results / "comparison.png")
        print(f"\n{table(histories)}\n\n{verdict(*histories)}")
        print(f"wrote {options.results / 'comparison.csv'} and comparison.png")
    return report(histories[-1], options)


if __name__ == "__main__":
    run(main)
