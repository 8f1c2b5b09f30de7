"""The course's loss against a case worked by hand."""

import math

import pytest
import torch

from utils.loss import WeightedCrossEntropy, cross_entropy


def test_a_case_worked_by_hand():
    # Four training targets: 0 twice, 1 and 2 once. C = 1 − 2/4, 1 − 1/4, 1 − 1/4, and 1 − 0 for the unseen 3.
    loss = WeightedCrossEntropy(torch.tensor([0, 1, 0, 2]), 4)
    assert loss.C.tolist() == [0.5, 0.75, 0.75, 1.0]
    probabilities = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]])
    by_hand = -(0.75 * math.log(0.25 + 1e-8) + 1.0 * math.log(0.4 + 1e-8)) / 2
    assert loss(probabilities.log() + 7, torch.tensor([1, 3])).item() == pytest.approx(by_hand, rel=1e-6)


def test_epsilon_bounds_the_loss_of_the_impossible():
    loss = WeightedCrossEntropy(torch.tensor([1, 1]), 2)
    logits = torch.tensor([[0.0, 200.0]], requires_grad=True)  # e^-200 is no float, log(0 + 1e-8) is
    value = loss(logits, torch.tensor([0]))
    assert value.item() == pytest.approx(-math.log(1e-8), rel=1e-6)
    value.backward()
    assert logits.grad.isfinite().all()


def test_gradient_is_that_of_the_formula():
    torch.manual_seed(0)
    logits = torch.randn(6, 5, dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0, 1, 2, 3, 4, 4])
    loss = WeightedCrossEntropy(targets, 5).double()
    formula = -(loss.C[targets] * torch.log(logits.softmax(1)[range(6), targets] + 1e-8)).mean()
    expected = torch.autograd.grad(formula, logits)[0]
    torch.testing.assert_close(torch.autograd.grad(loss(logits, targets), logits)[0], expected)


def test_perplexity_of_an_even_guess_is_the_number_of_words():
    assert cross_entropy(torch.zeros(3, 8), torch.tensor([1, 2, 3])).mean().exp().item() == pytest.approx(8)
