"""The recurrent layers, by the names used in files and options, and the language model around them."""

from models.attention import Attention, AttentionLSTM
from models.gru import GRU
from models.language_model import LanguageModel
from models.lstm import LSTM
from models.mogrifier_lstm import MogrifierLSTM
from models.phased_lstm import PhasedLSTM
from models.recurrent import RecurrentLayer, State, repack
from models.rnn import RNN
from models.slstm import SLSTM
from models.torch_lstm import TorchLSTM

CELLS = {
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "torch_lstm": TorchLSTM,
    "mogrifier_lstm": MogrifierLSTM,
    "phased_lstm": PhasedLSTM,
    "slstm": SLSTM,
    "attention_lstm": AttentionLSTM,
}

__all__ = [
    "CELLS",
    "GRU",
    "LSTM",
    "RNN",
    "SLSTM",
    "Attention",
    "AttentionLSTM",
    "LanguageModel",
    "MogrifierLSTM",
    "PhasedLSTM",
    "RecurrentLayer",
    "State",
    "TorchLSTM",
    "repack",
]
