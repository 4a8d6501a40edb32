"""Layers and machines for the tests of the systolic family; energies of memories and MACs are given."""

from __future__ import annotations

from math import prod
from random import Random

import archsim
from archsim import Contraction, Layer, Precision, Tensor
from archsim.accelerators.machine import Row
from archsim.accelerators.systolic.machine import SystolicMachine

DATAFLOWS = ("output_stationary", "weight_stationary", "input_stationary")
PIXELS = ("B", "P", "Q")
RUNS = ("BPQ",)  # consecutive pixels in (b, p, q) order, in place of rectangles of them
OPERANDS = ("input", "weight", "output")
PRECISIONS = ("w8a8", "w4a8", "w2a3o5", "w8a16o32")
CLOCK_MHZ = 1000.0
PLENTY = 1 << 30


def layer_of(c: Contraction, precision: str = "w8a8", name: str = "layer") -> Layer:
    """A layer that runs one loop nest, its tensors as large as the loops say."""
    output = (c.B, c.G * c.K, *c.output_size)
    return Layer(
        name=name,
        operator="conv_transpose" if c.transposed else "conv",
        inputs=(Tensor(f"{name}.in", (c.B, c.G * c.C, *c.input_size)),),
        outputs=(Tensor(f"{name}.out", output),),
        weights=(Tensor(f"{name}.w", (c.G * c.K, c.C, c.R, c.S)),),
        contraction=c,
        precision=Precision.parse(precision),
    )


def sram(name: str, holds: list[str], capacity_bytes: float, *, word_bits: int = 1, **more) -> dict:
    """A buffer with made-up energies that do not depend on its size."""
    return {
        "kind": "sram",
        "name": name,
        "holds": holds,
        "capacity_bytes": float(capacity_bytes),
        "word_bits": word_bits,
        "read_pj": 1.0,
        "write_pj": 1.25,
        "leakage_mw": 0.5,
        "area_mm2": 0.1,
        **more,
    }


def three_srams(capacity_bytes: float, **more) -> list[dict]:
    """One buffer an operand, side by side."""
    return [sram(operand, [operand], capacity_bytes, **more) for operand in OPERANDS]


def machine_of(
    memories: list[dict],
    *,
    dataflow: str = "weight_stationary",
    rows: int = 4,
    columns: int = 4,
    bits_per_cycle: float | None = None,
    latency_cycles: int = 0,
    tile_candidates: int | None = None,
    **array,
) -> SystolicMachine:
    """A machine at 1 GHz; `bits_per_cycle` is the DRAM's, None for unlimited."""
    bandwidth = "unlimited" if bits_per_cycle is None else bits_per_cycle * CLOCK_MHZ / 8e3
    dram = {"kind": "dram", "name": "dram", "bandwidth_gb_s": bandwidth, "latency_ns": float(latency_cycles)}
    dram |= {"read_pj_per_bit": 4.0, "write_pj_per_bit": 5.0}
    spec = {
        "family": "systolic",
        "name": "case",
        "technology": {"node_nm": 45.0, "clock_mhz": CLOCK_MHZ},
        "array": {
            "rows": rows,
            "columns": columns,
            "dataflow": dataflow,
            "mac": {"energy_pj": 0.2, "area_mm2": 0.001, "leakage_mw": 0.001},
            **array,
        },
        "memories": [dram, *memories],
    }
    machine = archsim.load_accelerator(spec)
    assert isinstance(machine, SystolicMachine)
    if tile_candidates is None:
        return machine
    return SystolicMachine(machine.spec, tile_candidates=tile_candidates)


def tiles_of(mapping) -> dict[str, tuple[int, ...]]:
    """Tile sizes of a row's mapping as plain numbers, outermost buffer first.

    In a table that has tiles of both kinds, those a row does not use are 0.
    """
    dims = [*PIXELS, *RUNS, "K", "CRS", "C", "R", "S"]
    return {d: tuple(int(t) for t in mapping[d]) for d in dims if d in mapping and max(mapping[d])}


def sizes_of(c: Contraction, pixels: tuple[str, ...] = PIXELS) -> dict[str, int]:
    return {dim: prod(getattr(c, each) for each in dim) for dim in (*pixels, "K", "CRS")}


def row_of(layer: Layer, tiles: dict[str, tuple[int, ...]], orders: tuple[str, ...], split: str = "") -> Row:
    """A row of our own making, whether or not the table holds it; its price is left open."""
    return Row(layer, {**tiles, "order": orders, "split": split}, cycles=0.0, energy_pj=0.0)


def bits_of(layer: Layer, machine: SystolicMachine) -> dict[str, int]:
    p = layer.precision
    wide = max(machine.spec.array.mac.accumulator_bits, p.output_bits)
    return {"input": p.activation_bits, "weight": p.weight_bits, "output": p.output_bits, "sum": wide}


def counts_of(performed) -> dict[tuple[str, str], float]:
    return {(action.component, action.action): action.count for action in performed.actions}


def random_tiers(rng: Random) -> tuple[dict[str, str], ...]:
    """One or two tiers, each a partition of the operands it holds; an operand may bypass one of two."""
    if rng.random() < 0.4:
        return (_partition(rng, list(OPERANDS), "inner"),)
    outer = rng.sample(OPERANDS, rng.choice((1, 2, 3, 3)))
    inner = list(OPERANDS) if len(outer) < 3 else rng.sample(OPERANDS, rng.choice((1, 2, 3)))
    tiers = _partition(rng, outer, "outer"), _partition(rng, inner, "inner")
    # a new tier starts where a memory holds an operand that the tier before has
    first = next(iter(tiers[1].values()))
    opens = any(operand in tiers[0] for operand, name in tiers[1].items() if name == first)
    return tiers if opens else random_tiers(rng)


def _partition(rng: Random, operands: list[str], name: str) -> dict[str, str]:
    rng.shuffle(operands)
    groups = [rng.randrange(len(operands)) for _ in operands]
    return {operand: f"{name}{group}" for operand, group in zip(operands, groups, strict=True)}


def memories_of(tiers, capacity: float = PLENTY, word_bits: int = 1) -> list[dict]:
    memories = []
    for tier in tiers:
        for name in dict.fromkeys(tier.values()):
            holds = [operand for operand in tier if tier[operand] == name]
            memories.append(sram(name, holds, capacity, word_bits=word_bits))
    return memories


def random_contraction(rng: Random) -> Contraction:
    """Small, with strides, holes, padding and ragged inputs; now and then a matrix product or groups."""
    if rng.random() < 0.2:
        return Contraction(
            B=rng.randint(1, 2), P=rng.randint(1, 12), K=rng.randint(1, 9), C=rng.randint(1, 9)
        )
    kernel, stride, dilation = [(rng.randint(1, 3), rng.randint(1, 3)) for _ in range(3)]
    padding = tuple(rng.randint(0, 2) for _ in range(4))
    p, q = rng.randint(1, 7), rng.randint(1, 5)
    spans = [
        (n - 1) * s + (k - 1) * d + 1 for n, s, k, d in zip((p, q), stride, kernel, dilation, strict=True)
    ]
    unpadded = [max(1, span - padding[i] - padding[i + 2]) for i, span in enumerate(spans)]
    return Contraction(
        B=rng.choice((1, 1, 2)),
        G=rng.choice((1, 1, 1, 3)),
        K=rng.randint(1, 7),
        C=rng.randint(1, 4),
        P=p,
        Q=q,
        R=kernel[0],
        S=kernel[1],
        stride=stride,
        dilation=dilation,
        padding=padding,
        input_size=tuple(n + rng.choice((0, 0, 1, 3)) for n in unpadded),
    )


def random_tiles(
    rng: Random, c: Contraction, levels: int, pixels: tuple[str, ...] = PIXELS
) -> dict[str, tuple[int, ...]]:
    """Nested tile sizes; whole dimensions are as likely as cuts."""
    return {dim: random_chain(rng, size, levels) for dim, size in sizes_of(c, pixels).items()}


def random_chain(rng: Random, size: int, levels: int) -> tuple[int, ...]:
    chain = []
    for _ in range(levels):
        size = size if rng.random() < 0.4 else rng.randint(1, size)
        chain.append(size)
    return tuple(chain)
