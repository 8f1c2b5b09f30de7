"""Trains a hand-written LSTM to predict the next word of a sentence, and torch.nn.LSTM to compare."""

from utils.errors import loading, run
from utils.options import training_parser

SUCCESSORS = ("mogrifier_lstm", "phased_lstm", "slstm", "attention_lstm")


def main() -> int:
    # Options
    parser = training_parser(__doc__)
    choices = ["both", "lstm", "torch_lstm", *SUCCESSORS]
    parser.add_argument("--model", choices=choices, default="both", help="what to train; both: lstm and torch_lstm")
    options = parser.parse_args()

    # Packages: only now, since they take seconds, and --help and a wrong option answer at once
    with loading():
        from models import CELLS, LSTM
        from utils.comparison import compare, largest_differences, with_torch_lstm
        from utils.dataset import batches, load_data
        from utils.training import build, report, train

    # Data
    data = load_data(options)

    # Models
    if options.model in SUCCESSORS:
        models = {options.model: build(CELLS[options.model], data, options)}
    else:
        by_hand = build(LSTM, data, options)
        models = {"lstm": by_hand, "torch_lstm": with_torch_lstm(by_hand)}  # from the same weights
    if options.model == "both":
        batch = next(iter(batches(data.train, options.batch_size)))
        outputs, gradients = largest_differences(*models.values(), batch)
        print("\nthe hand-written LSTM and torch.nn.LSTM on one batch, same weights, in float64:")
        print(f"outputs and states differ by {outputs:.1e} at most, gradients by {gradients:.1e}")
    else:
        models = {options.model: models[options.model]}

    # Training, with the same batches and the same dropout
    histories = []
    for name, model in models.items():
        histories.append(train(name, model, data, options))
        if histories[-1].interrupted:
            break

    # Results
    written = True
    if len(histories) == 2 and not histories[-1].interrupted:
        written = compare(*histories, options.results)
    return report(histories, options) or (0 if written else 2)


if __name__ == "__main__":
    run(main)
