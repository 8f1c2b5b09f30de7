"""Trains a hand-written GRU to predict the next word of a sentence."""

import torch

from models import GRU, LanguageModel
from utils.dataset import load
from utils.errors import run
from utils.options import training_parser
from utils.training import report, train


def main() -> int:
    # Options
    options = training_parser(__doc__, learning_rate=1e-2).parse_args()

    # Data
    data = load(options)

    # Model
    torch.manual_seed(options.seed)
    model = LanguageModel(
        GRU,
        len(data.vocabulary),
        options.embedding_size,
        options.hidden_size,
        options.layers,
        options.dropout,
    ).to(options.device)

    # Training
    history = train("gru", model, data, options)

    # Results
    return report([history], options)


if __name__ == "__main__":
    run(main)
