"""No tiling moves less than the communication lower bounds say (w8a8: no element is narrower than a byte)."""

from math import prod, sqrt

import pytest
from systolic_cases import OPERANDS, layer_of, machine_of, sram

from archsim import Contraction

LAYERS = {
    "product": Contraction(P=48, K=40, C=64),
    "convolution": Contraction(K=24, C=24, P=14, Q=14, R=3, S=3, padding=(1, 1, 1, 1)),
    "strided": Contraction(K=32, C=16, P=7, Q=7, R=3, S=3, stride=(2, 2)),
    "groups": Contraction(G=4, K=12, C=12, P=10, Q=10, R=3, S=3),
    "large kernel": Contraction(K=16, C=3, P=20, Q=20, R=7, S=7, stride=(2, 2)),
}


def lower_bound(c: Contraction, elements: float) -> float:
    """2·MACs / sqrt(R·S) − 2·S of each group (Chen et al., HPCA 2020; Smith et al. 2019 for R = 1)."""
    reuse = max(1.0, c.R * c.S / prod(c.stride))
    return c.G * max(0.0, 2 * c.macs / c.G / sqrt(reuse * elements) - 2 * elements)


def compulsory(c: Contraction) -> int:
    lines = [
        len({i * stride + k - pad for i in range(size) for k in range(kernel)} & set(range(limit)))
        for size, kernel, stride, pad, limit in zip(
            (c.P, c.Q), (c.R, c.S), c.stride, c.padding[:2], c.input_size, strict=True
        )
    ]
    return c.B * c.G * c.C * prod(lines) + c.weight_elements + c.output_elements


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("capacity", [200, 500, 1200, 5000])
@pytest.mark.parametrize("double_buffered", [True, False])
def test_traffic_is_no_less_than_the_bounds(name, capacity, double_buffered):
    c = LAYERS[name]
    buffer = sram("buffer", list(OPERANDS), capacity, double_buffered=double_buffered)
    machine = machine_of([buffer], rows=8, columns=8, bits_per_cycle=16.0)
    moved = machine.options(layer_of(c)).traffic_bytes["dram"]
    assert (moved >= max(lower_bound(c, capacity), compulsory(c))).all()
    front = machine.options(layer_of(c), front=("traffic:dram",))
    assert front.traffic_bytes["dram"].min() == moved.min()


def test_the_bound_is_not_idle():
    """In a small buffer it asks for more than each operand once."""
    c = LAYERS["product"]
    assert lower_bound(c, 200) > compulsory(c)
