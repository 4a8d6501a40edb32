"""NumPy's files of arrays, read without ever unpickling; errors say what the file is instead."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from archsim.errors import InputError

_NPY, _ZIP = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06")  # how a .npy begins, and the ZIP that a .npz is


def read_numpy(path: Path) -> dict[str, NDArray[np.generic]]:
    """Arrays by name from a .npz file; the one of a .npy file has the empty name.

    Raises InputError for a file that cannot be read, is something else, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(_NPY))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if start != _NPY and not start.startswith(_ZIP):
        raise InputError(f"{path}: is no file of NumPy arrays, whatever its name; numpy.savez writes one")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"": loaded}
        with loaded:
            arrays = {name: loaded[name] for name in loaded.files}
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise InputError(f"{path}: is damaged: {_first_line(error)}") from None
        raise InputError(
            f"{path}: holds Python objects, which are not read; store arrays of numbers or texts"
        ) from None
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is damaged or cut short: {_first_line(error)}") from None
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise InputError(f"{path}: {name!r} in it is no array; numpy.savez writes arrays")
    return arrays


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
