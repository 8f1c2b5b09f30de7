"""The course's class-weighted cross-entropy, and the figures beside it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-8


class WeightedCrossEntropy(nn.Module):
    """The course's loss: L_CCE = −(1/N) Σ C[y] · log(y'[y] + ε), with C = 1 − count(y) / Σ_j count(j).

    y is the target word, y' the predicted probabilities, N the number of targets. The commoner a word, the less
    a mistake at it counts.

    Args:
        targets: all training targets, (any,) int64; they are counted for C.
        vocabulary_size: the number of classes.
    """

    def __init__(self, targets: Tensor, vocabulary_size: int):
        super().__init__()
        self.register_buffer("counts", torch.bincount(targets, minlength=vocabulary_size))
        self.register_buffer("C", 1 - self.counts / self.counts.sum())

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logits (words, vocabulary_size) and targets (words,) → the mean loss, a scalar."""
        of_target = logits.softmax(dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)  # y'[y] of each word
        return -(self.C[targets] * torch.log(of_target + EPSILON)).mean()


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """−log y'[y] of each word, by log_softmax: (words, vocabulary_size) and (words,) → (words,).

    The exponential of its mean is the perplexity: unweighted and without ε, as other work gives it.
    """
    return F.cross_entropy(logits, targets, reduction="none")
