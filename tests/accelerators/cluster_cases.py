"""Small random clusters and layers."""

from __future__ import annotations

from random import Random
from typing import Any

from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.precision import Precision


def spec_of(**changes: Any) -> dict[str, Any]:
    """A GAP9-like cluster; `changes` replace whole sections (None drops one)."""
    spec: dict[str, Any] = {
        "family": "cluster",
        "name": "test",
        "technology": {"node_nm": 22, "vdd_v": 0.8, "clock_mhz": 370},
        "cores": {"count": 8, "isa": "xpulpv2"},
        "l1": {"capacity_kib": 128, "banks": 16},
        "dma": {"setup_cycles": 30, "latency_cycles": 14},
        "l2": {"capacity_kib": 1536},
    }
    return {key: value for key, value in {**spec, **changes}.items() if value is not None}


def machine_of(*, tile_candidates: int = 4, **changes: Any) -> ClusterMachine:
    return ClusterMachine(ClusterSpec.model_validate(spec_of(**changes)), tile_candidates=tile_candidates)


def conv(
    rows: int,
    columns: int,
    channels_in: int,
    channels_out: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    groups: int = 1,
    padding: int | None = None,
    precision: str = "w8a8",
    name: str = "conv",
) -> Layer:
    """A convolution over rows × columns inputs; "same" padding unless given."""
    pad = kernel // 2 if padding is None else padding
    c = Contraction(
        G=groups,
        K=channels_out // groups,
        C=channels_in // groups,
        P=(rows + 2 * pad - kernel) // stride + 1,
        Q=(columns + 2 * pad - kernel) // stride + 1,
        R=kernel,
        S=kernel,
        stride=(stride, stride),
        padding=(pad, pad, pad, pad),
        input_size=(rows, columns),
    )
    return Layer(
        name,
        "conv",
        (Tensor(f"{name}.in", (1, channels_in, rows, columns)),),
        (Tensor(f"{name}.out", (1, channels_out, c.P, c.Q)),),
        (Tensor(f"{name}.weight", (channels_out, c.C, kernel, kernel)),),
        c,
        precision=Precision.parse(precision),
    )


def matmul(rows: int, products: int, columns: int, *, precision: str = "w8a8", name: str = "matmul") -> Layer:
    """A matrix product with static weights."""
    c = Contraction(P=rows, K=columns, C=products)
    return Layer(
        name,
        "gemm",
        (Tensor(f"{name}.in", (1, rows, products)),),
        (Tensor(f"{name}.out", (1, rows, columns)),),
        (Tensor(f"{name}.weight", (columns, products)),),
        c,
        precision=Precision.parse(precision),
    )


def random_layer(rng: Random) -> Layer:
    precision = rng.choice(("w8a8", "w4a8", "w2a8"))
    kind = rng.choice(("conv", "depthwise", "pointwise", "linear"))
    rows, columns = rng.randint(3, 14), rng.randint(3, 14)
    if kind == "depthwise":
        channels = rng.randint(2, 40)
        return conv(
            rows, columns, channels, channels, stride=rng.choice((1, 2)), groups=channels, precision=precision
        )
    if kind == "linear":
        return matmul(rng.choice((1, 1, 7)), rng.randint(1, 90), rng.randint(1, 90), precision=precision)
    kernel = 1 if kind == "pointwise" else rng.choice((3, 3, 5))
    return conv(
        rows,
        columns,
        rng.randint(1, 40),
        rng.randint(1, 70),
        kernel,
        stride=rng.choice((1, 1, 2)),
        precision=precision,
    )


def random_machine(rng: Random, **changes: Any) -> ClusterMachine:
    engine = rng.choice((None, {"kind": "ne16", "setup_cycles": 20}, {"kind": "neureka"}))
    l3 = rng.choice((None, {"bandwidth_mb_s": 200, "latency_ns": 100, "pj_per_byte": 100}))
    l2 = {"capacity_kib": rng.choice((8, 12, 40, 1536) if l3 else (1536,))}
    return machine_of(
        tile_candidates=3,
        **{
            "cores": {
                "count": rng.choice((1, 3, 8)),
                "isa": rng.choice(("xpulpv2", "xpulpnn_mac_load", "rv32im")),
            },
            "engine": engine,
            "l1": {"capacity_kib": rng.choice((6, 24, 128)), "banks": 16},
            "l2": l2,
            "l3": l3,
            "overheads": {"layer_cycles": rng.choice((0, 300)), "tile_cycles": rng.choice((0, 25))},
            **changes,
        },
    )
