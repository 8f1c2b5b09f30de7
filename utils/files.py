"""Files that are never lost: each is the old one or the new one, whole, whenever the program is killed."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from glob import escape
from pathlib import Path
from uuid import uuid4

from utils.errors import UserError, first_line, tell

PAUSES = (0.1, 0.2, 0.4, 0.8)  # seconds between attempts, where another program holds a file
ABANDONED = 3600  # seconds after which a temporary file is what a killed run has left


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a temporary file beside `path`, then moves it into place in one indivisible step.

    Each temporary file has a name of its own, so that two runs in one folder don't take each other's.

    Raises:
        UserError: the folder can't be made or written to, the disk is full, or another program holds the file for
            longer than a moment. What stood at `path` still does.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path)
        write(temporary)
        move_into_place(temporary, path)
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path}: can't be written: {getattr(error, 'strerror', None) or first_line(error)}") from None
    finally:  # after Ctrl-C as well
        with suppress(OSError):  # it has been moved, or the folder itself is at fault, and the line above says so
            temporary.unlink()


def remove_abandoned(path: Path) -> None:
    """Removes what killed runs have left beside `path`."""
    for temporary in path.parent.glob(f".{escape(path.name)}.*.part"):
        with suppress(OSError):  # another run has removed it
            if time.time() - temporary.stat().st_mtime > ABANDONED:
                temporary.unlink()


def move_into_place(temporary: Path, path: Path) -> None:
    """Renames a file; waits a little where a virus scanner, or on Windows a spreadsheet program, holds one of the two.

    Raises:
        OSError: it can't be done.
    """
    for pause in (*PAUSES, None):
        try:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())  # on the disk before the name is, in case the power fails
            temporary.replace(path)
            return
        except PermissionError:
            if pause is None:
                raise
            time.sleep(pause)


def attempt(*writes: Callable[[], object]) -> bool:
    """Writes several files; one that can't be written is named on stderr, and the others are written all the same.

    Returns:
        Whether all were written.
    """
    written = True
    for write in writes:
        try:
            write()
        except UserError as error:
            tell(error)
            written = False
    return written


def keep_earlier(results: Path, name: str) -> bool:
    """Copies an earlier training's files into results/earlier/, with the time of its end in their names.

    Returns:
        Whether there were any.

    Raises:
        UserError: they can't be copied.
    """
    paths = [path for path in (results / f"{name}{suffix}" for suffix in (".pt", ".csv", ".png")) if path.exists()]
    end = time.localtime(max((path.stat().st_mtime for path in paths), default=0))
    for path in paths:
        copy = results / "earlier" / f"{name}-{time.strftime('%Y%m%d-%H%M%S', end)}{path.suffix}"
        if not copy.exists():
            write_whole(copy, partial(shutil.copyfile, path))
    return bool(paths)
