"""From the beginning of a sentence to its end."""

import itertools

import pytest
import torch
from conftest import SAYINGS
from torch.nn.utils.rnn import pack_sequence

from models import CELLS, LanguageModel
from utils.completion import Ending, draw, search, tokens_of, write
from utils.dataset import SentenceDataset, batches
from utils.inspection import activity, embedding_map, guesses, neighbours
from utils.loss import WeightedCrossEntropy
from utils.sentences import tokenize
from utils.vocabulary import ANY, END, Vocabulary


def log_probability_of(model, ids):
    """log p of each next word, read one by one from the start; [ANY] can't be written."""
    states = None
    for word in ids:
        logits, states = model(pack_sequence([torch.tensor([word])]), states)
    row = logits.data[0].detach().clone()
    row[ANY] = -torch.inf
    return row.log_softmax(0)


def greedy(model, ids, max_words):
    found = []
    for _ in range(max_words + 1):
        word = log_probability_of(model, ids + found).argmax().item()
        if word == END:
            return Ending(found, ended=True)
        found.append(word)
    return Ending(found[:max_words], ended=False)


BEGINNINGS = [[2], [5, 3, 4], [7, 7], [9, ANY, 2, 6]]


def test_a_beam_of_one_is_greedy_choice(model_and_vocabulary):
    model, _ = model_and_vocabulary
    torch.nn.init.normal_(model.bias, std=2)
    endings = search(model, BEGINNINGS, beam=1, max_words=6)
    assert endings == [greedy(model, ids, 6) for ids in BEGINNINGS]


@pytest.mark.parametrize("length_power", [0.0, 0.7])
def test_a_wide_beam_finds_the_best_of_all_endings(model_and_vocabulary, length_power):
    model, _ = model_and_vocabulary
    model.bias.data[END] = 1
    for beginning in BEGINNINGS:
        scores = {}
        for length in range(3):
            for ids in itertools.product(range(2, 10), repeat=length):
                steps = [*ids, END]
                log_p = sum(
                    log_probability_of(model, beginning + list(steps[:i]))[word].item() for i, word in enumerate(steps)
                )
                scores[ids] = log_p / len(steps) ** length_power
        best = max(scores, key=scores.get)
        [ending] = search(model, [beginning], beam=100, max_words=2, length_power=length_power)
        assert ending == Ending(list(best), ended=True)


def test_of_endings_that_are_cut_the_likeliest_is_given(model_and_vocabulary):
    model, _ = model_and_vocabulary
    model.bias.data[END] = -50
    for beginning in BEGINNINGS:
        first = log_probability_of(model, beginning)
        pairs = itertools.product(range(2, 10), repeat=2)
        both = {(a, b): first[a] + log_probability_of(model, [*beginning, a])[b] for a, b in pairs}
        assert search(model, [beginning], beam=8, max_words=2) == [Ending(list(max(both, key=both.get)), ended=False)]


def test_a_longer_ending_may_still_win(model_and_vocabulary):
    """END at once has probability 0.52; "w0" has 0.48, and END nearly follows it: the better by the length rule."""
    model, _ = model_and_vocabulary
    first = torch.full((10,), -30.0)
    first[[END, 2]] = torch.tensor([0.52, 0.48]).log()
    then = torch.full((10,), -30.0)
    then[END] = 0

    class Told(torch.nn.Module):
        bias = model.bias

        def read(self, words, states):
            words_read = torch.zeros(len(words.data), 1) if states is None else states[0][0] + 1
            return words, [(words_read,)]

        def logits(self, words_read):
            return torch.where(words_read == 0, first, then)

    assert search(Told(), [[3]], beam=5, max_words=9, length_power=0.7) == [Ending([2], ended=True)]
    assert search(Told(), [[3]], beam=5, max_words=9, length_power=0.0) == [Ending([], ended=True)]
    assert search(Told(), [[3]], beam=1, max_words=9) == [Ending([], ended=True)]


def test_many_beginnings_are_completed_as_each_alone(model_and_vocabulary):
    model, _ = model_and_vocabulary
    many = search(model, BEGINNINGS * 3, beam=4, max_words=9)
    assert many == [search(model, [ids], beam=4, max_words=9)[0] for ids in BEGINNINGS] * 3


def test_any_is_never_written_and_the_limit_holds(model_and_vocabulary):
    model, _ = model_and_vocabulary
    model.bias.data[ANY] = 50
    model.bias.data[END] = -50
    for ending in (
        *search(model, BEGINNINGS, beam=5, max_words=7),
        *draw(model, BEGINNINGS, 1.0, None, 7, torch.Generator().manual_seed(0)),
    ):
        assert len(ending.ids) == 7
        assert not ending.ended
        assert not {END, ANY} & set(ending.ids)


def test_an_ending_of_just_max_words_is_not_cut(model_and_vocabulary):
    model, _ = model_and_vocabulary
    [ending] = search(model, [[2]], beam=1, max_words=50)
    if not ending.ended:
        pytest.fail("the model of this test must end its sentences")
    assert search(model, [[2]], beam=1, max_words=max(1, len(ending.ids))) == [ending]


def test_draws_follow_the_probabilities(model_and_vocabulary):
    model, _ = model_and_vocabulary
    n = 4000
    expected = log_probability_of(model, [3, 4]).div(0.5).softmax(0)
    endings = draw(model, [[3, 4]] * n, 0.5, None, 1, torch.Generator().manual_seed(0))
    first = torch.tensor([(ending.ids or [END])[0] for ending in endings])
    shares = torch.bincount(first, minlength=10) / n
    assert (shares - expected).abs().max() < 4 * 0.5 / n**0.5  # four standard deviations


def test_top_k_draws_among_the_likeliest_only(model_and_vocabulary):
    model, _ = model_and_vocabulary
    likeliest = set(log_probability_of(model, [3]).topk(2).indices.tolist())
    endings = draw(model, [[3]] * 300, 5.0, 2, 1, torch.Generator().manual_seed(0))
    assert {(ending.ids or [END])[0] for ending in endings} == likeliest
    again = draw(model, [[3]] * 300, 5.0, 2, 1, torch.Generator().manual_seed(0))
    assert again == endings
    assert draw(model, BEGINNINGS, 1.0, 1, 6, torch.Generator()) == search(model, BEGINNINGS, 1, 6)


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


@pytest.mark.parametrize("name", [name for name in CELLS if name != "torch_lstm"])
def test_activity_shows_what_the_layer_does(name):
    torch.manual_seed(0)
    model = LanguageModel(CELLS[name], 10, 6, 9).eval()
    rows = activity(model, [3, 4, 5])
    output, last = model.layers[0](pack_sequence([model.embedding.weight[[3, 4, 5]]]))
    torch.testing.assert_close(rows["h"], output.data.abs().mean(1))
    if "c" in rows:
        torch.testing.assert_close(rows["c"][-1], last[1].abs().mean())
    assert set(rows) == {*model.layers[0].gate_names, *model.layers[0].state_names} - {"t"}


def test_neighbours_point_the_same_way(model_and_vocabulary):
    model, vocabulary = model_and_vocabulary
    with torch.no_grad():
        model.embedding.weight[4] = 3 * model.embedding.weight[2]
        model.embedding.weight[5] = -model.embedding.weight[2]
    nearest = neighbours(model, vocabulary, "W0", count=10)
    assert nearest[0] == ("w2", pytest.approx(1))
    assert nearest[-1] == ("w3", pytest.approx(-1))
    assert len(nearest) == 7  # all words but itself, [END] and [ANY]


def test_embedding_map_keeps_two_dimensions_as_they_are(model_and_vocabulary):
    model, _ = model_and_vocabulary
    angles, lengths = torch.arange(10) * 0.6, 1 + torch.arange(10)
    flat = torch.zeros(10, 6)
    flat[:, 1], flat[:, 4] = angles.cos(), angles.sin()
    with torch.no_grad():
        model.embedding.weight.copy_(lengths.unsqueeze(1) * flat)
    places = embedding_map(model, range(10))
    torch.testing.assert_close(torch.cdist(places, places), torch.cdist(flat, flat), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("typed", "words", "ended", "sentence"),
    [
        ("my mother", ["likes", "Riga"], True, "My mother likes Riga."),
        ("  The BEST way, then,", ["goes"], True, "The BEST way, then, goes."),
        ("why", [",", "then", "?"], True, "Why, then?"),
        ("stop", ["it", "!"], True, "Stop it!"),
        ("so", ["it", ","], True, "So it."),
        ("so", ["it", "goes"], False, "So it goes …"),
        ("the best way to ...", ["learn"], True, "The best way to learn."),
        ("we met Mr.", ["Smith"], True, "We met Mr. Smith."),
        ("It rains.", [], True, "It rains."),
        ("is it?", [], True, "Is it?"),
        ("is it？", [], True, "Is it？"),
        ('he said "go!"', [], True, 'He said "go!"'),
        ('"my mother', ["x"], True, '"My mother x.'),
        ("ßa", ["x"], True, "ßa x."),
        ("3 cats", ["x"], True, "3 cats x."),
        ("ģimene", ["šķērso", "ceļu"], True, "Ģimene šķērso ceļu."),
    ],
)
def test_natural_form(typed, words, ended, sentence):
    vocabulary = Vocabulary(dict.fromkeys([*words, "x"]))
    assert write(typed, Ending(vocabulary.encode(words), ended), vocabulary) == sentence


def test_the_last_sentence_typed_is_read():
    assert tokens_of(" It rains. The best WAY, ") == ["The", "best", "WAY", ","]
    assert tokens_of("... ?") == []


def test_sentences_learned_by_heart_come_back_word_for_word():
    sentences = [tokenize(text) for text in SAYINGS]
    vocabulary = Vocabulary.of(sentences, min_count=1)
    for cell in CELLS.values():
        torch.manual_seed(0)
        model = LanguageModel(cell, len(vocabulary), 16, 32)
        dataset = SentenceDataset(sentences, vocabulary, 20)
        loss = WeightedCrossEntropy(dataset.targets(), len(vocabulary))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
        [batch] = batches(dataset, len(sentences))
        inputs, targets = batch.pack(torch.device("cpu"))
        for _ in range(80):
            optimizer.zero_grad()
            loss(model(inputs)[0].data, targets).backward()
            optimizer.step()
        model.eval()
        for text in SAYINGS:
            typed = " ".join(text.split()[:2])
            [ending] = search(model, [vocabulary.encode(tokens_of(typed))], beam=5, max_words=20)
            assert write(typed, ending, vocabulary) == text


@pytest.mark.parametrize(
    ("typed", "words", "ended", "sentence"),
    [
        ("सूरज धीरे", ["निकला"], True, "सूरज धीरे निकला।"),
        ("सूरज धीरे", ["निकला", "?"], True, "सूरज धीरे निकला?"),
        ("সূর্য", ["ওঠে"], True, "সূর্য ওঠে।"),
        ("我", ["今天", ",", "3.50"], True, "我 今天， 3.50。"),
        ("你", ["好", "?"], True, "你 好？"),
        ("今日 は", ["いい", "!"], True, "今日 は いい！"),
        ("τι κάνεις", ["σήμερα", "?"], True, "Τι κάνεις σήμερα;"),
        ("τι έγινε το", ["1990", "?"], True, "Τι έγινε το 1990;"),
        ("τι κάνεις;", [], True, "Τι κάνεις;"),
        ("είμαι", ["καλά"], True, "Είμαι καλά."),
        ("ما اسمك", [",", "يا", "صديقي", "?"], True, "ما اسمك، يا صديقي؟"),
        ("ذهبت", ["إلى", "البيت"], True, "ذهبت إلى البيت."),
        ("ذهبت", ["إلى", ";"], True, "ذهبت إلى."),
        ("ذهبت", ["إلى", ","], False, "ذهبت إلى، …"),
        ("what is π", ["here", "?"], True, "What is π here?"),
    ],
)
def test_marks_are_those_of_the_script(typed, words, ended, sentence):
    vocabulary = Vocabulary(dict.fromkeys([*words, "x"]))
    assert write(typed, Ending(vocabulary.encode(words), ended), vocabulary) == sentence
