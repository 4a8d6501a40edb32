"""The images that come with the library's trained models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from archsim.errors import InputError
from archsim.library_paths import library_folder
from archsim.workloads.onnx_import.model_file import parse_model

_KEY = "archsim.data"  # of a model's metadata: which images it was trained for


def shipped_data(model: Path, kind: Literal["test", "calibration"]) -> Path:
    """The library's .npz file for an ONNX model that says which data it is for.

    Raises InputError for a model that does not, and where the library lacks the file.
    """
    properties = {entry.key: entry.value for entry in parse_model(model).metadata_props}
    if _KEY not in properties:
        raise InputError(f"{model}: the library has no {kind} data for this model; give a .npz file")
    path = library_folder("workloads") / "data" / f"{properties[_KEY]}-{kind}.npz"
    if not path.is_file():
        raise InputError(
            f"{model}: is for data {properties[_KEY]!r}, but {path} is missing; give a .npz file"
        )
    return path
