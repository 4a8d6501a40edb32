"""Trace files as text: read whole, written whole."""

from __future__ import annotations

from pathlib import Path

from archsim.atomic import whole_file
from archsim.errors import InputError


def read_text(path: Path) -> str:
    """A UTF-8 text file, with or without a byte-order mark. Raises InputError when it cannot be read."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give the path of a CSV file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8 CSV") from None


def write_text(path: Path, text: str) -> None:
    """Write `text` beside `path` and rename, so that no reader ever sees half a file."""
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
