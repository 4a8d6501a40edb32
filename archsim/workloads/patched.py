"""A network whose first layers run in patches, as a workload: a layer of its own for every patch.

So whatever runs, prices or searches a workload does the same with patches. A patch's layer computes what the
patch needs (halo included), reads the part of its inputs that this takes, and its padding is what lies beyond
the image. The patches of the stage's output together are what the next layers read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product

from archsim.errors import InputError
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.patch_names import patch_name
from archsim.workloads.patches import Extents, Grid, Stage, check_grid, reads, stages
from archsim.workloads.workload import Workload

Needed = tuple[Mapping[str, Extents], Mapping[str, Extents]]
"""Rows and columns of every tensor that each patch needs."""


@dataclass(frozen=True)
class Patching:
    """The last layer that runs in patches, and how many patches there are down and across."""

    stage: str
    grid: Grid


def patched(workload: Workload, patching: Patching) -> Workload:
    """The workload with its first layers in patches, one patch after the other, row by row.

    Raises InputError for a layer where no patch stage can end, or a grid finer than its output.
    """
    stage = _stage(workload, patching.stage)
    grid, (output,) = patching.grid, stage.outputs
    check_grid(stage, grid)
    needed = stage.needed(0, grid[0]), stage.needed(1, grid[1])
    every = list(product(range(grid[0]), range(grid[1])))
    inside = [_of_patch(layer, needed, *patch) for patch in every for layer in stage.layers]
    pieces = tuple(_made(output, needed, *patch) for patch in every)

    def joined(tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(p for t in tensors for p in (pieces if t.name == output.name else (t,)))

    rest = [replace(layer, inputs=joined(layer.inputs)) for layer in workload.layers[len(stage.layers) :]]
    inputs = tuple(_made(t, needed, *patch) for patch in every for t in workload.inputs)
    return Workload(workload.name, (*inside, *rest), inputs, joined(workload.outputs), workload.warnings)


def _stage(workload: Workload, name: str) -> Stage:
    found = {stage.layers[-1].name: stage for stage in stages(workload)}
    if name not in found:
        allowed = ", ".join(found) or "none: its first layer is no convolution of an image"
        raise InputError(
            f"workload {workload.name!r}: no patch stage ends at {name!r}; it may end at {allowed}"
        )
    return found[name]


def _made(tensor: Tensor, needed: Needed, row: int, column: int) -> Tensor:
    """The patch of a tensor that is kept."""
    return _patch(tensor, needed[0][tensor.name], needed[1][tensor.name], row, column)


def _patch(tensor: Tensor, rows: Extents, columns: Extents, row: int, column: int) -> Tensor:
    size = int(rows.lengths[row]), int(columns.lengths[column])
    return Tensor(patch_name(tensor.name, row, column), (*tensor.shape[:2], *size))


def _of_patch(layer: Layer, needed: Needed, row: int, column: int) -> Layer:
    (whole,) = layer.outputs
    made = tuple(sides[whole.name] for sides in needed)
    output = _made(whole, needed, row, column)
    inputs = []
    for tensor in layer.inputs:
        rows, columns = (reads(layer, side, made[side], tensor.shape[2 + side]) for side in (0, 1))
        inputs.append(_patch(tensor, rows, columns, row, column))
    ops = {name: count * output.elements // whole.elements for name, count in layer.ops.items()}
    cut = replace(
        layer,
        name=patch_name(layer.name, row, column),
        inputs=tuple(inputs),
        outputs=(output,),
        ops=ops,
    )
    return cut if layer.contraction is None else _windowed(cut, layer, made, (row, column))


def _windowed(cut: Layer, layer: Layer, made: tuple[Extents, ...], patch: Grid) -> Layer:
    """With the loops of the patch; what its window has beyond the image is padding."""
    c = layer.contraction
    assert c is not None
    before, after, size = [], [], []
    for side, at in enumerate(patch):
        first, last = int(made[side].first[at]), int(made[side].last[at])
        read = reads(layer, side, made[side], layer.inputs[0].shape[2 + side])
        start = first * c.stride[side] - c.padding[side]
        end = (last - 1) * c.stride[side] - c.padding[side] + ((c.R, c.S)[side] - 1) * c.dilation[side] + 1
        before.append(int(read.first[at]) - start)
        after.append(max(0, end - int(read.last[at])))
        size.append(int(read.last[at] - read.first[at]))
    p, q = cut.outputs[0].shape[2:]
    loops = replace(c, P=p, Q=q, padding=(*before, *after), input_size=(size[0], size[1]))
    return replace(cut, contraction=loops)
