"""The recurrent layers, by the names used in files and options, and the language model around them."""

from models.gru import GRU
from models.language_model import LanguageModel
from models.lstm import LSTM
from models.mogrifier_lstm import MogrifierLSTM
from models.phased_lstm import PhasedLSTM
from models.recurrent import RecurrentLayer, State, repack
from models.rnn import RNN
from models.torch_lstm import TorchLSTM

CELLS = {
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "torch_lstm": TorchLSTM,
    "mogrifier_lstm": MogrifierLSTM,
    "phased_lstm": PhasedLSTM,
}

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "RNN",
    "LanguageModel",
    "MogrifierLSTM",
    "PhasedLSTM",
    "RecurrentLayer",
    "State",
    "TorchLSTM",
    "repack",
]
