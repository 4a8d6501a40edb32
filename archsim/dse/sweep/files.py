"""Sweeps by library name or path."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from archsim.accelerators.yaml_input import read_yaml, validate
from archsim.dse.study_files import SUFFIXES
from archsim.dse.sweep.sweep import Sweep
from archsim.errors import InputError
from archsim.library_paths import library_folder


def list_sweeps() -> list[str]:
    return sorted(path.stem for path in (library_folder("dse") / "sweeps").glob("*.yaml"))


def sweep_path(name_or_path: str | Path) -> Path:
    """The file meant by a library name or a path. Raises InputError when there is none."""
    text = str(name_or_path)
    if text.endswith(SUFFIXES) or "/" in text:
        return Path(name_or_path)
    path = library_folder("dse") / "sweeps" / f"{text}.yaml"
    if path.is_file():
        return path
    names = list_sweeps()
    close = difflib.get_close_matches(text, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"sweep {text!r} is not in the library{hint}\n"
        f"library: {', '.join(names)}; or give the path of a YAML file (ending in .yaml)"
    )


def load_sweep(sweep: str | Path | dict[str, Any], **changes: Any) -> Sweep:
    """A sweep from the library, a file or a dict, some keys replaced.

    Raises InputError that names file, line, key and what is allowed.
    """
    if isinstance(sweep, dict):
        return validate(Sweep, {**sweep, **changes}, where=str(sweep.get("name", "sweep")))
    path = sweep_path(sweep)
    data, node = read_yaml(path)
    return validate(Sweep, {"name": path.stem, **data, **changes}, where=str(path), node=node)
