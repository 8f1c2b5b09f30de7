"""From the beginning of a sentence to its end."""

import itertools

import pytest
import torch
from conftest import SAYINGS
from torch.nn.utils.rnn import pack_sequence

from models import CELLS, LSTM, LanguageModel
from utils.completion import Ending, draw, greedy, is_whole, scores, search, tokens_of, write_sentence
from utils.dataset import SentenceDataset, batches
from utils.loss import WeightedCrossEntropy
from utils.sentences import tokenize
from utils.vocabulary import ANY, END, Vocabulary

BEGINNINGS = [[2], [5, 3, 4], [7, 7], [9, ANY, 2, 6]]
MAX_WORDS = 7


@pytest.fixture
def model_and_vocabulary():
    """A small model whose endings are of several words, and others for each beginning and each beam."""
    torch.manual_seed(577)
    vocabulary = Vocabulary(f"w{i}" for i in range(8))
    model = LanguageModel(LSTM, len(vocabulary), 6, 9).eval()
    for weights in model.parameters():
        torch.nn.init.normal_(weights)
    return model, vocabulary


def log_probability_of(model, ids, barred=(ANY,)):
    """log p of each next word, all read anew from the start; the barred ones can't be written."""
    logits, _ = model(pack_sequence([torch.tensor(ids)]))
    row = logits.data[-1].detach().clone()
    row[list(barred)] = -torch.inf
    return row.log_softmax(0)


def first_of(model, beginning):
    """log p of each word that may follow a beginning, which [END] may not."""
    return log_probability_of(model, beginning, (ANY, END))


def next_log_probability(model, beginning, ids):
    """log p of each word that may follow an ending so far."""
    return log_probability_of(model, beginning + ids) if ids else first_of(model, beginning)


def greedy_choice(model, beginning, max_words):
    ids = []
    while (word := next_log_probability(model, beginning, ids).argmax().item()) != END and len(ids) < max_words:
        ids.append(word)
    return Ending(ids, ended=word == END)


def ends_in_a_circle(ids):
    return tuple(ids[-2:]) in itertools.pairwise(ids[:-1])


def score(model, beginning, ids, log_p, length_power):
    """By the formula of `scores`, word by word."""
    context, steps = beginning[-2:], [*ids, END]
    in_context = sum(log_probability_of(model, context + steps[:i])[word].item() for i, word in enumerate(steps))
    return (log_p - 0.2 * in_context) / len(steps) ** length_power


def plain_search(model, beginning, beam, max_words, length_power):
    """A beam search in plain lists of (log-probability, ids)."""
    kept, finished = [(0.0, [])], []
    for _ in range(max_words + 1):
        cut = kept
        longer = [
            (log_p + more, [*ids, word])
            for log_p, ids in kept
            for word, more in enumerate(next_log_probability(model, beginning, ids).tolist())
            if not ends_in_a_circle([*beginning, *ids, word])
        ]
        likeliest = sorted(longer, reverse=True)[:beam]
        finished += [(log_p, ids[:-1]) for log_p, ids in likeliest if ids[-1] == END]
        kept = [(log_p, ids) for log_p, ids in likeliest if ids[-1] != END]
        if len(finished) >= beam:
            break
    if not finished:
        return Ending(max(cut)[1], ended=False)
    scored = [(score(model, beginning, ids, log_p, length_power), ids) for log_p, ids in finished]
    return Ending(max(scored)[1], ended=True)


def test_greedy_takes_the_likeliest_word_each_time(model_and_vocabulary):
    model, _ = model_and_vocabulary
    endings = [greedy(model, ids, MAX_WORDS) for ids in BEGINNINGS]
    assert endings == [greedy_choice(model, ids, MAX_WORDS) for ids in BEGINNINGS]
    assert {ending.ended for ending in endings} == {True, False}


@pytest.mark.parametrize("length_power", [0.0, 0.7])
@pytest.mark.parametrize("max_words", [2, MAX_WORDS])
def test_search_is_a_beam_search(model_and_vocabulary, max_words, length_power):
    model, _ = model_and_vocabulary
    for beam in (1, 2, 3, 5):
        expected = [plain_search(model, ids, beam, max_words, length_power) for ids in BEGINNINGS]
        assert search(model, BEGINNINGS, beam, max_words, length_power) == expected


def test_scores_are_those_of_the_formula(model_and_vocabulary):
    model, _ = model_and_vocabulary
    for beginning in BEGINNINGS:
        endings = [([2, 3], -4.0), ([5], -1.5), ([9, 9, 4, 2], -7.0)]
        expected = [score(model, beginning, ids, log_p, 0.7) for ids, log_p in endings]
        assert scores(model, beginning, endings, 0.7).tolist() == pytest.approx(expected, rel=1e-5)


def test_the_endings_of_these_tests_differ(model_and_vocabulary):
    """Or the tests above and below could not fail."""
    model, _ = model_and_vocabulary
    of_beams = [search(model, BEGINNINGS, beam, MAX_WORDS) for beam in (1, 2, 3)]
    for endings in of_beams:
        assert all(len(ending.ids) > 1 for ending in endings)
        assert all(a != b for a, b in itertools.combinations(endings, 2))
    assert all(a != b for a, b in itertools.combinations(of_beams, 2))


@pytest.mark.parametrize("length_power", [0.0, 0.7])
def test_a_wide_beam_finds_the_best_of_all_endings(model_and_vocabulary, length_power):
    model, _ = model_and_vocabulary
    model.bias.data[END] = 1
    for beginning in BEGINNINGS:
        scores = {}
        for length in (1, 2):
            for ids in itertools.product(range(2, 10), repeat=length):
                steps = [*ids, END]
                log_p = first_of(model, beginning)[steps[0]].item()
                for i in range(1, len(steps)):
                    log_p += log_probability_of(model, beginning + list(steps[:i]))[steps[i]].item()
                scores[ids] = score(model, beginning, list(ids), log_p, length_power)
        best = max(scores, key=scores.get)
        [ending] = search(model, [beginning], beam=100, max_words=2, length_power=length_power)
        assert ending == Ending(list(best), ended=True)


def test_of_endings_that_are_cut_the_likeliest_is_given(model_and_vocabulary):
    model, _ = model_and_vocabulary
    model.bias.data[END] = -50
    for beginning in BEGINNINGS:
        first = first_of(model, beginning)
        pairs = itertools.product(range(2, 10), repeat=2)
        both = {(a, b): first[a] + log_probability_of(model, [*beginning, a])[b] for a, b in pairs}
        assert search(model, [beginning], beam=8, max_words=2) == [Ending(list(max(both, key=both.get)), ended=False)]


def test_a_longer_ending_may_still_win(model_and_vocabulary):
    """After "w0" [END] has probability 0.52; "w1" has 0.48, and [END] nearly follows it: better by the length rule."""
    model, _ = model_and_vocabulary
    steps = torch.full((3, 10), -30.0)
    steps[0, 2] = 0
    steps[1, [END, 3]] = torch.tensor([0.52, 0.48]).log()
    steps[2, END] = 0

    class Told(torch.nn.Module):
        bias = model.bias

        def hidden_states(self, words, states):
            words_read = torch.zeros(len(words.data), 1) if states is None else states[0][0] + 1
            return words, [(words_read,)]

        def logits(self, words_read):
            return steps[words_read.flatten().long()]

        def forward(self, words):
            words_read = torch.arange(len(words.batch_sizes)).repeat_interleave(words.batch_sizes)
            return words._replace(data=self.logits(words_read)), None

    assert search(Told(), [[3]], beam=5, max_words=9, length_power=0.7) == [Ending([2, 3], ended=True)]
    assert search(Told(), [[3]], beam=5, max_words=9, length_power=0.0) == [Ending([2], ended=True)]
    assert greedy(Told(), [3], max_words=9) == Ending([2], ended=True)


@pytest.mark.parametrize("beam", [1, 5])
def test_something_is_always_added(model_and_vocabulary, beam):
    model, _ = model_and_vocabulary
    model.bias.data[END] = 50
    drawn = draw(model, BEGINNINGS, 1.0, None, 9, torch.Generator().manual_seed(0))
    for endings in (search(model, BEGINNINGS, beam, 9), [greedy(model, ids, 9) for ids in BEGINNINGS], drawn):
        assert all(len(ending.ids) == 1 and ending.ended for ending in endings)


def test_many_beginnings_are_completed_as_each_alone(model_and_vocabulary):
    model, _ = model_and_vocabulary
    many = search(model, BEGINNINGS * 3, beam=4, max_words=9)
    assert many == [search(model, [ids], beam=4, max_words=9)[0] for ids in BEGINNINGS] * 3


def test_no_pair_of_words_stands_twice_in_a_sentence(model_and_vocabulary):
    model, _ = model_and_vocabulary
    model.bias.data[END] = -50
    model.bias.data[2:4] = 50  # "w0" and "w1" at every turn
    for beginning, ending in zip(BEGINNINGS, search(model, BEGINNINGS, beam=3, max_words=9), strict=True):
        sentence = beginning + ending.ids
        assert len(ending.ids) == 9
        assert not any(ends_in_a_circle(sentence[:end]) for end in range(len(beginning), len(sentence) + 1))


def test_endings_drawn_side_by_side_are_as_each_alone(model_and_vocabulary):
    """Of the likeliest word alone, which is greedy choice; some end sooner than others."""
    model, _ = model_and_vocabulary
    drawn = draw(model, BEGINNINGS, 1.0, 1, MAX_WORDS, torch.Generator())
    assert drawn == [greedy_choice(model, ids, MAX_WORDS) for ids in BEGINNINGS]


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
    ending = greedy_choice(model, [2], MAX_WORDS)
    exact = len(ending.ids)
    assert ending.ended
    assert greedy(model, [2], exact) == search(model, [[2]], 1, exact)[0] == ending
    assert draw(model, [[2]], 1.0, 1, exact, torch.Generator()) == [ending]
    for cut in (greedy(model, [2], exact - 1), *search(model, [[2]], 1, exact - 1)):
        assert cut == Ending(ending.ids[:-1], ended=False)


def test_draws_follow_the_probabilities(model_and_vocabulary):
    model, _ = model_and_vocabulary
    n = 4000
    expected = first_of(model, [3, 4]).div(0.5).softmax(0)
    endings = draw(model, [[3, 4]] * n, 0.5, None, 1, torch.Generator().manual_seed(0))
    first = torch.tensor([ending.ids[0] for ending in endings])
    shares = torch.bincount(first, minlength=10) / n
    assert (shares - expected).abs().max() < 4 * 0.5 / n**0.5  # four standard deviations


def test_top_k_draws_among_the_likeliest_only(model_and_vocabulary):
    model, _ = model_and_vocabulary
    likeliest = set(first_of(model, [3]).topk(2).indices.tolist())
    endings = draw(model, [[3]] * 300, 5.0, 2, 1, torch.Generator().manual_seed(0))
    assert {ending.ids[0] for ending in endings} == likeliest
    again = draw(model, [[3]] * 300, 5.0, 2, 1, torch.Generator().manual_seed(0))
    assert again == endings


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
    assert write_sentence(typed, Ending(vocabulary.encode(words), ended), vocabulary) == sentence


@pytest.mark.parametrize(
    "typed",
    ["It rains.", " is it? ", 'he said "go!"', "(We know.)", "What?!", "is it？", "Is it...?", "He is 12.", "»Ja.«"],
)
def test_a_stop_makes_what_is_typed_whole(typed):
    assert is_whole(typed)


@pytest.mark.parametrize("typed", ["it rains", "the best way to ...", "Well…", "We met Mr.", 'he said "well..."', ""])
def test_what_asks_to_go_on_is_not_whole(typed):
    assert not is_whole(typed)


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
            assert write_sentence(typed, ending, vocabulary) == text


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
    assert write_sentence(typed, Ending(vocabulary.encode(words), ended), vocabulary) == sentence
