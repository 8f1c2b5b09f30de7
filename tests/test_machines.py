"""It holds on any machine: memory, devices, notebooks, streams, fonts, and files that another program holds."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from threading import Thread

import benchmark
import matplotlib
import numpy as np
import pytest
import torch
from conftest import PROJECT, SMALL, few_sentences, run_here
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch import nn

from models import CELLS, LSTM, RNN, LanguageModel
from utils import comparison, console, files, fonts, options, plotting, training
from utils.checkpoint import load_checkpoint
from utils.dataset import batches, load_data
from utils.errors import UserError
from utils.history import Epoch, History, read_epochs
from utils.inspection import Guess


@pytest.fixture
def settings(tmp_path):
    return Namespace(
        data=PROJECT / "tests" / "latviski.txt", field=None, limit=None, seed=0, min_count=1, max_length=20,
        epochs=2, batch_size=8, learning_rate=0.01, embedding_size=8, hidden_size=8, layers=1, dropout=0.1,
        device=torch.device("cpu"), results=tmp_path / "results", show=False,
    )  # fmt: skip


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_process(*arguments: str, environment=os.environ) -> str:
    """What a Python process of its own prints on stdout, and nothing on stderr."""
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**environment, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


# Memory

STEPS_OF_MEMORY = """
from argparse import Namespace
from pathlib import Path
import torch
from models import LanguageModel, RNN
from utils.dataset import SentenceDataset, batches
from utils.loss import WeightedCrossEntropy
from utils.training import Interrupt, keep_freed_memory, schedule_of, train_epoch
from utils.vocabulary import Vocabulary

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

class Bar(list):
    def __enter__(self): return self
    def __exit__(self, *_): pass
    def set_postfix(self, **_): pass
    def __iter__(self):
        for batch in super().__iter__():
            yield batch
            print(megabytes())

torch.set_num_threads(1)
words = [f"w{i}" for i in range(30_000)]
generator = torch.Generator().manual_seed(0)
sentences = []
for length in torch.randint(3, 20, (60 * 16,), generator=generator).tolist():
    sentences.append([words[i] for i in torch.randint(0, 30_000, (length,), generator=generator).tolist()])
vocabulary = Vocabulary(words)
dataset = SentenceDataset(sentences, vocabulary, 20)
model = LanguageModel(RNN, len(vocabulary), 8, 8)
average = LanguageModel(RNN, len(vocabulary), 8, 8)
loss = WeightedCrossEntropy(dataset.targets(), len(vocabulary))
keep_freed_memory()
print(megabytes())
train_epoch(model, Bar(batches(dataset, 16, 0)), loss, schedule_of(model, 1e-3, 60), average, Interrupt())
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells it so")
def test_memory_doesn_t_grow_with_the_steps():
    """Little but logits: as large as those of 30,000 words are, and of another size in each batch."""
    start, *steps = map(float, in_process("-c", STEPS_OF_MEMORY).split())
    assert len(steps) == 60
    assert max(steps[40:]) - start < 1.4 * (max(steps[:20]) - start)


# Devices

def lstm_and_batch(settings):
    data = load_data(settings)
    torch.manual_seed(0)
    model = LanguageModel(LSTM, len(data.vocabulary), 8, 8)
    return model, next(iter(batches(data.train, 8)))


def test_the_proof_never_asks_a_gpu_for_float64(settings, monkeypatch):
    """An Apple GPU has none: there, a module that is to move and change its type at once fails."""
    to = nn.Module.to

    def as_apple_s_gpu(module, *args, **kwargs):
        assert torch.float64 not in args, "Cannot convert a MPS Tensor to float64"
        return to(module, *args, **kwargs)

    monkeypatch.setattr(nn.Module, "to", as_apple_s_gpu)
    model, batch = lstm_and_batch(settings)
    outputs, gradients = comparison.largest_differences(model, comparison.with_torch_lstm(model), batch)
    assert 0 <= outputs < 1e-10
    assert 0 <= gradients < 1e-10


def test_zeros_are_no_proof(settings, monkeypatch):
    model, batch = lstm_and_batch(settings)
    twin = comparison.with_torch_lstm(model)
    with monkeypatch.context() as patch:
        patch.setattr(torch.autograd, "grad", lambda loss, weights: [torch.zeros_like(w) for w in weights])
        with pytest.raises(UserError, match="zeros"):
            comparison.largest_differences(model, twin, batch)
    for weight in (*model.parameters(), *twin.parameters()):
        nn.init.zeros_(weight)
    with pytest.raises(UserError, match="zeros"):
        comparison.largest_differences(model, twin, batch)


def test_what_is_no_number_is_no_proof(settings, monkeypatch):
    model, batch = lstm_and_batch(settings)
    grad = torch.autograd.grad

    def with_nan_at_the_end(loss, weights):
        *gradients, last = grad(loss, weights)
        return [*gradients, last * torch.nan]

    monkeypatch.setattr(torch.autograd, "grad", with_nan_at_the_end)
    outputs, gradients = comparison.largest_differences(model, comparison.with_torch_lstm(model), batch)
    assert outputs < 1e-10
    assert not gradients < 1


@pytest.fixture
def seen_gpu(monkeypatch):
    """A GPU that torch sees, and that is full."""

    def ones(*_, device="cpu"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.\nSee documentation")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", ones)


def test_auto_falls_back_to_the_cpu(seen_gpu, capsys):
    assert options.device("auto") == torch.device("cpu")
    [line] = capsys.readouterr().err.splitlines()
    assert "CUDA out of memory. Tried to allocate 2.00 MiB." in line
    assert "CPU" in line


def test_a_gpu_asked_for_by_name_gives_its_reason(seen_gpu, tmp_path):
    result = run_here(tmp_path, "train_rnn.py", "--device", "cuda")
    assert result.returncode == 2
    [line] = result.stderr.splitlines()
    assert "torch can't use 'cuda': CUDA out of memory. Tried to allocate 2.00 MiB.; try cpu" in line
    assert "auto" not in line


def test_the_average_s_lstm_has_its_weights_in_one_piece(settings, monkeypatch):
    """cuDNN warns of others. On a CPU there are no pieces; the call that lays them together must come."""
    data = load_data(settings)
    laid_together, averages = [], []
    flatten, update = nn.LSTM.flatten_parameters, training.update_average
    monkeypatch.setattr(nn.LSTM, "flatten_parameters", lambda lstm: (laid_together.append(lstm), flatten(lstm)))
    monkeypatch.setattr(
        training, "update_average", lambda average, *args: (averages.append(average), update(average, *args))
    )
    training.train("torch_lstm", LanguageModel(CELLS["torch_lstm"], len(data.vocabulary), 8, 8), data, settings)
    assert any(lstm is averages[0].layers[0].lstm for lstm in laid_together)


# Notebooks and packages

def test_pictures_need_no_backend_and_warn_of_no_glyph():
    """Not of one that belongs to another environment, and not in two lines for each letter."""
    environment = {**os.environ, "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    warning = "warnings.warn('Glyph 2361 (X) missing from font(s) DejaVu Sans.')"
    command = f"import utils.plotting, warnings; {warning}; print(utils.plotting.BACKEND)"
    said = in_process("-c", command, environment=environment)
    assert said.strip() == environment["MPLBACKEND"]


def test_only_what_is_needed_is_loaded():
    """torch and matplotlib take seconds."""
    help_alone = """
import runpy, sys
sys.argv = ["rollout.py", "--help"]
try:
    runpy.run_path("rollout.py", run_name="__main__")
finally:
    print(*sys.modules)
"""
    loaded = in_process("-c", help_alone).splitlines()[-1].split()
    assert "utils.options" in loaded
    assert not {"torch", "numpy", "matplotlib", "tqdm"} & set(loaded)
    assert "matplotlib" not in in_process("-c", "import sys, utils.console; print(*sys.modules)").split()


@pytest.mark.parametrize("backend", ["agg", "pdf", "module://matplotlib_inline.backend_inline", "nonsense"])
def test_a_backend_without_windows_is_named(monkeypatch, tmp_path, capsys, backend):
    monkeypatch.setattr(plotting, "BACKEND", backend)
    plotting.show_histories([History("rnn", "", 1, 1, [1.0])], tmp_path)
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("--show: ")
    assert str(tmp_path) in line


def test_a_backend_with_windows_shows(monkeypatch, tmp_path, capsys):
    from matplotlib import pyplot as plt

    shown = []
    monkeypatch.setattr(plt, "get_backend", lambda: "TkAgg")
    monkeypatch.setattr(plt, "figure", Figure)
    monkeypatch.setattr(plt, "show", lambda: shown.append(True))
    plotting.show_histories([History("rnn", "", 1, 1, [1.0])], tmp_path)
    assert shown
    assert capsys.readouterr().err == ""


def test_training_in_another_thread(monkeypatch, tmp_path):
    monkeypatch.setattr(signal, "getsignal", lambda _: signal.default_int_handler)  # a shell's & makes it ignored
    few_sentences(tmp_path)
    results = []
    thread = Thread(target=lambda: results.append(run_here(tmp_path, "train_rnn.py", *SMALL)))
    thread.start()
    thread.join()
    assert [result.returncode for result in results] == [0]
    assert len(read_epochs(tmp_path / "results" / "rnn.csv")) == 2


# Files

def test_a_file_held_for_a_moment_is_written_after_all(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "PAUSES", (0, 0, 0))
    replace, refusals = Path.replace, [1, 2]

    def held(source, target):
        if refusals:
            raise PermissionError(13, f"Permission denied, {refusals.pop()}")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", held)
    files.write_whole(tmp_path / "lstm.csv", lambda temporary: temporary.write_text("new"))
    assert (tmp_path / "lstm.csv").read_text() == "new"
    assert names_in(tmp_path) == ["lstm.csv"]


@pytest.mark.parametrize("held", ["lstm.pt", "lstm.csv", "comparison.png"])
def test_a_file_that_stays_held_is_named_and_the_others_are_written(monkeypatch, tmp_path, held):
    monkeypatch.setattr(files, "PAUSES", (0,))
    replace = Path.replace

    def refuse(source, target):
        if target.name == held:
            raise PermissionError(13, "Permission denied")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", refuse)
    few_sentences(tmp_path)
    result = run_here(tmp_path, "train_lstm.py", *SMALL)
    assert result.returncode == 2
    said = f"train_lstm.py: {Path('results', held)}: can't be written: Permission denied"
    assert set(result.stderr.splitlines()) == {said}
    expected = {f"{name}.{kind}" for name in ("lstm", "torch_lstm", "comparison") for kind in ("csv", "png", "pt")}
    assert {path.name for path in (tmp_path / "results").iterdir()} == expected - {"comparison.pt", held}
    assert (f"wrote {Path('results', 'lstm')}.pt" in result.stdout) == (held != "lstm.pt")
    assert "next: python rollout.py" in result.stdout


def test_two_runs_don_t_take_each_other_s_temporary_files(tmp_path):
    path = tmp_path / "lstm.pt"

    def write(temporary: Path) -> None:
        temporary.write_text("first")
        files.write_whole(path, lambda other: other.write_text("second"))
        assert temporary.read_text() == "first"

    files.write_whole(path, write)
    assert path.read_text() == "first"
    assert names_in(tmp_path) == ["lstm.pt"]


def test_what_killed_runs_left_is_removed_in_time(tmp_path):
    names = [".a[1].png.1.part", ".a[1].png.2.part", ".a1.png.3.part"]
    for name in names:
        (tmp_path / name).touch()
    hours_ago = time.time() - 2 * 3600
    for name in (names[0], names[2]):
        os.utime(tmp_path / name, (hours_ago, hours_ago))
    files.write_whole(tmp_path / "a[1].png", lambda temporary: temporary.write_text("new"))
    assert names_in(tmp_path) == sorted(["a[1].png", *names[1:]])


def test_an_error_that_isn_t_the_disk_s_keeps_its_own_reason(tmp_path):
    def write(temporary: Path) -> None:
        raise RuntimeError("In FT2Font: Could not set the fontsize\nand more")

    with pytest.raises(UserError, match=r"x.png: can't be written: In FT2Font: Could not set the fontsize$"):
        files.write_whole(tmp_path / "x.png", write)


def test_a_comparison_is_told_where_the_earlier_one_can_t_be_kept(tmp_path, capsys):
    history = History("lstm", "", 1, 2, [4.0, 4.0], [Epoch(1, 2, 4.0, 3.5, 40.0, 0.3, 60.0, 900.0)])
    (tmp_path / "earlier").touch()
    (tmp_path / "comparison.csv").write_text("earlier")
    assert not comparison.compare(history, history, tmp_path)
    output, errors = capsys.readouterr()
    assert comparison.table([history, history]) in output
    assert comparison.verdict(history, history) in output
    assert "wrote" not in output
    [line] = errors.splitlines()
    assert f"{tmp_path / 'earlier'}" in line
    assert (tmp_path / "comparison.csv").read_text() == "earlier"


def test_an_unfinished_training_leaves_an_earlier_one_s_files_alone(settings, monkeypatch, capsys):
    data = load_data(settings)

    def training_of(asked: bool) -> History:
        class Asked(training.Interrupt):
            def __enter__(self):
                super().__enter__().asked = asked
                return self

        monkeypatch.setattr(training, "Interrupt", Asked)
        return training.train("rnn", LanguageModel(RNN, len(data.vocabulary), 8, 8), data, settings)

    training_of(asked=False)
    before = {path.name: path.read_bytes() for path in settings.results.glob("rnn.*")}
    assert training.report([training_of(asked=True)], settings) == 130
    assert {path.name: path.read_bytes() for path in settings.results.glob("rnn.*")} == before
    assert {path.name for path in settings.results.glob("*-*")} == {"rnn-unsaved.csv", "rnn-unsaved.png"}
    output = capsys.readouterr().out
    assert f"wrote {settings.results / 'rnn-unsaved'}.csv and .png" in output
    assert f"{settings.results / 'rnn.pt'} is of an earlier training" in output
    training_of(asked=False)
    assert not list(settings.results.glob("*-*"))  # or they would stand beside another training's weights


def test_a_training_that_wrote_nothing_gets_no_line(settings, capsys):
    history = History("rnn", "", 1, 2, [4.0, 4.0], [Epoch(1, 2, 4.0, 3.5, 40.0, 0.3, 60.0, 900.0)], written=False)
    assert training.report([history, history], settings) == 2
    assert capsys.readouterr().out == "\n"


# The benchmark

def test_the_benchmark_shows_no_bar_in_a_file(settings, monkeypatch, capsys):
    monkeypatch.setattr(benchmark, "SHARES", (1.0,))
    benchmark.benchmark_training(settings, load_data(settings))
    output, errors = capsys.readouterr()
    assert "A training step takes" in output
    assert errors == ""


def test_the_benchmark_names_the_trainings_that_it_draws(monkeypatch, tmp_path, capsys):
    few_sentences(tmp_path)
    lines = [json.dumps({"text": line, "author": "x"}) for line in (tmp_path / "few.txt").read_text().splitlines()]
    (tmp_path / "few.jsonl").write_text("\n".join(lines))
    history = History("gru", "", 1, 2, [4.0, 4.0], [Epoch(1, 2, 4.0, 3.5, 40.0, 0.3, 60.0, 900.0)])
    history.write_csv(tmp_path / "gru.csv")
    noon = time.mktime((2024, 2, 29, 12, 5, 0, 0, 0, -1))
    os.utime(tmp_path / "gru.csv", (noon, noon))
    monkeypatch.chdir(tmp_path)
    arguments = ["benchmark.py", "--data", "few.jsonl", "--field", "text", "--plot", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", arguments)
    monkeypatch.setattr(benchmark, "benchmark_layers", lambda dataset, _: [("size", {"by hand": 1.0})])
    monkeypatch.setattr(benchmark, "benchmark_training", lambda *_: None)
    benchmark.main()
    assert f"wrote {tmp_path / 'time.png'} of gru.csv (2024-02-29 12:05)\n" in capsys.readouterr().out
    assert (tmp_path / "time.png").exists()


# Figures

def test_a_perplexity_is_infinite_only_where_its_loss_is_huge(settings):
    data = load_data(settings)
    model = LanguageModel(RNN, len(data.vocabulary), 8, 8)
    loss = training.WeightedCrossEntropy(data.train.targets(), len(data.vocabulary))
    nn.init.zeros_(model.embedding.weight)
    for height, finite in ((200.0, True), (1e6, False)):
        nn.init.zeros_(model.bias)
        with torch.no_grad():
            model.bias[1] = height  # [ANY] is all that it expects, and never comes
        test_loss, perplexity, _ = training.evaluate(model, batches(data.test, 8), loss)
        assert test_loss < 20
        assert np.isfinite(perplexity) == finite


def test_a_perplexity_out_of_bounds_is_told_for_what_it_is(settings, monkeypatch, capsys):
    data = load_data(settings)

    def train(perplexity: float) -> str:
        monkeypatch.setattr(training, "evaluate", lambda *_: (15.0, perplexity, 0.1))
        training.train("rnn", LanguageModel(RNN, len(data.vocabulary), 8, 8), data, settings)
        return capsys.readouterr().out

    with pytest.raises(UserError, match="the test loss is finite, but its perplexity isn't"):
        train(float("inf"))
    assert "worse than blind guessing" in train(1e13)
    assert "worse than blind guessing" not in train(20.0)


def test_tables_keep_their_columns_at_any_perplexity():
    small = Epoch(1, 2, 4.0, 3.5, 36.1, 0.3, 10.0, 900.0)
    epochs = [dataclasses.replace(small, perplexity=perplexity) for perplexity in (36.1, 9_999_999, 1e13, 1e300)]
    lines = [training.describe_epoch(epoch, is_best=False) for epoch in epochs]
    assert len({len(line) for line in lines}) == 1
    history = History("lstm", "", 1_234_567, 2, [4.0, 4.0], [dataclasses.replace(small, perplexity=1e300)])
    assert len({len(line) for line in comparison.table([history]).splitlines()}) == 1
    assert "1.00e+300" in comparison.verdict(history, history)


# Streams

@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_closed_streams_do_no_harm(tmp_path):
    few_sentences(tmp_path)
    options = " ".join(map(str, SMALL))
    command = f"'{sys.executable}' '{PROJECT / 'train_rnn.py'}' {options} <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", command], cwd=tmp_path, check=False).returncode == 0
    assert len(load_checkpoint(tmp_path / "results" / "rnn.pt", torch.device("cpu")).history.epochs) == 2
    assert len(read_epochs(tmp_path / "results" / "rnn.csv")) == 2
    assert (tmp_path / "results" / "rnn.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_person_must_read_stays_out_of_a_file(trained, monkeypatch, capsys):
    """stdout is no terminal here."""
    lines, prompts = ["The little girl", ""], []
    monkeypatch.setattr("builtins.input", lambda prompt="": (prompts.append(prompt), lines.pop(0))[1])
    checkpoint = load_checkpoint(trained("rnn"), torch.device("cpu"))
    settings = Namespace(beam=2, drawn=False, max_words=3, alternatives=None, plot=Path("cell.png"))
    monkeypatch.setattr(console, "plot", lambda *_: None)
    console.talk("introduction", checkpoint, settings)
    output, errors = capsys.readouterr()
    [sentence] = output.splitlines()
    assert sentence.startswith("  The little girl")
    assert errors == "introduction\n> > "
    assert prompts == ["", ""]
    monkeypatch.undo()
    monkeypatch.setattr("builtins.input", lambda _: "")
    console.talk("introduction", checkpoint, settings)
    assert "--plot: no sentence was completed" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_text_on_stdin_in_unicode_of_any_kind(tmp_path, trained, encoding):
    typed = "The Rīga sea\nWhen it\n".encode(encoding)
    result = run_here(tmp_path, "rollout.py", "--checkpoint", trained("rnn"), typed=typed)
    if encoding == "utf-16-be":  # without a mark that says so
        assert result.returncode == 2
        assert result.stderr.splitlines()[-1].startswith("rollout.py: stdin: ")
    else:
        first, second = result.stdout.splitlines()
        assert first.startswith("The Rīga sea ")
        assert second.startswith("When it ")


def test_plots_of_nothing_and_of_very_much(tmp_path, trained):
    options = ("rollout.py", "--checkpoint", trained("rnn"), "--plot", "cell.png")
    for typed in ("", "\n?!\n"):
        nothing = run_here(tmp_path, *options, typed=typed)
        assert nothing.returncode == 0
        assert "--plot: no sentence was completed, so nothing is drawn" in nothing.stderr
        assert not (tmp_path / "cell.png").exists()
    much = run_here(tmp_path, *options, "--max-words", 1, typed="the " * 500)
    assert much.returncode == 0
    assert "--plot: of 501 words the last 40 are drawn" in much.stderr
    width, height = matplotlib.image.imread(tmp_path / "cell.png").shape[1::-1]
    assert width < 10_000


# Words of other scripts

GUESSES = [[Guess("हिन्दी", 0.5), Guess("中文", 0.2), Guess("ไทย", 0.1)]] * 2


@pytest.fixture
def one_font(monkeypatch):
    monkeypatch.setitem(matplotlib.rcParams, "font.family", ["DejaVu Sans"])


@pytest.mark.filterwarnings("ignore")  # those of matplotlib, which are set aside: see above
def test_letters_that_no_font_has_are_told_in_one_line(one_font, tmp_path, capsys):
    plotting.plot_activity(["한국어", "sea"], {"h": torch.ones(2)}, None, GUESSES, "rnn", tmp_path / "a.png")
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'a.png'}: ")
    assert "letters of CJK, Devanagari, Thai; " in line
    assert line.endswith("install Noto Sans CJK, Noto Sans Devanagari, Noto Sans Thai")
    latin = [[Guess("jūra", 0.5), Guess("море", 0.2), Guess("θάλασσα", 0.1)]] * 2
    plotting.plot_activity(["שלום", "سلام"], {"h̃": torch.ones(2)}, None, latin, "rnn", tmp_path / "b.png")
    assert capsys.readouterr().err == ""


def ends_of(word: str) -> tuple[np.ndarray, np.ndarray]:
    """How dark the rows of a picture of a word are at its left end and at its right end."""
    figure = Figure(figsize=(4, 1), dpi=100)
    canvas = FigureCanvasAgg(figure)
    figure.text(0.1, 0.4, fonts.in_reading_order(word), fontsize=30)
    canvas.draw()
    dark = 255.0 - np.asarray(canvas.buffer_rgba())[:, :, 0]
    dark = dark[dark.any(axis=1)][:, dark.any(axis=0)]
    width = dark.shape[1] // 8
    return dark[:, :width].sum(axis=1), dark[:, -width:].sum(axis=1)


def test_words_written_from_right_to_left_are_drawn_so(one_font):
    left, right = ends_of("ששי")  # the last letter hangs above the line
    assert left[-5:].sum() == 0 < right[-5:].sum()
    left, right = ends_of("ششا")  # and here it is the only tall one
    assert right[:5].sum() == 0 < left[:5].sum()
    left, right = ends_of("pool")  # as in Latin script, where the last one stands on the right
    assert left[:5].sum() == 0 < right[:5].sum()


def test_older_matplotlibs_get_the_letters_from_left_to_right(monkeypatch):
    monkeypatch.setattr(matplotlib, "__version_info__", (3, 10, 0))
    assert fonts.in_reading_order("שָׁלוֹם") == "םוֹלשָׁ"
    assert fonts.in_reading_order("mīļā") == "mīļā"
