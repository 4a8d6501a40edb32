"""Where a layer's data lie on an overlay: tiles of its operands in buffers of block RAM, all on one rail."""

from __future__ import annotations

from math import ceil

from archsim.accelerators.bram_rail import RAIL
from archsim.accelerators.low_voltage import SramSite
from archsim.accelerators.machine import Row
from archsim.accelerators.overlay.spec import OverlaySpec
from archsim.components.fpga import BRAM_WORD_BITS
from archsim.components.sram_supply import Stored
from archsim.workloads.layer import Layer

OPERANDS: tuple[str, ...] = ("weight", "input", "output")
CHUNKS = 8
"""Pieces of a layer that is no matrix product, so that its transfers overlap with its work."""


def stored_of(row: Row, spec: OverlaySpec, rail: SramSite) -> tuple[Stored, ...]:
    buffers, bits = spec.buffers, dict(zip(OPERANDS, operand_bits(row.layer), strict=True))
    sizes = (buffers.weight_kib, buffers.input_kib, buffers.output_kib)
    kib: dict[str, float] = dict(zip(OPERANDS, sizes, strict=True))
    return tuple(
        Stored(
            operand=operand,
            memory=f"{RAIL} {operand}",
            word_bits=BRAM_WORD_BITS,
            words=int(2 * kib[operand] * 1024 * 8) // BRAM_WORD_BITS,
            element_bits=bits[operand],
            tile_elements=count,
            buffers=2,
            supply=rail.supply,
        )
        for operand, count in _tile_elements(row).items()
    )


def operand_bits(layer: Layer) -> tuple[int, int, int]:
    """Of weights, inputs and outputs; a product of two activations has both at their width."""
    p = layer.precision
    return p.weight_bits if layer.has_static_weights else p.activation_bits, p.activation_bits, p.output_bits


def _tile_elements(row: Row) -> dict[str, int]:
    if row.layer.contraction is None:
        groups = {"input": row.layer.inputs, "output": row.layer.outputs}
        return {operand: ceil(sum(t.elements for t in ts) / CHUNKS) for operand, ts in groups.items()}
    m, n, k = (int(row.mapping[key]) for key in ("m", "n", "k"))
    return {"weight": n * k, "input": m * k, "output": m * n}
