"""A person's mistakes, told in one line."""

import errno
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread

OUT_OF_MEMORY = re.compile("out of memory|not enough memory|allocate memory")  # as torch says it, on any device


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what and how, in one line."""


def tell(problem: object) -> None:
    """Names a problem in one line on stderr, with the script's name before it."""
    print(f"{Path(sys.argv[0]).name}: {problem}", file=sys.stderr)


def first_line(error: Exception) -> str:
    """The first line of what an error says of itself; torch's go on for many."""
    return str(error).strip().partition("\n")[0] or type(error).__name__


@contextmanager
def loading() -> Iterator[None]:
    """Within it, while large packages are loaded, Ctrl-C ends the process at once and in silence.

    Python would raise a KeyboardInterrupt, which packages that are only half loaded take for another error.
    """
    # Else a shell's `&` has it ignored, or this is another thread, to which it doesn't come.
    comes = signal.getsignal(signal.SIGINT) is signal.default_int_handler and current_thread() is main_thread()
    if comes:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if comes:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def counted(count: int, noun: str) -> str:
    """A count and what is counted: 1 sentence, 2 sentences."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def run(main: Callable[[], int | None]) -> None:
    """Runs a script's main function and ends the process as a console program should.

    Exit codes: main's own, or 0; 2 after a `UserError`, told in one line on stderr; 130 after Ctrl-C; 141, in
    silence, where the reader of a pipe has left (`| head -1`).
    """
    # A stream is None where the shell has closed it (`>&-`), or where there is no console (pythonw). With a file open
    # in its place, no file opened later gets the stream's number, and with it what others write to the stream.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115
    # UTF-8 whatever the system's locale says, on Windows too; "-sig" leaves out a byte-order mark.
    for stream, encoding in ((sys.stdin, "utf-8-sig"), (sys.stdout, "utf-8"), (sys.stderr, "utf-8")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=encoding, errors="replace")
    try:
        code = main() or 0
        print(end="", flush=True)
    except UserError as error:
        tell(error)
        code = 2
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not OUT_OF_MEMORY.search(str(error)):
            raise
        tell("not enough memory; choose smaller sizes (--help shows them)")
        code = 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        code = 130
    except OSError as error:
        # The reader of a pipe has left, which Windows calls an invalid argument; or stdout is on a full disk.
        code = 141 if isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL else 2
        if code == 2:
            tell(error.strerror or error)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python may flush the rest to
    sys.exit(code)
