"""LUTs, flip-flops, memories and DSPs of a stage, for every row of a table at once.

The terms of FINN's estimates (finn/custom_op/fpgadataflow, `lut_estimation` and kin; Blott et al., FINN-R,
TRETS 2018) with its known faults mended: RTL stages, block RAM of thresholds and DSPs at 8 bits are counted,
packing is what the RTL does. Flip-flops, which FINN does not estimate, are a share of the logic.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
import numpy.typing as npt

from archsim.accelerators.dataflow import memories
from archsim.accelerators.dataflow.packing import dsps_per_product, products_per_dsp
from archsim.accelerators.dataflow.shape import StageShape
from archsim.accelerators.dataflow.timing import StageCycles
from archsim.components.fpga import DspKind
from archsim.workloads.precision import Precision

Array = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]

CONTROL_LUTS = 300
"""Of a matrix stage or a window generator: FINN's constant (c0)."""
HLS_FACTOR = 1.1
"""FINN's factor on a matrix stage's logic (c1)."""
FF_PER_LUT = 1.49
"""Flip-flops a LUT. Calibrated: cnv-w1a1 on XC7Z020 has 31,517 and 21,135 (Xilinx/finn, PR #209)."""
MOST_THRESHOLD_BITS = 8
"""Outputs up to this width are made by comparing with thresholds, wider ones by scaling in a DSP."""
MEMORIES = ("lutram", "bram", "uram", "stream")
MULTIPLIERS = ("lut", "dsp")


@dataclass(frozen=True)
class StageRows:
    """Candidate rows of a stage at one precision: arrays of (rows,); codes index MEMORIES and MULTIPLIERS."""

    pe: Int
    simd: Int
    memory: Int
    multiplier: Int


@dataclass(frozen=True)
class Site:
    """What a stage's cost depends on beside its rows."""

    precision: Precision
    accumulator_bits: int
    requantises: bool  # its outputs are narrower than its sums
    luts_per_bram18: float  # of the device: what a block RAM is worth
    fifo_pixels: int
    padding_width: int | None = None  # channels at once; None: the fewest that hold nothing up


Use = dict[str, Array]


def stage_resources(
    stage: StageShape, rows: StageRows, cycles: StageCycles, site: Site, dsp_kind: DspKind
) -> Use:
    """By resource: lut, ff, bram18, uram, dsp, and stream_bits (weights a cycle from memory)."""
    parts = [_stream_buffers(stage, cycles, site)]
    if stage.kind in ("matrix", "depthwise"):
        parts += [_products(stage, rows, site, dsp_kind), _weights(stage, rows, site)]
        if site.requantises:
            parts.append(_outputs(stage, rows, site))
    else:
        parts.append(_elementwise(stage, rows, site))
    names = ("logic", "lut", "bram18", "uram", "dsp", "stream_bits")
    nothing = np.zeros(len(rows.pe))
    total = {name: sum((part.get(name, nothing) for part in parts), start=nothing) for name in names}
    logic = total.pop("logic")
    return {**total, "lut": logic + total["lut"], "ff": FF_PER_LUT * logic}


def multiplier_luts(weight_bits: int, activation_bits: int) -> int:
    """LUTs of one product: FINN-R's fit of HLS multipliers; an operand of one bit only selects a sign.

    FINN takes its fit for one bit too, which is two and more times what an XNOR or a conditional negation is.
    """
    if min(weight_bits, activation_bits) == 1:
        return max(weight_bits, activation_bits)
    return (2 * ceil((weight_bits + activation_bits) / 6) - 1) * (weight_bits + activation_bits)


def _products(stage: StageShape, rows: StageRows, site: Site, dsp_kind: DspKind) -> Use:
    """Multipliers, adder tree and accumulator of each row at work."""
    pe, simd = rows.pe.astype(np.float64), rows.simd.astype(np.float64)
    w, a = site.precision.weight_bits, site.precision.activation_bits
    w = a if stage.is_loaded else w
    in_dsp = rows.multiplier == MULTIPLIERS.index("dsp")
    packed = products_per_dsp(dsp_kind, w, a)
    luts = simd * multiplier_luts(w, a)
    lanes = 2.0 * (packed - 1) * simd / packed  # two bits a lane undo what its neighbour carries over
    tree = (w + a) * (2 * simd - 1)
    each = np.where(in_dsp, lanes, luts) + tree + site.accumulator_bits
    if packed == 1:
        dsps = pe * simd * dsps_per_product(dsp_kind, w, a)
    elif dsp_kind == "dsp58":
        dsps = pe * np.ceil(simd / packed)
    else:
        dsps = np.ceil(pe / packed) * simd
    return {
        "logic": CONTROL_LUTS + HLS_FACTOR * pe * each,
        "dsp": np.where(in_dsp, dsps, 0.0),
    }


def _weights(stage: StageShape, rows: StageRows, site: Site) -> Use:
    """A memory as wide as all that is multiplied in a cycle."""
    bits_each = site.precision.activation_bits if stage.is_loaded else site.precision.weight_bits
    bits = (rows.pe * rows.simd * bits_each).astype(np.float64)
    words = stage.weights / (rows.pe * rows.simd)
    kinds = {name: rows.memory == code for code, name in enumerate(MEMORIES)}
    return {
        "lut": np.where(kinds["lutram"], memories.rom_luts(words, bits), 0.0),
        "bram18": np.where(kinds["bram"], memories.bram18s(words, bits, memories.ONE_PORT_BITS), 0.0),
        "uram": np.where(kinds["uram"], memories.urams(words, bits), 0.0),
        "stream_bits": np.where(kinds["stream"], bits, 0.0),
    }


def _outputs(stage: StageShape, rows: StageRows, site: Site) -> Use:
    """Thresholds by bisection (FINN's Thresholding_rtl): a memory and a comparator a bit of the output."""
    if site.precision.output_bits > MOST_THRESHOLD_BITS:
        return {"dsp": rows.pe.astype(np.float64)}
    words = np.maximum(stage.groups * stage.rows / rows.pe, 1.0)
    bits = (rows.pe * site.accumulator_bits).astype(np.float64)
    use: Use = {"logic": site.precision.output_bits * bits}
    for level in range(site.precision.output_bits):
        _add_memory(use, words * 2**level, bits, site, memories.ONE_PORT_BITS)
    return use


def _elementwise(stage: StageShape, rows: StageRows, site: Site) -> Use:
    """A comparator, or an adder a bit wider than its inputs, for each channel at work; a pool's results."""
    bits = site.precision.activation_bits + 1.0
    pe = rows.pe.astype(np.float64)
    use: Use = {"logic": pe * bits * max(1, stage.inputs)}
    if stage.disjoint and stage.windows is not None:
        words = stage.windows.outputs[1] * stage.channels_in / pe
        _add_memory(use, words, pe * bits, site)
    if stage.kind == "upsample":
        words = stage.channels_in / pe * stage.pixels_in
        _add_memory(use, words, pe * bits, site)
    return use


def _stream_buffers(stage: StageShape, cycles: StageCycles, site: Site) -> Use:
    """FIFOs in front, a width converter, and a window generator with its line buffer."""
    bits = (cycles.width * site.precision.activation_bits).astype(np.float64)
    pixel = stage.channels_in / cycles.width
    fifo = stage.inputs * memories.fifo_luts(site.fifo_pixels * pixel, bits)
    use: Use = {"lut": fifo, "logic": bits}
    if stage.windows is not None and not stage.disjoint:
        use["logic"] = use["logic"] + CONTROL_LUTS
        words = np.full(len(bits), float(stage.windows.first)) * pixel
        # windows in parallel stand in shift registers between line buffers
        shifted = memories.fifo_luts(words, bits)
        use["lut"] = use["lut"] + np.where(cycles.parallel, shifted, 0.0)
        _add_memory(use, np.where(cycles.parallel, 0.0, words), bits, site)
    return use


def _add_memory(use: Use, words: Array, bits: Array, site: Site, widest: int = 36) -> None:
    """In LUTs or block RAM (up to `widest` bits each), whichever is less of the device."""
    brams = memories.bram18s(words, bits, widest)
    in_luts = memories.cheaper_in_luts(words, bits, brams, site.luts_per_bram18)
    nothing = np.zeros(len(bits))
    use["lut"] = use.get("lut", nothing) + np.where(in_luts, memories.rom_luts(words, bits), 0.0)
    use["bram18"] = use.get("bram18", nothing) + np.where(in_luts, 0.0, brams)
