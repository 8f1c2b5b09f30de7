"""A person's mistakes, told in one line."""

import os
import sys
from collections.abc import Callable
from pathlib import Path


class UserError(Exception):
    """Something that the person at the keyboard can mend; the message says what and how, in one line."""


def run(main: Callable[[], int | None]) -> None:
    """Runs a script's main function and ends the process as a console program should.

    Exit codes: main's own, or 0; 2 after a `UserError`, told in one line on stderr; 130 after Ctrl-C; 141, in
    silence, where the reader of a pipe has left (`| head -1`).
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # UTF-8 whatever the system's locale says, on Windows too
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        code = main() or 0
        sys.stdout.flush()
    except UserError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        code = 2
    except (MemoryError, RuntimeError) as error:
        if "memory" not in str(error) and not isinstance(error, MemoryError):
            raise
        print(f"{Path(sys.argv[0]).name}: not enough memory; choose a smaller model or --batch-size", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush to
        code = 141
    sys.exit(code)
