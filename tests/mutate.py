"""Breaks the code in one small place after another, and says which of the breaks no test notices.

`python tests/mutate.py` works on a copy of the files that git knows. It isn't one of the tests: it takes some minutes.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PROJECT = Path(__file__).parent.parent
# A file and the tests that watch over it: in each pair, what stands there once, and what is put in its place.
MUTATIONS = {
    ("utils/completion.py", "test_completion.py"): [
        ("len(ids) + 1 for ids, _", "len(ids) for ids, _"),
        ("LAMBDA * in_context", "0 * in_context"),
        ("beginning[-CONTEXT:]", "beginning"),
        ("of_beginning - LAMBDA", "of_beginning.sort().values - LAMBDA"),
        ("searches, kept_log_p =", "rows -= before[going_on].flatten()\n        searches, kept_log_p ="),
        ("words.flatten(0, 1)[rows]", "words[going_on].expand(-1, word.shape[1], -1).flatten(0, 1)"),
        ("in ((word == END) & new_log_p", "in ((word == END)[:, :1] & new_log_p[:, :1]"),
        ("range(1, max_words + 2)", "range(1, max_words + 1)"),
        ("< beam for number", "< 1 for number"),
        ("any():\n            break\n        rows", "all():\n            break\n        rows"),
        ("words[row, kept_log_p[row].argmax(), start:]", "words[row, -1, start:]"),
        ("set_aside[searches[row]]", "set_aside[row]"),
        ("topk(min(beam,", "topk(min(beam + 1,"),
        ("        bar_repeated_pairs(log_p, words.flatten(0, 1))\n", ""),
        ("    return best\n", "    return [Ending([], ended=True) for _ in best]\n"),
        ("[ANY] if states else [ANY, END]", "[ANY]"),
        ("log_p.argmax(dim=1)) != END and len(ids) <", "log_p.argmax(dim=1)) != END and len(ids) <="),
        ("states = next_word(model, pack_one_each(word), states)", "_ = next_word(model, pack_one_each(word), states)"),
        ("running, words = running[going_on], words[going_on]", "words = words[going_on]"),
        ("range(max_words + 1)", "range(max_words)"),
        ("log_p / temperature", "log_p"),
        ("log_p.topk(top_k)", "log_p.topk(top_k + 1)"),
    ],
    ("utils/training.py", "test_training.py"): [
        ("            optimizer.zero_grad()\n", ""),
        ("            clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)\n", ""),
        ("            value.backward()\n", ""),
        ("            optimizer.step()\n", ""),
        ("            schedule.step()\n", ""),
        ("            update_average(average, model, schedule.last_epoch)\n", ""),
        ("LAST_RATE + (1 - LAST_RATE) * (steps - step) / falling", "1"),
        ("(step + 1) / rising", "1"),
        ("    model.start_from_frequencies(loss.counts)\n", ""),
        ("sum(value * n for", "sum(value * sum(words) / len(words) for"),
        ("= evaluate(average, test", "= evaluate(model, test"),
        ("save_checkpoint, path, average", "save_checkpoint, path, model"),
    ],
    ("utils/history.py", "test_training.py"): [
        ("key=lambda epoch: epoch.test_loss", "key=lambda epoch: epoch.perplexity"),
        ("return min(self.epochs", "return max(self.epochs"),
    ],
    ("models/language_model.py", "test_language_model.py"): [
        ("self.dropout(repack(words, self.embedding(words.data)))", "repack(words, self.embedding(words.data))"),
        ("            x = self.dropout(x)\n", ""),
    ],
    ("utils/dataset.py", "test_dataset.py"): [
        ("order = self.shuffled(len(self.lengths))", "order = torch.arange(len(self.lengths))"),
        ("in self.shuffled(len(batches)).tolist()", "in range(len(batches))"),
        ("rare = (data.train.targets() == ANY)", "rare = (data.train.ids == ANY)"),
    ],
    ("models/recurrent.py", "test_first_weights.py"): [
        ("bound = 1 / math.sqrt(hidden_size)", "bound = 1 / hidden_size"),
        ("nn.init.uniform_(self.W, -bound, bound)", "nn.init.normal_(self.W, std=bound)"),
        ("nn.init.uniform_(self.U, -bound, bound)", "nn.init.zeros_(self.U)"),
    ],
    ("models/mogrifier_lstm.py", "test_first_weights.py"): [("uniform_(-bound, bound)", "uniform_(0, bound)")],
    ("models/language_model.py", "test_first_weights.py"): [("std=0.2)", "std=1)")],
    ("models/phased_lstm.py", "test_first_weights.py"): [
        ("torch.rand(hidden_size) * self.log_tau.detach().exp()", "torch.zeros(hidden_size)"),
        ("torch.rand(hidden_size) * self.log_tau.detach().exp()", "torch.rand(hidden_size)"),
    ],
    ("utils/console.py", "test_rollout.py"): [
        ("[len(completion.beginning) - 1:]", "[len(completion.beginning):]"),
        ("ending.ids + [END] * ending.ended", "ending.ids"),
        ("search(model, beginnings, options.beam,", "search(model, beginnings, 5,"),
        ("options.beam == 1:", "options.beam <= 2:"),
    ],
    ("rollout.py", "test_rollout.py"): [
        ("return checkpoints[-1]", "return checkpoints[0]"),
        (", key=lambda path: path.stat().st_mtime", ""),
        ("options.beam or 10", "10"),
    ],
}  # fmt: skip


def passes(copy: Path, tests: str) -> bool:
    """Whether these tests pass; anything but a failed test, like code that can't be read, is a mistake of this file."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"tests/{tests}"]
    # Without the compiled files: they would be taken for those of a source of the same size and second.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if result.returncode not in (0, 1):
        sys.exit(result.stdout + result.stderr)
    return result.returncode == 0


def main(copy: Path) -> int:
    listing = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True)
    for name in listing.stdout.splitlines():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, copy / name)
    for (name, _), pairs in MUTATIONS.items():
        for old, _ in pairs:
            if (count := (copy / name).read_text(encoding="utf-8").count(old)) != 1:
                sys.exit(f"{name}: {old!r} stands there {count} times, not once")
    for tests in sorted({tests for _, tests in MUTATIONS}):
        if not passes(copy, tests):
            sys.exit(f"{tests} fails before anything is broken")
    survivors = 0
    for (name, tests), pairs in MUTATIONS.items():
        code = (copy / name).read_text(encoding="utf-8")
        for old, new in pairs:
            (copy / name).write_text(code.replace(old, new), encoding="utf-8")
            survived = passes(copy, tests)
            survivors += survived
            print(f"{'SURVIVED' if survived else 'noticed '}  {name}: {old.strip()!r} → {new.strip()!r}", flush=True)
        (copy / name).write_text(code, encoding="utf-8")
    print(f"{survivors} of {sum(map(len, MUTATIONS.values()))} survived")
    return min(survivors, 1)


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        sys.exit(main(Path(folder)))
