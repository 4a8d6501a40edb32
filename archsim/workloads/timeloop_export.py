"""Contractions as Timeloop problems (YAML, version 0.4), one file a layer: Timeloop runs one at a time.

Every problem has the shape that Timeloop's example architectures know (dimensions C M R S N P Q, and G where
there are groups; data spaces Weights, Inputs, Outputs), with H for rows and W for columns. The input's size
and padding stand among the sizes, where Timeloop passes over them and `read_timeloop` finds them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from archsim.atomic import whole_folder
from archsim.errors import InputError
from archsim.workloads.exportable import (
    Loops,
    exportable,
    no_transposed,
    operations_unsaid,
    precisions_unsaid,
)
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.layer_names import Names
from archsim.workloads.timeloop_problem import PAD_KEYS, SIZE_KEYS
from archsim.workloads.trace_files import write_text
from archsim.workloads.workload import Workload

_DIMENSIONS = {"C": "C", "M": "K", "R": "R", "S": "S", "N": "B", "P": "P", "Q": "Q"}  # theirs: ours
_HEAD = "# {name}: a problem for Timeloop 4, written by archsim\n"
_LIST = "# {name}: a list of problems for archsim; Timeloop reads one problem a file (export to a folder)\n"


def write_timeloop(workload: Workload, path: str | Path) -> tuple[str, ...]:
    """Write a problem for every contraction; returns a warning for all that the format cannot express.

    A path that ends in .yaml gets one file: the problem, or a list of several, which Timeloop itself does not
    read. Any other path becomes a new folder with one file a layer. Raises InputError when no layer can be
    expressed or the path cannot be written.
    """
    path = Path(path)
    layers, warnings = exportable(workload, no_transposed)
    if not layers:
        raise InputError(f"workload {workload.name!r} has no layer that a Timeloop problem can hold")
    warnings += [*_unsaid(layers), *operations_unsaid(layers)]
    problems = [_problem(layer, loops) for layer, loops in layers]
    if path.suffix.lower() in (".yaml", ".yml"):
        alone = len(problems) == 1
        head = (_HEAD if alone else _LIST).format(name=_word(workload.name))
        write_text(path, head + _dump(problems[0] if alone else problems))
        return tuple(warnings)
    names, digits = Names(), len(str(len(layers) - 1))
    with whole_folder(path) as folder:
        for i, ((layer, _), problem) in enumerate(zip(layers, problems, strict=True)):
            name = names.unique(f"{i:0{digits}d}_{_word(layer.name)}")
            write_text(folder / f"{name}.yaml", _HEAD.format(name=_word(layer.name)) + _dump(problem))
    return tuple(warnings)


def _problem(layer: Layer, loops: Contraction) -> dict[str, Any]:
    dimensions = _DIMENSIONS | ({"G": "G"} if loops.G > 1 else {})
    instance: dict[str, Any] = {theirs: getattr(loops, ours) for theirs, ours in dimensions.items()}
    for side, letter in enumerate("HW"):
        instance |= {f"{letter}stride": loops.stride[side], f"{letter}dilation": loops.dilation[side]}
    instance |= dict(zip(SIZE_KEYS, loops.input_size, strict=True))
    top, left, bottom, right = loops.padding
    instance |= dict(zip(PAD_KEYS[:2], (top, left), strict=True))
    if (bottom, right) != (top, left):
        instance |= dict(zip(PAD_KEYS[2:], (bottom, right), strict=True))
    densities = {"Weights": layer.weight_density, "Inputs": layer.activation_density}
    sparse = {name: density for name, density in densities.items() if density != 1}
    if sparse:
        instance["densities"] = {
            name: {"distribution": "hypergeometric", "density": float(density)}
            for name, density in sparse.items()
        }
    return {"problem": {"version": 0.4, "shape": _shape(layer.name, list(dimensions)), "instance": instance}}


def _shape(name: str, dimensions: list[str]) -> dict[str, Any]:
    group = [[["G"]]] if "G" in dimensions else []
    windows = [[["R", "Hdilation"], ["P", "Hstride"]], [["S", "Wdilation"], ["Q", "Wstride"]]]
    spaces = {
        "Weights": [[["C"]], [["M"]], [["R"]], [["S"]]],
        "Inputs": [[["N"]], [["C"]], *windows],
        "Outputs": [[["N"]], [["M"]], [["Q"]], [["P"]]],
    }
    return {
        "name": _word(name),
        "dimensions": dimensions,
        "coefficients": [
            {"name": word, "default": 1} for word in ("Hstride", "Wstride", "Hdilation", "Wdilation")
        ],
        "data_spaces": [
            {"name": space, "projection": projection + group}
            | ({"read_write": True} if space == "Outputs" else {})
            for space, projection in spaces.items()
        ],
    }


def _unsaid(layers: list[Loops]) -> list[str]:
    """What a problem has no place for."""
    warnings = precisions_unsaid(layers, "Timeloop takes them from its architecture's datawidth")
    if len(layers) > 1:
        warnings.append("the graph was left out: Timeloop runs one layer at a time")
    pairs = [layer.name for layer, _ in layers if not layer.has_static_weights]
    if pairs:
        warnings.append(
            f"{len(pairs)} layers multiply two activations, the first {pairs[0]}; a problem does not tell "
            "them from weights"
        )
    return warnings


def _word(name: str) -> str:
    """A layer's name as a file's name and a plain YAML text."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:80] or "_"


def _dump(data: object) -> str:
    return yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=110)
