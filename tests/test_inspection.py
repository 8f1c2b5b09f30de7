"""What a model shows of itself: its guesses, its gates, where it looks, its words as vectors."""

import pytest
import torch
from test_completion import log_probability_of
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from models import CELLS, AttentionLSTM, LanguageModel
from utils.errors import UserError
from utils.inspection import (
    Guess,
    activity,
    attention,
    embedding_map,
    guesses,
    neighbours,
    require_open_gates,
    word_sum,
)
from utils.plotting import plot_activity, plot_embedding
from utils.vocabulary import Vocabulary


def test_guesses_are_the_probabilities_in_order(model_and_vocabulary):
    model, vocabulary = model_and_vocabulary
    rows = guesses(model, vocabulary, [3, 4, 5], 100)
    assert len(rows) == 3
    for place, row in enumerate(rows):
        expected = log_probability_of(model, [3, 4, 5][: place + 1]).exp()
        assert len(row) == 9  # all but [ANY]
        assert sum(guess.probability for guess in row) == pytest.approx(1, abs=1e-5)
        assert [g.probability for g in row] == sorted((g.probability for g in row), reverse=True)
        for word, probability in row:
            assert probability == pytest.approx(expected[vocabulary.words.index(word)].item(), rel=1e-4)


@pytest.mark.parametrize("name", [name for name in CELLS if name not in ("torch_lstm", "attention_lstm")])
def test_activity_shows_what_the_layer_does(name):
    torch.manual_seed(0)
    model = LanguageModel(CELLS[name], 10, 6, 9).eval()
    rows = activity(model, [3, 4, 5])
    output, last = model.layers[0](pack_sequence([model.embedding.weight[[3, 4, 5]]]))
    torch.testing.assert_close(rows["h"], output.data.abs().mean(1))
    for state, value in zip(model.layers[0].state_names, last, strict=True):
        if state != "t":
            torch.testing.assert_close(rows[state][-1], value.abs().mean())
    assert set(rows) == {*model.layers[0].gate_names, *model.layers[0].state_names} - {"t"}


def test_with_attention_the_lstm_and_its_output_are_shown():
    torch.manual_seed(0)
    model = LanguageModel(AttentionLSTM, 10, 6, 9).eval()
    nn.init.uniform_(model.layers[0].attention.V.weight)  # it begins with no weight on the context
    rows = activity(model, [3, 4, 5])
    output, (last, _, _, h, c) = model.layers[0](pack_sequence([model.embedding.weight[[3, 4, 5]]]))
    assert list(rows) == ["i", "f", "g", "o", "h", "c", "h̃"]
    torch.testing.assert_close(rows["h̃"], output.data.abs().mean(dim=1))
    torch.testing.assert_close(torch.stack([rows["h"][-1], rows["c"][-1]]), torch.stack([h, c]).abs().mean(dim=(1, 2)))


def test_attention_is_what_the_layer_mixes():
    """The weights shown, put into the equations, give the layer's output."""
    torch.manual_seed(0)
    model = LanguageModel(AttentionLSTM, 10, 6, 9).eval()
    layer = model.layers[0]
    nn.init.uniform_(layer.attention.V.weight)  # it begins with no weight on the context
    for ids in ([3, 4, 5, 4], [7]):
        weights = attention(model, ids).clone()
        packed = pack_sequence([model.embedding.weight[ids]])
        hidden = layer.lstm(packed)[0].data
        expected = torch.tanh(layer.attention.V(torch.cat([weights @ hidden, hidden], dim=1)))
        torch.testing.assert_close(layer(packed)[0].data, expected)
        assert torch.equal(weights > 0, torch.ones(len(ids), len(ids)).tril().bool())
    assert attention(LanguageModel(CELLS["lstm"], 10, 6, 9), [3, 4]) is None


def test_a_builtin_shows_no_gates():
    with pytest.raises(UserError, match="--plot"):
        require_open_gates(LanguageModel(CELLS["torch_lstm"], 10, 6, 9))


def test_neighbours_point_the_same_way(model_and_vocabulary):
    model, vocabulary = model_and_vocabulary
    with torch.no_grad():
        model.embedding.weight[4] = 3 * model.embedding.weight[2]
        model.embedding.weight[5] = -model.embedding.weight[2]
    nearest = neighbours(model, vocabulary, word_sum("W0", vocabulary), count=10)
    assert nearest[0] == ("w2", pytest.approx(1))
    assert nearest[-1] == ("w3", pytest.approx(-1))
    assert len(nearest) == 7  # all words but itself, [END] and [ANY]


@pytest.fixture
def royal_family():
    """A model that knows a few words, with embeddings of a person (3, 1, or 5 long), a sex and a rank."""
    vocabulary = Vocabulary(["king", "queen", "man", "woman", "mother-in-law", "sea"])
    model = LanguageModel(CELLS["rnn"], len(vocabulary), 4, 5)
    vectors = {"king": [3, 3, 3, 0], "queen": [1, -1, 1, 0], "man": [5, 5, 0, 0], "woman": [1, -1, 0, 0]}
    with torch.no_grad():
        model.embedding.weight.fill_(0.01)
        for word, vector in vectors.items():
            model.embedding.weight[vocabulary.ids[word]] = torch.tensor(vector, dtype=torch.float32)
        model.embedding.weight[vocabulary.ids["sea"]] = torch.tensor([0.0, 0.0, 0.0, 2.0])
        model.embedding.weight[vocabulary.ids["mother-in-law"]] = torch.tensor([1.0, -1.0, 0.2, 0.0])
    return model, vocabulary


def test_a_sum_of_words(royal_family):
    model, vocabulary = royal_family
    terms = word_sum("King - man + woman", vocabulary)
    assert terms == [(1, 2), (-1, 4), (1, 5)]
    nearest = neighbours(model, vocabulary, terms)
    assert [word for word, _ in nearest] == ["queen", "mother-in-law", "sea"]  # those of the sum left out
    # By hand, of the embeddings scaled to length 1.
    king, man, woman = torch.tensor([[1, 1, 1], [1, 1, 0], [1, -1, 0]]) / torch.tensor([[3], [2], [2]]).sqrt()
    total, queen = king - man + woman, torch.tensor([1.0, -1.0, 1.0])
    assert nearest[0].cosine == pytest.approx((total @ queen / total.norm() / queen.norm()).item())
    assert nearest[-1].cosine == pytest.approx(0)


def test_the_longest_embedding_does_not_outweigh_the_others(royal_family):
    model, vocabulary = royal_family
    expected = neighbours(model, vocabulary, word_sum("king - man + woman", vocabulary))
    with torch.no_grad():
        model.embedding.weight[vocabulary.ids["man"]] *= 100
    again = neighbours(model, vocabulary, word_sum("king - man + woman", vocabulary))
    for ours, theirs in zip(again, expected, strict=True):
        assert ours == (theirs.word, pytest.approx(theirs.cosine, abs=1e-6))


def test_a_hyphen_inside_a_word_is_no_minus(royal_family):
    _, vocabulary = royal_family
    assert word_sum(" mother-in-law ", vocabulary) == [(1, 6)]
    assert word_sum("mother-in-law - woman", vocabulary) == [(1, 6), (-1, 5)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("emperor", "vocabulary: emperor$"),
        ("king - boy + girl", "vocabulary: boy, girl$"),
        ("king man", "king man"),
        ("king -", "king -"),
        ("- king", "- king"),
        ("king + - man", r"king \+ - man"),
        ("king * man", r"king \* man"),
        ("king -man", "king -man"),
        ("king, - man", "king, - man"),
        ("+", r"'\+'"),
        ("", "''"),
    ],
)
def test_what_is_no_sum_of_known_words_is_named(royal_family, text, message):
    _, vocabulary = royal_family
    with pytest.raises(UserError, match=f"--neighbours: .*{message}"):
        word_sum(text, vocabulary)


def test_a_sum_that_cancels_out_has_no_neighbours(model_and_vocabulary):
    """Also where rounding leaves a little of it."""
    model, vocabulary = model_and_vocabulary
    for text in ("w0 - w0", "w0 + w1 + w2 - w0 - w1 - w2", "w3 + w5 + w6 - w3 - w6 - w5"):
        with pytest.raises(UserError, match="cancel out"):
            neighbours(model, vocabulary, word_sum(text, vocabulary))


def test_embedding_map_keeps_two_dimensions_as_they_are(model_and_vocabulary):
    model, _ = model_and_vocabulary
    angles, lengths = torch.arange(10) * 0.6, 1 + torch.arange(10)
    flat = torch.zeros(10, 6)
    flat[:, 1], flat[:, 4] = angles.cos(), angles.sin()
    with torch.no_grad():
        model.embedding.weight.copy_(lengths.unsqueeze(1) * flat)
    places = embedding_map(model, range(10))
    torch.testing.assert_close(torch.cdist(places, places), torch.cdist(flat, flat), atol=1e-4, rtol=1e-4)


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved."""
    saved = []
    monkeypatch.setattr("utils.plotting.save_figure", lambda figure, path: saved.append(figure))
    return saved


@pytest.mark.parametrize("looks", [None, torch.tensor([[1, 0, 0], [0.25, 0.75, 0], [0.5, 0.125, 0.375]])])
def test_the_picture_of_the_cell(figures, tmp_path, looks):
    """Each column is a word; the colours reach from 0 to 1, also where a state is larger."""
    rows = {"i": torch.tensor([0.1, 0.2, 0.3]), "n": torch.tensor([1.0, 2.5, 0.6])}
    next_words = [[Guess("sea", 0.5), Guess("sky", 0.25)]] * 3
    plot_activity(["the", "deep", "blue"], rows, looks, next_words, "lstm", tmp_path / "cell.png")
    [figure] = figures
    tables = [axes for axes in figure.axes if axes.texts]
    assert [[text.get_text() for text in axes.texts] for axes in tables] == [
        ["0.10", "0.20", "0.30", "1.00", "2.50", "0.60"],
        *([] if looks is None else [["1.00", "0.25", "0.50", "", "0.75", "0.12", "", "", "0.38"]]),
        ["sea\n50%"] * 3 + ["sky\n25%"] * 3,
    ]
    for axes in tables:
        assert axes.images[0].get_clim() == (0, 1)
        assert [text.get_position() for text in axes.texts[:4]] == [(0, 0), (1, 0), (2, 0), (0, 1)]
        assert [label.get_text() for label in axes.get_xticklabels()] == ["the", "deep", "blue"]
    assert [label.get_text() for label in tables[0].get_yticklabels()] == ["i", "n"]
    if looks is not None:
        assert [label.get_text() for label in tables[1].get_yticklabels()] == ["the", "deep", "blue"]


def test_the_map_marks_the_words_of_the_sum(figures, tmp_path):
    words = ["king", "man", "queen", "sea"]
    plot_embedding(words, ["king", "man"], ["queen"], torch.eye(4)[:, :2], tmp_path / "map.png")
    [axes] = figures[0].axes
    sizes = {text.get_text(): (text.get_fontweight(), text.get_fontsize()) for text in axes.texts}
    assert sizes == {"king": ("bold", 13), "man": ("bold", 13), "queen": ("bold", 8), "sea": ("normal", 8)}
