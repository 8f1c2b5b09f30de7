"""A person's mistakes, told in one line."""

import errno
import os
import re
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

OUT_OF_MEMORY = re.compile("out of memory|not enough memory|allocate memory")  # as torch says it, on any device


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what and how, in one line."""


def counted(count: int, noun: str) -> str:
    """A count and what is counted: 1 sentence, 2 sentences."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def run(main: Callable[[], int | None]) -> None:
    """Runs a script's main function and ends the process as a console program should.

    Exit codes: main's own, or 0; 2 after a `UserError`, told in one line on stderr; 130 after Ctrl-C; 141, in
    silence, where the reader of a pipe has left (`| head -1`).
    """
    # UTF-8 whatever the system's locale says, on Windows too; "-sig" leaves out a byte-order mark.
    sys.stdin = sys.stdin or StringIO()  # None where the shell has closed it
    for stream, encoding in ((sys.stdin, "utf-8-sig"), (sys.stdout, "utf-8"), (sys.stderr, "utf-8")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=encoding, errors="replace")
    try:
        code = main() or 0
        print(end="", flush=True)
    except UserError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        code = 2
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not OUT_OF_MEMORY.search(str(error)):
            raise
        print(f"{Path(sys.argv[0]).name}: not enough memory; choose smaller sizes (--help shows them)", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        code = 130
    except OSError as error:
        # The reader of a pipe has left, which Windows calls an invalid argument; or stdout is on a full disk.
        code = 141 if isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL else 2
        if code == 2:
            print(f"{Path(sys.argv[0]).name}: {error.strerror or error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # where Python may flush the rest to
    sys.exit(code)
