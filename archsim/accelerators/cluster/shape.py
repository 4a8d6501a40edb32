"""A contraction as the kernels of a cluster see it: convolution, depthwise convolution or matrix product."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.workloads.layer import Contraction, Layer


@dataclass(frozen=True, slots=True)
class Shape:
    """Loops of one run of a kernel, and how often it is run (`repeats`: batch items, groups).

    P×Q output rows × columns, K output channels, C input channels, R×S kernel. In a depthwise convolution K
    counts the channels and C is 1.
    """

    P: int
    Q: int
    K: int
    C: int
    R: int
    S: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int, int, int]
    input_size: tuple[int, int]
    repeats: int
    depthwise: bool
    static_weights: bool

    @property
    def pointwise(self) -> bool:
        return self.R == self.S == 1

    @property
    def taps(self) -> int:
        return self.R * self.S

    @property
    def macs(self) -> int:
        return self.repeats * self.P * self.Q * self.K * self.C * self.taps


def shape_of(layer: Layer) -> Shape:
    """The kernel a contraction is run by.

    Batch items of a matrix product are more rows. A transposed convolution is the matrix product that makes
    R·S·K products of every input pixel; adding them up in place is part of its writing back.
    """
    c = layer.contraction
    assert c is not None
    if c.transposed:
        return _product(layer, c, rows=c.B * c.P, columns=c.Q, channels=c.K * c.R * c.S)
    if c.R == c.S == 1 and c.stride == (1, 1) and not any(c.padding) and not c.is_depthwise:
        return _product(layer, c, rows=c.B * c.P, columns=c.Q, channels=c.K)
    return Shape(
        P=c.P,
        Q=c.Q,
        K=c.G if c.is_depthwise else c.K,
        C=c.C,
        R=c.R,
        S=c.S,
        stride=c.stride,
        dilation=c.dilation,
        padding=c.padding,
        input_size=c.input_size,
        repeats=c.B * (c.K if c.is_depthwise else c.G),
        depthwise=c.is_depthwise,
        static_weights=layer.has_static_weights,
    )


def _product(layer: Layer, c: Contraction, *, rows: int, columns: int, channels: int) -> Shape:
    size = (rows, columns)
    no_padding = (0, 0, 0, 0)
    return Shape(
        rows,
        columns,
        channels,
        c.C,
        1,
        1,
        (1, 1),
        (1, 1),
        no_padding,
        size,
        c.G,
        False,
        layer.has_static_weights,
    )
