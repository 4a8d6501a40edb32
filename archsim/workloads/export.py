"""Workloads written in the formats of archsim and of other simulators, all by one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from archsim.errors import InputError
from archsim.workloads.exportable import exportable, operations_unsaid, precisions_unsaid
from archsim.workloads.scalesim_topology import Topology, write_scalesim
from archsim.workloads.timeloop_export import write_timeloop
from archsim.workloads.trace import write_trace
from archsim.workloads.workload import Workload
from archsim.workloads.zigzag_export import write_zigzag


def _write_trace(workload: Workload, path: Path) -> tuple[str, ...]:
    write_trace(workload, path)
    return ()


def _write_topology(workload: Workload, path: Path, topology: Topology) -> tuple[str, ...]:
    """With warnings, too, for what no topology holds of the layers in it."""
    layers, _ = exportable(workload)
    unsaid = [*operations_unsaid(layers), *precisions_unsaid(layers, "its arrays compute in elements")]
    return (*write_scalesim(workload, path, topology), *unsaid)


_WRITERS: Mapping[str, Callable[[Workload, Path], tuple[str, ...]]] = {
    "trace": _write_trace,
    "scalesim": lambda workload, path: _write_topology(workload, path, "conv"),
    "scalesim-gemm": lambda workload, path: _write_topology(workload, path, "gemm"),
    "timeloop": write_timeloop,
    "zigzag": write_zigzag,
}
FORMATS = tuple(_WRITERS)
_CSV, _YAML = (".csv",), (".yaml", ".yml")
ENDINGS: Mapping[str, tuple[str, ...]] = {
    "trace": _CSV,
    "scalesim": _CSV,
    "scalesim-gemm": _CSV,
    "timeloop": (*_YAML, ""),  # a folder has none
    "zigzag": _YAML,
}


def export_workload(workload: Workload, path: str | Path, format: str) -> tuple[str, ...]:
    """Write the workload as `trace`, `scalesim` (conv topology), `scalesim-gemm`, `timeloop` or `zigzag`.

    Returns a warning for all that the format cannot express. `timeloop` writes a folder of one problem a
    layer, or one file if the path ends in .yaml. Raises InputError for an unknown format, a name that ends in
    what its files don't, a workload of which it can hold nothing, or a path that cannot be written.
    """
    if format not in _WRITERS:
        raise InputError(f"format {format!r} is not known; allowed: {', '.join(FORMATS)}")
    check_ending(path, format)
    return _WRITERS[format](workload, Path(path))


def check_ending(path: str | Path, format: str) -> None:
    """Raise InputError for a name that ends as no file of the format does."""
    endings = ENDINGS[format]
    if Path(path).suffix.lower() not in endings:
        named = " or ".join(ending for ending in endings if ending)
        folder = ", or the name of a new folder, without an ending" if "" in endings else ""
        raise InputError(f"{path}: {format} is written to a name that ends in {named}{folder}")
