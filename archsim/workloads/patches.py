"""Patch-by-patch inference: the first layers run on one patch of the image after the other.

Lin et al., MCUNetV2 (NeurIPS 2021). A patch of the stage's output needs a larger patch of every tensor before
it: r_in = (r_out − 1) · stride + kernel. So memory falls to a patch of each tensor and the stage's whole
output, and what neighbours share is computed twice. Patches may have bit-widths of their own (Tao et al.,
QuantMCU, DATE 2024, which gives 8 bits to patches with outliers and fewer to the others).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from archsim.errors import InputError
from archsim.workloads.activation_memory import Alive, MemoryPolicy, alive_sets, bytes_alive
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
Grid = tuple[int, int]
POINTWISE_KINDS = ("elementwise", "activation", "normalization")


@dataclass(frozen=True)
class Extents:
    """Rows (or columns) of a tensor that each patch needs: [first, last), within the tensor."""

    first: Int
    last: Int

    @property
    def lengths(self) -> Int:
        return self.last - self.first

    def union(self, other: Extents) -> Extents:
        return Extents(np.minimum(self.first, other.first), np.maximum(self.last, other.last))


@dataclass(frozen=True)
class PatchPlan:
    """A stage of the first layers run in `grid` patches, the others layer by layer."""

    stage: tuple[str, ...]
    grid: Grid
    stage_bytes: int  # a patch of every tensor alive, and the whole output of the stage
    rest_bytes: int
    macs: int  # of the network, what is done twice included
    base_macs: int
    bit_operations: int  # MACs × weight bits × activation bits
    input_patch: Grid  # largest

    @property
    def peak_bytes(self) -> int:
        return max(self.stage_bytes, self.rest_bytes)

    @property
    def overhead(self) -> float:
        """MACs done twice, as a share of the network's."""
        return self.macs / self.base_macs - 1


@dataclass(frozen=True)
class Stage:
    """The first layers of a network, and what leaves them."""

    workload: Workload
    layers: tuple[Layer, ...]

    @cached_property
    def outputs(self) -> tuple[Tensor, ...]:
        """Tensors that later layers (or the world) read."""
        rest = self.workload.layers[len(self.layers) :]
        wanted = {t.name for layer in rest for t in layer.inputs} | {t.name for t in self.workload.outputs}
        return tuple(t for layer in self.layers for t in layer.outputs if t.name in wanted)

    def allows(self, grid: Grid) -> bool:
        """Whether its output has a pixel for every patch."""
        (output,) = self.outputs
        return all(1 <= n <= size for n, size in zip(grid, output.shape[2:], strict=True))

    def alternatives(self, policy: MemoryPolicy) -> list[Alive]:
        """What of a patch is alive at any of the layers, and the stage's output."""
        if policy not in self._alternatives:
            self._alternatives[policy] = self._alive(policy)
        return self._alternatives[policy]

    @cached_property
    def _alternatives(self) -> dict[MemoryPolicy, list[Alive]]:
        return {}

    def _alive(self, policy: MemoryPolicy) -> list[Alive]:
        given = frozenset(t.name for t in self.workload.inputs)
        made = dict.fromkeys((t.name for t in self.outputs), len(self.layers))
        sets = alive_sets(self.layers, policy, frozenset(), given, made)
        return [alive for of_layer in sets for alive in of_layer]

    def rest_bytes(self, policy: MemoryPolicy) -> float:
        """Most that is alive at any of the layers after the stage."""
        if policy not in self._rest:
            workload = self.workload
            kept = frozenset(t.name for t in workload.outputs)
            given = frozenset(t.name for t in self.outputs)
            counted = MemoryPolicy(policy.in_place, policy.residuals, network_input=True)
            size = workload.tensor_bytes.__getitem__
            rest = workload.layers[len(self.layers) :]
            self._rest[policy] = max(bytes_alive(rest, counted, size, kept, given), default=0.0)
        return self._rest[policy]

    @cached_property
    def _rest(self) -> dict[MemoryPolicy, float]:
        return {}

    def needed(self, side: int, patches: int) -> dict[str, Extents]:
        """Of every tensor in the stage, the rows (side 0) or columns (1) that each patch needs."""
        if (side, patches) not in self._needed:
            self._needed[side, patches] = self._walk_back(side, patches)
        return self._needed[side, patches]

    @cached_property
    def _needed(self) -> dict[Grid, dict[str, Extents]]:
        return {}

    def _walk_back(self, side: int, patches: int) -> dict[str, Extents]:
        found: dict[str, Extents] = {}
        for tensor in self.outputs:
            cuts = np.linspace(0, tensor.shape[2 + side], patches + 1).round().astype(np.int64)
            found[tensor.name] = Extents(cuts[:-1], cuts[1:])
        for layer in reversed(self.layers):
            made = found.get(layer.outputs[0].name)
            if made is None:
                continue
            for tensor in layer.inputs:
                read = reads(layer, side, made, tensor.shape[2 + side])
                found[tensor.name] = found[tensor.name].union(read) if tensor.name in found else read
        return found


def stages(workload: Workload) -> list[Stage]:
    """Every beginning of the network that patches can run: convolutions and layers that work pixel by pixel,
    with one output tensor, all images.
    """
    found: list[Stage] = []
    for count, layer in enumerate(workload.layers, start=1):
        if not _patchable(layer):
            break
        stage = Stage(workload, workload.layers[:count])
        if len(stage.outputs) == 1 and stage.outputs[0].name == layer.outputs[0].name:
            found.append(stage)
    return found


def patch_plan(
    stage: Stage, grid: Grid, policy: MemoryPolicy, bits: Sequence[Sequence[int]] | None = None
) -> PatchPlan:
    """Memory and work of a stage in patches. `bits` are the patches' activation bits, row by row; default:
    the layers' own. Raises InputError for a grid finer than the stage's output, or bits that do not match it.
    """
    workload = stage.workload
    check_grid(stage, grid)
    _check_bits(grid, bits)
    rows, columns = stage.needed(0, grid[0]), stage.needed(1, grid[1])
    area = {name: np.outer(rows[name].lengths, columns[name].lengths) for name in rows}
    alive, made = patch_bytes(stage, grid, policy, bits)
    macs = sum(_macs(layer, area) for layer in stage.layers)
    rest = workload.layers[len(stage.layers) :]
    bit_operations = sum(_bit_operations(layer, area, bits) for layer in stage.layers)
    bit_operations += sum(x.macs * x.precision.weight_bits * x.precision.activation_bits for x in rest)
    first = workload.inputs[0].name
    return PatchPlan(
        stage=tuple(layer.name for layer in stage.layers),
        grid=grid,
        stage_bytes=round(float(alive.max() + made.sum())),
        rest_bytes=round(stage.rest_bytes(policy)),
        macs=int(macs) + sum(layer.macs for layer in rest),
        base_macs=workload.macs,
        bit_operations=int(bit_operations),
        input_patch=(int(rows[first].lengths.max()), int(columns[first].lengths.max())),
    )


def patch_bytes(
    stage: Stage, grid: Grid, policy: MemoryPolicy, bits: Sequence[Sequence[int]] | None = None
) -> tuple[Float, Float]:
    """(most bytes alive while a patch runs, the stage's output left out; bytes of its output), by patch."""
    workload, (output,) = stage.workload, stage.outputs
    rows, columns = stage.needed(0, grid[0]), stage.needed(1, grid[1])
    width = _widths(workload, bits, grid)
    channels = {t.name: t.shape[0] * t.shape[1] for t in _tensors(stage.layers)}
    patch = {
        name: channels[name] * np.outer(rows[name].lengths, columns[name].lengths) * width(name) / 8
        for name in rows
    }
    sizes = patch | {output.name: np.zeros(grid)}
    alive = np.zeros(grid)
    for alternative in stage.alternatives(policy):
        alive = np.maximum(alive, sum(share * sizes[name] for name, share in alternative.items()))
    return alive, patch[output.name]


def reads(layer: Layer, side: int, made: Extents, limit: int) -> Extents:
    """Rows (side 0) or columns (1) of an input, of which there are `limit`, that make those of the output."""
    c = layer.contraction
    if c is None:
        return Extents(np.minimum(made.first, limit - 1), np.minimum(made.last, limit))
    kernel = (c.R, c.S)[side]
    first = made.first * c.stride[side] - c.padding[side]
    last = (made.last - 1) * c.stride[side] - c.padding[side] + (kernel - 1) * c.dilation[side] + 1
    return Extents(np.clip(first, 0, limit - 1), np.clip(last, 1, limit))


def _patchable(layer: Layer) -> bool:
    images = all(len(t.shape) == 4 for t in (*layer.inputs, *layer.outputs))
    if not images or len(layer.outputs) != 1:
        return False
    if layer.contraction is not None:
        return layer.operator == "conv" and layer.has_static_weights
    same = all(t.shape[2:] == layer.outputs[0].shape[2:] for t in layer.inputs)
    return (
        same and layer.kind in POINTWISE_KINDS and layer.operator not in ("layer_norm", "group_norm", "lrn")
    )


def check_grid(stage: Stage, grid: Grid) -> None:
    """Raises InputError for more patches than the stage's output has pixels."""
    (output,) = stage.outputs
    if not stage.allows(grid):
        raise InputError(
            f"a grid of {grid[0]}×{grid[1]} patches does not fit the stage's output of "
            f"{output.shape[2]}×{output.shape[3]} pixels; give at least 1 and at most that many"
        )


def _check_bits(grid: Grid, bits: Sequence[Sequence[int]] | None) -> None:
    if bits is not None and (len(bits) != grid[0] or any(len(row) != grid[1] for row in bits)):
        raise InputError(f"the bits of patches must be {grid[0]} rows of {grid[1]} widths, as the grid is")


def _tensors(layers: Sequence[Layer]) -> list[Tensor]:
    return [t for layer in layers for t in (*layer.inputs, *layer.outputs)]


def _widths(workload: Workload, bits: Sequence[Sequence[int]] | None, grid: Grid) -> Callable[[str], Int]:
    """Bits of a tensor's elements, one value a patch."""
    made = {t.name: layer.precision.output_bits for layer in workload.layers for t in layer.outputs}
    read = {t.name: layer.precision.activation_bits for layer in workload.layers for t in layer.inputs}

    def width(name: str) -> Int:
        if bits is not None and name in made:  # the network's input keeps its width
            return np.array(bits, dtype=np.int64)
        return np.full(grid, made.get(name, read.get(name, 8)), dtype=np.int64)

    return width


def _macs(layer: Layer, area: Mapping[str, Int]) -> int:
    if layer.contraction is None:
        return 0
    c = layer.contraction
    pixels = area[layer.outputs[0].name].sum()
    return int(layer.macs // (c.P * c.Q) * pixels)


def _bit_operations(layer: Layer, area: Mapping[str, Int], bits: Sequence[Sequence[int]] | None) -> int:
    if layer.contraction is None:
        return 0
    c, p = layer.contraction, layer.precision
    width = p.activation_bits if bits is None else np.array(bits, dtype=np.int64)
    return int((area[layer.outputs[0].name] * width).sum() * p.weight_bits * (layer.macs // (c.P * c.Q)))
