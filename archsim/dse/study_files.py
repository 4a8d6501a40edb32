"""Studies by library name or path: YAML that holds a study, or a problem of tables of its own."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from archsim.accelerators.yaml_input import read_yaml, validate
from archsim.dse.selection.problem import Problem
from archsim.dse.selection.table_problem import read_problem
from archsim.dse.study import Study
from archsim.errors import InputError
from archsim.library_paths import library_folder
from archsim.workloads.library import SUFFIXES as WORKLOAD_SUFFIXES
from archsim.workloads.library import list_workloads

SUFFIXES = (".yaml", ".yml", ".json")


def list_studies() -> list[str]:
    return sorted(path.stem for path in library_folder("dse").glob("*.yaml"))


def study_path(name_or_path: str | Path) -> Path:
    """The file meant by a library name or a path. Raises InputError when there is none."""
    text = str(name_or_path)
    if text.endswith(SUFFIXES) or "/" in text:
        return Path(name_or_path)
    path = library_folder("dse") / f"{text}.yaml"
    if path.is_file():
        return path
    names = list_studies()
    if text in list_workloads() or text.lower().endswith(WORKLOAD_SUFFIXES):
        raise InputError(
            f"{text!r} is a workload, no study; say which accelerator runs it (--on ACCELERATOR)"
        )
    close = difflib.get_close_matches(text, names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"study {text!r} is not in the library{hint}\n"
        f"library: {', '.join(names)}; or give the path of a YAML file (ending in .yaml)"
    )


def read_study_file(study: str | Path) -> dict[str, Any] | Problem:
    """A study's content, not yet validated; a Problem where the file holds tables. Raises InputError."""
    path = study_path(study)
    data, _ = read_yaml(path)
    return read_problem(path) if isinstance(data.get("layers"), list) else {"name": path.stem, **data}


def load_study(study: str | Path | dict[str, Any]) -> Study | Problem:
    """A study from the library, a file or a dict; a Problem where the file holds tables of its own.

    Raises InputError that names file, line, key and what is allowed.
    """
    if isinstance(study, dict):
        return validate(Study, study, where=str(study.get("name", "study")))
    path = study_path(study)
    data, node = read_yaml(path)
    if isinstance(data.get("layers"), list):
        return read_problem(path)
    return validate(Study, {"name": path.stem, **data}, where=str(path), node=node)
