"""Files that appear whole or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archsim.errors import InputError


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; it takes the place of `path` when the block ends well.

    A reader never sees half a file, and a failed write leaves an older file as it was. An existing path that
    is not a regular file (a pipe, /dev/stdout) is written in place: renaming over a device would destroy it.

    Raises:
        InputError: the folder is missing or not writable, `path` is a folder, or the disk is full.
    """
    target = Path(path).expanduser()
    if target.is_dir():
        raise InputError(f"cannot write {target}: it is a folder; give the name of a file")
    if target.exists() and not target.is_file():
        yield target
        return
    target = target.resolve()  # a link stays a link: the file behind it is replaced
    _require_folder(target)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.touch(exist_ok=False)
        yield temporary
        temporary.replace(target)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot write {target}: {reason}; give a path in a folder you may write to, with enough space"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path`; it becomes `path` when the block ends well.

    Raises:
        InputError: `path` is there already and not an empty folder, or cannot be made.
    """
    target = Path(path).expanduser()
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f"cannot write {target}: it is there already; give a new folder's name")
    target = target.resolve()
    _require_folder(target)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():
            target.rmdir()
        temporary.rename(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}; give another path") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _require_folder(target: Path) -> None:
    folder = target.parent
    if folder.is_dir():
        return
    if folder.exists():
        raise InputError(f"cannot write {target}: {folder} is not a folder; give a path inside a folder")
    raise InputError(
        f"cannot write {target}: the folder {folder} does not exist; "
        f"create it (mkdir -p '{folder}') or give another path"
    )
