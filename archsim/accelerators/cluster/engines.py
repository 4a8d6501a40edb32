"""Tensor engines beside the cores: cycles of one tile, for arrays of tiles.

`rbe`: bit-serial in weights and activations (Marsellus; pulp-platform/rbe RTL 13dd027, rbe_ctrl_fsm.sv and
rbe_package.sv; no published performance model, so the phases are read off its state machine). `ne16`:
bit-serial in weights, 8-bit activations (GAP9; DORY's Ne16PerfModel.py, be3d6dd). `neureka`: its successor
(Siracusa; defaults of gvsoc-pulp's neureka.py, c309b6c), whose loads hide behind the matrix product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.shape import Shape
from archsim.workloads.precision import Precision

Array = npt.NDArray[np.float64]
EngineKind = Literal["rbe", "ne16", "neureka"]


@dataclass(frozen=True)
class Engine:
    """What an engine is made of. `patch`: output pixels a side worked on at a time."""

    patch: int
    channels_in: int
    channels_out: int
    port_bits: int  # to L1, a cycle
    weight_bits: range
    activation_bits: tuple[int, ...]
    depthwise: bool

    def runs(self, shape: Shape, precision: Precision) -> bool:
        """Whether it can do a contraction at a precision: 3×3, 1×1 (matrix products too), 3×3 depthwise."""
        square = (shape.R, shape.S) in ((3, 3), (1, 1))
        steps = shape.stride in ((1, 1), (2, 2)) and shape.dilation == (1, 1)
        separable = not shape.depthwise or (self.depthwise and shape.R == 3)
        bits = precision.weight_bits in self.weight_bits and precision.activation_bits in self.activation_bits
        integer = precision.number_format == "int" and precision.output_bits in (*range(2, 9), 32)
        return square and steps and separable and bits and integer and shape.static_weights


ENGINES: dict[EngineKind, Engine] = {
    "rbe": Engine(3, 32, 32, 288, range(2, 9), tuple(range(2, 9)), depthwise=False),
    "ne16": Engine(3, 16, 32, 256, range(2, 9), (8,), depthwise=True),
    "neureka": Engine(6, 32, 32, 288, range(2, 9), (8,), depthwise=True),
}


@dataclass(frozen=True)
class Blocks:
    """Cycles of a tile's output channels, a patch: in every pass over a block of input channels, once, and to
    pass 32-bit partial sums once in or out.
    """

    a_pass: Array
    once: Array
    sums: Array


def engine_cycles(
    kind: EngineKind, shape: Shape, precision: Precision, p: Array, q: Array, k: Array, c: Array, sums: Array
) -> Array:
    """Of tiles of p×q pixels, k output and c input channels.

    `sums`: how often 32-bit partial sums are streamed in or out (where input channels are tiled).
    """
    blocks = blocks_of(kind, shape, precision, k)
    of_patch = passes(kind, shape, precision, c) * blocks.a_pass + blocks.once + sums * blocks.sums
    return patches(kind, shape, p, q) * of_patch + first_load(kind, shape)


def patches(kind: EngineKind, shape: Shape, p: Array, q: Array) -> Array:
    """Patches of a tile. At stride 2 the input buffer covers (side + 1) / 2 outputs a side."""
    side = ENGINES[kind].patch
    rows, columns = (side if s == 1 else (side + 1) // 2 for s in shape.stride)
    return np.ceil(p / rows) * np.ceil(q / columns)


def passes(kind: EngineKind, shape: Shape, precision: Precision, c: Array) -> Array:
    """Passes over blocks of input channels (RBE: and of 4 activation bits); one where depthwise."""
    if shape.depthwise:
        return np.ones_like(c)
    if kind == "neureka":
        return np.ceil(c / _neureka_width(shape))
    of_bits = np.ceil(precision.activation_bits / 4) if kind == "rbe" else 1
    return np.ceil(c / ENGINES[kind].channels_in) * of_bits


def blocks_of(kind: EngineKind, shape: Shape, precision: Precision, k: Array) -> Blocks:
    """Of tiles of k output channels."""
    return {"rbe": _rbe, "ne16": _ne16, "neureka": _neureka}[kind](shape, precision, k)


def first_load(kind: EngineKind, shape: Shape) -> float:
    """Cycles of a tile's first load where the others hide behind the matrix product."""
    return _neureka_load(shape) if kind == "neureka" else 0.0


def _stream_sums(engine: Engine) -> float:
    """Cycles to pass a patch's 32-bit sums once."""
    return 3 + engine.patch**2 * np.ceil(engine.channels_out * 32 / engine.port_bits)


RBE_LOAD, RBE_WEIGHTS, RBE_UPDATE, RBE_NORM, RBE_OUT = 6, 6, 3, 10, 6
"""Control cycles of the phases: not published, set so that no phase is free of a pipeline fill (assumed)."""


def _rbe(shape: Shape, precision: Precision, k: Array) -> Blocks:
    """Per patch and 32 outputs: all of (32 inputs × 4 activation bits) loaded and multiplied in turn.

    3×3: a load is 5 rows × 4 bit planes in 288-bit beats, weights 32 a bit; 1×1: weight bits in parallel.
    """
    engine, taps = ENGINES["rbe"], shape.taps
    load = (20 if taps == 9 else 12) + RBE_LOAD
    weights = (32 * precision.weight_bits + 2 if taps == 9 else 34) + RBE_WEIGHTS
    out = 12 * np.ceil(min(precision.output_bits, 8) / 4) + RBE_OUT
    blocks = np.ceil(k / engine.channels_out)
    return Blocks(
        blocks * (load + weights + RBE_UPDATE), blocks * (8 + RBE_NORM + out), blocks * _stream_sums(engine)
    )


NE16_FIFO = 6


def _ne16(shape: Shape, precision: Precision, k: Array) -> Blocks:
    """Blocks of 32 outputs, and one of what is left over."""
    engine, w, one = ENGINES["ne16"], precision.weight_bits, shape.taps == 1
    load = 10 + 9 if one else NE16_FIFO + 25 * np.ceil(16 * 8 / engine.port_bits)
    out = 3 + 9 * np.ceil(engine.channels_out * 8 / engine.port_bits) + 1

    def a_pass(outputs: Array) -> Array:
        offsets = NE16_FIFO + outputs if shape.depthwise else NE16_FIFO
        return load + offsets + NE16_FIFO + outputs * (1 if one else w) + 2

    def once(outputs: Array) -> Array:
        return 9 + outputs + 8 + np.ceil(outputs / 8) + out  # 32-bit factors, four multipliers; biases

    width = engine.channels_in if shape.depthwise else engine.channels_out
    return _in_blocks(k, width, a_pass, once, _stream_sums(engine))


def _neureka(shape: Shape, precision: Precision, k: Array) -> Blocks:
    """As NE16 with 6×6 patches; the next patch is loaded during the matrix product. Not validated."""
    engine, w, one = ENGINES["neureka"], precision.weight_bits, shape.taps == 1
    load = _neureka_load(shape)
    setup = 34 if shape.depthwise else 6

    def a_pass(outputs: Array) -> Array:
        return np.maximum(load, 10 + outputs if one else setup + outputs * w + 8)

    def once(outputs: Array) -> Array:
        return 9 + outputs + 8 + np.ceil(outputs / 8) + 7 + 3 + engine.patch**2 + 1

    width = _neureka_width(shape) if shape.depthwise else engine.channels_out
    return _in_blocks(k, width, a_pass, once, _stream_sums(engine))


def _neureka_width(shape: Shape) -> int:
    return 32 if shape.taps == 1 else 28


def _neureka_load(shape: Shape) -> int:
    return 6 + 36 + 6 if shape.taps == 1 else 6 + 64


def _in_blocks(
    k: Array, width: int, a_pass: Callable[[Array], Array], once: Callable[[Array], Array], sums: float
) -> Blocks:
    """Whole blocks of `width` outputs and a last one of what is left, if anything is."""
    whole, left = np.divmod(k, width)
    full, some = np.full_like(k, width), left > 0
    return Blocks(
        whole * a_pass(full) + some * a_pass(left),
        whole * once(full) + some * once(left),
        np.ceil(k / width) * sums,
    )


def engine_weight_bits(kind: EngineKind, shape: Shape, precision: Precision, k: Array, c: Array) -> Array:
    """Bits of a tile's weights as the engine wants them: input channels padded to a whole block."""
    width = ENGINES[kind].channels_in
    inputs = np.ceil(k / width) * width if shape.depthwise else k * np.ceil(c / width) * width
    return inputs * shape.taps * precision.weight_bits
