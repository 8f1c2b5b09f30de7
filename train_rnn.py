"""Trains a hand-written vanilla RNN to predict the next word of a sentence."""

from utils.errors import loading, run
from utils.options import training_parser


def main() -> int:
    # Options
    options = training_parser(__doc__, learning_rate=3e-3, epochs=6).parse_args()

    # Packages: only now, since they take seconds, and --help and a wrong option answer at once
    with loading():
        from models import RNN
        from utils.dataset import load_data
        from utils.training import build, report, train

    # Data
    data = load_data(options)

    # Model
    model = build(RNN, data, options)

    # Training
    history = train("rnn", model, data, options)

    # Results
    return report([history], options)


if __name__ == "__main__":
    run(main)
