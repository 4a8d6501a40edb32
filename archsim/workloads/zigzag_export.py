"""A workload as ZigZag's workload YAML: contractions and additions, with their precisions and the graph.

Partial sums get twice the activations' bits, as ZigZag gives them to the layers of an ONNX model, and at
least those of the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from archsim.errors import InputError
from archsim.workloads.exportable import (
    densities_unsaid,
    no_transposed,
    operations_unsaid,
    others_left_out,
)
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.trace_files import write_text
from archsim.workloads.workload import Workload

Entry = dict[str, Any]
_CONV = "O[b]{g}[k][oy][ox]+=W{g}[k][c][fy][fx]*I[b]{g}[c][iy][ix]"
_LOOPS = {"B": "B", "G": "G", "K": "K", "C": "C", "OY": "P", "OX": "Q", "FY": "R", "FX": "S"}  # theirs: ours
_AXES: tuple[str, ...] = ("B", "G", "OY", "OX", "D4", "D5", "D6", "D7")  # of an addition
_GEMM_LOOPS = {"B": "B", "G": "G", "D": "P", "K": "K", "C": "C"}


def write_zigzag(workload: Workload, path: str | Path) -> tuple[str, ...]:
    """Write the workload; returns a warning for all that the format cannot express.

    Readers of a layer that is left out read what that layer read first. Raises InputError when no contraction
    can be expressed.
    """
    ids: dict[str, int] = {}  # of the layer that a tensor comes from
    entries: list[Entry] = []
    kept, others, constant, warnings = [], [], [], []
    for layer in workload.layers:
        loops = layer.contraction
        obstacle = no_transposed(loops) if loops else None
        if obstacle:
            warnings.append(f"layer {layer.name} was left out: {obstacle}")
        if (loops and not obstacle) or _is_addition(layer):
            entries.append(_entry(layer, len(entries), ids))
            kept += [(layer, loops)] if loops else []
            constant += [layer.name] if _takes_constant(layer, ids) else []
            ids |= {tensor.name: len(entries) - 1 for tensor in layer.outputs}
            continue
        others += [] if loops else [layer]
        before = ids.get(layer.inputs[0].name) if layer.inputs else None
        ids |= {} if before is None else {tensor.name: before for tensor in layer.outputs}
    if not kept:
        raise InputError(f"workload {workload.name!r} has no layer that a ZigZag workload can hold")
    floats = {layer.precision.number_format for layer, _ in kept} - {"int"}
    if floats:
        warnings.append(f"number formats ({', '.join(sorted(floats))}) were left out; their widths are kept")
    if constant:
        warnings.append(
            f"{len(constant)} layers, the first {constant[0]}, have a second input that no layer makes; "
            "ZigZag takes it for weights"
        )
    warnings += [*others_left_out(others), *operations_unsaid(kept), *densities_unsaid(kept)]
    head = "# a workload for ZigZag, by archsim; operand_source: a layer's own id is a constant or input\n"
    write_text(
        Path(path), head + yaml.safe_dump(entries, sort_keys=False, default_flow_style=None, width=110)
    )
    return tuple(warnings)


def _is_addition(layer: Layer) -> bool:
    """Whether the layer adds two activations of one shape."""
    shapes = {tensor.shape for tensor in (*layer.inputs, *layer.outputs)}
    return (
        layer.operator == "add"
        and len(layer.inputs) == 2
        and len(shapes) == 1
        and not layer.weights
        and len(layer.outputs[0].shape) <= len(_AXES)
    )


def _takes_constant(layer: Layer, ids: Mapping[str, int]) -> bool:
    """Whether an operand that is no weight would be taken for one, as no layer makes it."""
    second = layer.inputs[1:2]
    return not layer.has_static_weights and bool(second) and second[0].name not in ids


def _entry(layer: Layer, number: int, ids: Mapping[str, int]) -> Entry:
    sources = {"I": ids.get(layer.inputs[0].name, number) if layer.inputs else number, "W": number}
    if not layer.has_static_weights and len(layer.inputs) > 1:
        sources["W"] = ids.get(layer.inputs[1].name, number)
    precision = layer.precision
    loops = layer.contraction
    return {
        "id": number,
        "name": layer.name,
        **(_addition(layer) if loops is None else _gemm(loops) if _is_gemm(layer, loops) else _conv(loops)),
        "operand_precision": {
            "W": precision.activation_bits if loops is None else precision.weight_bits,
            "I": precision.activation_bits,
            "O": max(2 * precision.activation_bits, precision.output_bits),
            "O_final": precision.output_bits,
        },
        "operand_source": sources,
    }


def _addition(layer: Layer) -> Entry:
    shape = layer.outputs[0].shape
    sizes: dict[str, int] = dict(zip(_AXES, shape or (1,), strict=False))
    index = "".join(f"[{name.lower()}]" for name in sizes)
    return {"operator_type": "Add", "equation": f"O{index}=W{index}+I{index}", **_loop_lists(sizes)}


def _is_gemm(layer: Layer, loops: Contraction) -> bool:
    plain = Contraction(B=loops.B, G=loops.G, K=loops.K, C=loops.C, P=loops.P)
    return layer.operator in ("gemm", "matmul") and loops == plain


def _gemm(loops: Contraction) -> Entry:
    used = {
        theirs: getattr(loops, ours)
        for theirs, ours in _GEMM_LOOPS.items()
        if theirs not in "BG" or getattr(loops, ours) > 1
    }
    b, g = ("[b]" if "B" in used else ""), ("[g]" if "G" in used else "")
    equation = f"O{g}{b}[d][k]+=I{g}{b}[d][c]*W{g}[c][k]"
    return {"operator_type": "Gemm", "equation": equation, "dimension_relations": [], **_loop_lists(used)}


def _conv(loops: Contraction) -> Entry:
    grouped = loops.G > 1
    sizes = {theirs: getattr(loops, ours) for theirs, ours in _LOOPS.items() if theirs != "G" or grouped}
    top, left, bottom, right = loops.padding
    rows, columns = loops.input_size
    return {
        "operator_type": "Conv",
        "equation": _CONV.format(g="[g]" if grouped else ""),
        "dimension_relations": [
            f"ix={loops.stride[1]}*ox+{loops.dilation[1]}*fx",
            f"iy={loops.stride[0]}*oy+{loops.dilation[0]}*fy",
        ],
        **_loop_lists(sizes),
        "pr_loop_dims": ["IX", "IY"],
        "pr_loop_sizes": [columns, rows],
        "padding": [[left, right], [top, bottom]],
    }


def _loop_lists(sizes: Mapping[str, int]) -> Entry:
    return {"loop_dims": list(sizes), "loop_sizes": list(sizes.values())}
