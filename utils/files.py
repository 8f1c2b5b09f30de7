"""Files that are never lost: each is the old one or the new one, whole, whenever the program is killed."""

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from utils.errors import UserError


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Lets `write` fill a temporary file beside `path`, then moves it into place in one indivisible step.

    The temporary file has one fixed name for each path: what a killed run left of it, the next one overwrites.

    Raises:
        UserError: the folder can't be made or written to, or the disk is full. What stood at `path` still does.
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())  # on the disk before the name is, in case the power fails
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: how torch.save tells that the disk is full
        reason = getattr(error, "strerror", None) or "the disk may be full"
        with suppress(OSError):  # where the folder itself is at fault, the line below says so
            temporary.unlink(missing_ok=True)
        raise UserError(f"{path}: can't be written: {reason}") from None


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
