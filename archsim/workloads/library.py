"""Find a workload by its library name or by a file's path."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path

from archsim.errors import InputError
from archsim.library_paths import library_folder
from archsim.workloads.models import MODELS, build_model
from archsim.workloads.peer_formats import read_peer_workload
from archsim.workloads.scalesim_topology import detect_topology, read_scalesim
from archsim.workloads.trace import is_trace, read_trace
from archsim.workloads.workload import Workload

SUFFIXES = (".csv", ".onnx", ".yaml", ".yml")


def list_workloads() -> tuple[str, ...]:
    """The names in the library, in alphabetical order."""
    return tuple(sorted(_library_files()))


def load_workload(
    name_or_path: str | Path, *, dims: Mapping[str, int] | None = None, strict: bool = False
) -> Workload:
    """A library workload by name (`resnet18`), or a file: an ONNX model, a layer trace, a SCALE-Sim topology,
    a ZigZag workload or a Timeloop problem (several: a list of them in a file, or a folder).

    `dims` sets sizes: inputs of an ONNX model by name, `batch` and, where the model has one, `seq_len` of a
    library workload. `strict` refuses ONNX operators that archsim does not know.
    Raises InputError for an unknown name, a file that cannot be read, or dims that do not apply.
    """
    dims = dims or {}
    if isinstance(name_or_path, Path) or _is_path(name_or_path):
        return _load_file(Path(name_or_path), dims, strict)
    files = _library_files()
    if name_or_path not in files:
        raise InputError(_unknown(name_or_path, files))
    if dims and name_or_path in MODELS:
        return build_model(name_or_path, dims)
    return _load_file(files[name_or_path], dims, strict)


def model_file(name_or_path: str | Path) -> Path:
    """The ONNX file meant by a library name or a path: a model with its weights.

    Raises InputError for an unknown name, and for a workload that is a layer trace.
    """
    files = _library_files()
    if isinstance(name_or_path, Path) or _is_path(name_or_path):
        path = Path(name_or_path).expanduser()
    elif name_or_path in files:
        path = files[name_or_path]
    else:
        raise InputError(_unknown(name_or_path, files))
    if path.suffix.lower() != ".onnx":
        trained = ", ".join(sorted(name for name, file in files.items() if file.suffix == ".onnx"))
        raise InputError(
            f"{name_or_path}: a layer trace has no weights to compute with; give an .onnx file, or a trained "
            f"model of the library: {trained}"
        )
    return path


def _library_files() -> dict[str, Path]:
    return {path.stem: path for path in library_folder("workloads").iterdir() if path.suffix in SUFFIXES}


def _is_path(text: str) -> bool:
    return os.sep in text or "/" in text or text.lower().endswith(SUFFIXES)


def _load_file(path: Path, dims: Mapping[str, int], strict: bool) -> Workload:
    if not path.exists():
        raise InputError(f"{path}: there is no such file; give a library name or a .csv, .onnx or .yaml file")
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        # loading onnx takes longer than reading a trace
        from archsim.workloads.onnx_import import load_onnx

        return load_onnx(path, dims=dims, strict=strict)
    is_peers = path.is_dir() or suffix in (".yaml", ".yml")
    if suffix != ".csv" and not is_peers:
        raise InputError(f"{path}: this type of file is not read; allowed: {', '.join(SUFFIXES)}")
    if dims:
        raise InputError(f"{path}: the file's sizes are fixed, so dim {next(iter(dims))!r} does not apply")
    if is_peers:
        return read_peer_workload(path)
    if is_trace(path):
        return read_trace(path)
    try:
        topology = detect_topology(path)
    except InputError as error:
        raise InputError(
            f"{error}. Nor is it an archsim layer trace, whose header has the columns name and operator"
        ) from None
    return read_scalesim(path, topology)


def _unknown(name: str, files: Mapping[str, Path]) -> str:
    close = get_close_matches(name.lower().replace("_", "-"), files, cutoff=0.5)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    return (
        f"no workload is named {name!r}.{hint} The library has: {', '.join(sorted(files))}. "
        "A file is given by its path, ending in .csv, .onnx or .yaml"
    )
