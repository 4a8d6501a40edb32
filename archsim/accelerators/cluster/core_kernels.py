"""Cycles of the cores' kernels on one tile, for arrays of tiles.

With the block overheads that DORY fitted to measured runs of PULP-NN on 8 cores (Common/Tiler/
tiler_conv1d_to_up.py, commit be3d6dd; Burrello et al., DORY, IEEE TC 2021) a 16×16×32 to 64 channel 3×3
layer takes 15.4 MAC/cycle, PULP-NN reports 15.5. They count instructions on cores that finish one a cycle.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.isa import InnerLoop
from archsim.accelerators.cluster.kernel_libraries import KernelLibrary
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.tcdm import slowdown
from archsim.workloads.layer import Layer

Array = npt.NDArray[np.float64]
SPLITS = ("rows", "pixels", "channels")
"""How a tile is divided among the cores."""

TILE, TILE_IN_PLACE = 100, 62  # start and end of a kernel; in place: without an im2col buffer
PAIR, PAIR_IN_PLACE, SINGLE = 27 + 127, 27 + 135, 20 + 94  # of two pixels, of the one left over
LEFT_OVER = {(4, 2): 18, (4, 1): 12, (1, 2): 8, (1, 1): 5}  # a product that fills no SIMD word
SUM_INSTRUCTIONS = 2  # a partial sum loaded and added, or stored

# Instructions an element, without loads and stores. exp: range reduction and a second-degree polynomial in
# integers (Kim et al., I-BERT, 2021). div: RI5CY's serial divider, 3 to 35 cycles. sqrt: Newton, four steps
# of a division (I-BERT, algorithm 4).
OPERATIONS = {"add": 1.0, "mul": 1.0, "max": 1.0, "exp": 14.0, "div": 20.0, "sqrt": 80.0, "move": 0.0}
NOT_REQUANTISED = ("max_pool", "relu", "data_movement")
LOOP = 1.5  # address and loop instructions an element


@dataclass(frozen=True)
class Cores:
    """The cores as the kernels need to know them."""

    count: int
    banks: int
    loop: InnerLoop
    library: KernelLibrary
    cycles_per_instruction: float
    float_units: int | None  # shared by all cores; None: one each

    @property
    def iteration_cycles(self) -> float:
        """Of the inner loop's full block: instructions, conflicts in L1, waiting for a float unit."""
        slow = slowdown(self.count, self.banks, self.loop.access_rate)
        cycles = self.loop.instructions * slow * self.cycles_per_instruction
        if self.loop.float_operations and self.float_units is not None:
            cycles = max(cycles, self.loop.float_operations * self.count / self.float_units)
        return cycles

    def block_cycles(self, products: Array, channels: int, pixels: int) -> Array:
        """Of one block of outputs, `products` long."""
        loop, full = self.loop, (channels, pixels) == (self.loop.channels, self.loop.pixels)
        per_iteration = self.iteration_cycles / self.cycles_per_instruction
        if not full:
            share = loop.of_block(channels, pixels) / loop.of_block(loop.channels, loop.pixels)
            plain = loop.of_block(loop.channels, loop.pixels) / loop.instructions
            per_iteration *= share * plain
        iterations, rest = divided(products, loop.products)
        one_by_one = LEFT_OVER.get((channels, pixels), channels + pixels + channels * pixels + 4)
        # short words are padded with zeros in memory; of long ones the rest is done product by product
        padded = loop.products > 4
        last = np.where(rest > 0, per_iteration, 0.0) if padded else rest * one_by_one
        outputs = self.library.outputs[channels * min(pixels, 2)] * ceil(pixels / 2)
        return outputs + per_iteration * iterations + last


def contraction_cycles(
    cores: Cores, shape: Shape, split: str, p: Array, q: Array, k: Array, c: Array, sums: Array
) -> Array:
    """Of tiles of p×q pixels, k output and c input channels; `sums`: loads plus stores of partial sums."""
    if shape.depthwise:
        return _depthwise_cycles(cores, shape, split, p, q, k)
    pixels, channels = busiest_share(cores.count, split, p, q, k)
    products = c * shape.taps
    wide = cores.loop.pixels
    groups, left = divided(pixels, wide)
    instructions = (
        (TILE_IN_PLACE if shape.pointwise else TILE)
        + groups
        * (group_cycles(cores, shape, products, wide) + _channel_blocks(cores, products, channels, wide))
        + left * (group_cycles(cores, shape, products, 1) + _channel_blocks(cores, products, channels, 1))
        + sums * SUM_INSTRUCTIONS * pixels * channels
    )
    return instructions * cores.cycles_per_instruction


def group_cycles(cores: Cores, shape: Shape, products: Array, pixels: int) -> Array | float:
    """Instructions to begin so many pixels at a time, and to gather what each output multiplies."""
    if pixels == 1:
        return SINGLE + (0.0 if shape.pointwise else cores.library.gather(shape.taps, products, 1))
    if shape.pointwise:
        return PAIR_IN_PLACE * pixels / 2
    return (PAIR + cores.library.gather(shape.taps, products, 2)) * pixels / 2


def busiest_share(count: int, split: str, p: Array, q: Array, k: Array) -> tuple[Array, Array]:
    """(pixels, channels) of the core that has most to do."""
    if split == "rows":
        return np.ceil(p / count) * q, k
    if split == "pixels":
        return np.ceil(p * q / count), k
    return p * q, np.ceil(k / count)


def _channel_blocks(cores: Cores, products: Array, channels: Array, pixels: int) -> Array:
    wide = cores.loop.channels
    blocks, left = divided(channels, wide)
    return blocks * cores.block_cycles(products, wide, pixels) + left * cores.block_cycles(
        products, 1, pixels
    )


def divided(whole: Array, by: int) -> tuple[Array, Array]:
    """Quotient and rest of whole numbers (np.divmod of floats takes five times as long)."""
    quotient = np.floor(whole / by)
    return quotient, whole - quotient * by


def _depthwise_cycles(cores: Cores, shape: Shape, split: str, p: Array, q: Array, k: Array) -> Array:
    """Channels (or rows, or pixels) over the cores."""
    channels = busiest_share(cores.count, split, p, q, k)[1]
    return (TILE + channels * depthwise_channel(cores, shape, split, p, q)) * cores.cycles_per_instruction


def depthwise_channel(cores: Cores, shape: Shape, split: str, p: Array, q: Array) -> Array:
    """Instructions a channel; a column of inputs is gathered at a time."""
    pixels = busiest_share(cores.count, split, p, q, np.ones_like(p))[0]
    rows = np.where(split == "channels", p, np.ceil(p / cores.count))
    gathered = cores.library.depthwise_gather(shape, rows, q)
    return gathered + pixels * cores.library.depthwise_output(cores.loop, shape.taps)


def least_output(cores: Cores, shape: Shape, c: Array) -> Array:
    """Instructions of one output in the block that takes least for each."""
    if shape.depthwise:
        return np.full_like(c, cores.library.depthwise_output(cores.loop, shape.taps))
    blocks = [(k, p) for k in (cores.loop.channels, 1) for p in (cores.loop.pixels, 1)]
    each = [cores.block_cycles(c * shape.taps, k, p) / (k * p) for k, p in blocks]
    return np.minimum.reduce(each)


def least_pixel(cores: Cores, shape: Shape, c: Array) -> Array:
    """Instructions of one pixel, its outputs apart, among those begun together that take least for each."""
    if shape.depthwise:
        return np.zeros_like(c)
    each = [group_cycles(cores, shape, c * shape.taps, p) / p for p in (cores.loop.pixels, 1)]
    return np.minimum(each[0], each[1]) * np.ones_like(c)


def elementwise_cycles(cores: Cores, layer: Layer, share: float = 1.0) -> float:
    """Of a layer that is no contraction, split evenly over the cores; `share` of it."""
    p = layer.precision
    read = sum(t.elements for t in layer.inputs) * max(p.activation_bits, 8) / 32
    made = sum(t.elements for t in layer.outputs)
    work = sum(count * OPERATIONS[operation] for operation, count in layer.ops.items())
    plain = layer.operator in NOT_REQUANTISED or layer.kind in NOT_REQUANTISED
    finishing = rescaling = 0.0
    if not plain and p.number_format == "int":
        finishing = cores.library.requantise
        rescaling = cores.library.rescale * sum(t.elements for t in layer.inputs) * (layer.operator == "add")
    instructions = read + work + rescaling + made * (finishing + LOOP + max(p.output_bits, 8) / 32)
    return TILE + share * instructions / cores.count * cores.cycles_per_instruction
