"""Small crossbar accelerators, and random ones with a layer."""

from __future__ import annotations

from random import Random
from typing import Any

from cluster_cases import conv, matmul

from archsim.accelerators.crossbar.machine import CrossbarMachine
from archsim.accelerators.crossbar.spec import CrossbarSpec
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.precision import Precision


def spec_of(**changes: Any) -> dict[str, Any]:
    """Two tiles of four 16×16 arrays of 2-bit RRAM cells; `changes` replace whole sections."""
    spec: dict[str, Any] = {
        "family": "crossbar",
        "name": "test",
        "technology": {"node_nm": 32, "clock_mhz": 1000},
        "array": {"rows": 16, "columns": 16, "cell": {"kind": "rram", "bits": 2}, "read_ns": 10},
        "adc": {"bits": 6, "columns": 8, "rate_msps": 1000},
        "sample_hold": {},
        "tile": {"count": 2, "macros": 2, "arrays": 2, "buffer": {"capacity_kib": 16}},
        "network": {},
        "vector_unit": {"lanes": 4},
        "offchip": {"bandwidth_gb_s": 4},
    }
    return {key: value for key, value in {**spec, **changes}.items() if value is not None}


def machine_of(**changes: Any) -> CrossbarMachine:
    return CrossbarMachine(CrossbarSpec.model_validate(spec_of(**changes)))


def attention(heads: int, rows: int, products: int, columns: int, precision: str = "w8a8") -> Layer:
    """A product of two activations, for each head."""
    return Layer(
        "scores",
        "matmul",
        (Tensor("q", (heads, rows, products)), Tensor("k", (heads, columns, products))),
        (Tensor("scores", (heads, rows, columns)),),
        (),
        Contraction(G=heads, P=rows, K=columns, C=products),
        precision=Precision.parse(precision),
    )


def random_layer(rng: Random) -> Layer:
    precision = rng.choice(("w8a8", "w4a4", "w2a8", "w1a1", "w5a3"))
    kind = rng.choice(("conv", "conv", "depthwise", "linear", "attention", "add"))
    size = rng.randint(3, 9)
    if kind == "depthwise":
        channels = rng.randint(2, 20)
        return conv(size, size, channels, channels, groups=channels, precision=precision)
    if kind == "linear":
        return matmul(rng.choice((1, 5)), rng.randint(1, 90), rng.randint(1, 60), precision=precision)
    if kind == "attention":
        rows, products, columns = (rng.randint(1, 20) for _ in range(3))
        return attention(rng.randint(1, 4), rows, products, columns, precision)
    if kind == "add":
        tensors = [Tensor(name, (1, 8, size, size)) for name in ("a", "b", "c")]
        ops = {"add": 8 * size * size}
        return Layer("add", "add", (tensors[0], tensors[1]), (tensors[2],), ops=ops,
                     precision=Precision.parse(precision))  # fmt: skip
    return conv(
        size,
        size,
        rng.randint(1, 24),
        rng.randint(1, 40),
        rng.choice((1, 3)),
        stride=rng.choice((1, 2)),
        precision=precision,
    )


def random_machine(rng: Random, **changes: Any) -> CrossbarMachine:
    """Any kind of array, converter and memory; tiny ones, so that rounds and off-chip traffic happen."""
    digital = rng.random() < 0.2
    sram = digital or rng.random() < 0.3
    array = {
        "rows": rng.choice((8, 16, 40)),
        "columns": rng.choice((16, 24, 32)),
        "cell": {"kind": "sram"}
        if sram
        else {"kind": rng.choice(("rram", "pcm")), "bits": rng.choice((1, 2, 4))},
        "compute": "digital" if digital else "analog",
        "weight_encoding": rng.choice(("offset", "differential", "twos_complement")),
        "subtract": rng.choice(("digital", "analog")),
        "summed_slices": 1 if digital else rng.choice((1, 1, 2, 8)),
        "active_rows": rng.choice((None, 8)),
        "read_ns": rng.choice((1, 7.5, 30)),
    }
    parts: dict[str, Any] = {
        "array": array,
        "adc": None if digital else {
            "bits": rng.choice((3, 6, 8)),
            "columns": rng.choice((1, 4, 16)),
            "rate_msps": rng.choice((None, 200, 1000)),
            "kind": rng.choice(("sar", "flash", "ramp")),
            "model": rng.choice(("survey", "zigzag", "neurosim", "isaac")),
        },
        "sample_hold": None if digital else rng.choice((None, {})),
        "dac": {"bits": rng.choice((1, 2, 4, 8)), "kind": rng.choice(("voltage", "pulse"))},
        "tile": {
            "count": rng.choice((1, 2, 3)),
            "macros": rng.choice((1, 2)),
            "arrays": rng.choice((1, 2, 5)),
            "buffer": {"capacity_kib": rng.choice((0.25, 4, 64)), "bytes_per_cycle": rng.choice((1, 16))},
            "input_register": rng.choice((None, {"capacity_kib": 0.25})),
            "output_register": rng.choice((None, {"capacity_kib": 2})),
        },
        "offchip": {"bandwidth_gb_s": rng.choice((0.05, 4))},
    }  # fmt: skip
    return machine_of(**{**parts, **changes})
