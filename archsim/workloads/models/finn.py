"""Few-bit networks of FINN's example builds (Xilinx/finn-examples), at their own precisions."""

from __future__ import annotations

from math import prod

from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.operation_counts import pooling_operations
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

SUMS_BITS = 16
"""Of the last layer's outputs: sums, which no activation function narrows."""


def tfc_w1a1(batch: int = 1) -> Workload:
    """TFC: 784-64-64-64-10, binary weights and activations; the image is binarised first."""
    return _perceptron("tfc-w1a1", batch, 784, (64, 64, 64, 10), 8, 1, quantised=True)


def kws_mlp_w3a3(batch: int = 1) -> Workload:
    """Keyword spotting, 490-256-256-256-12, 3 bits."""
    return _perceptron("kws-mlp-w3a3", batch, 490, (256, 256, 256, 12), 8, 3)


def cybsec_mlp_w2a2(batch: int = 1) -> Workload:
    """Network intrusion detection on UNSW-NB15, 600 (593 padded)-64-64-64-1, 2 bits."""
    return _perceptron("cybsec-mlp-w2a2", batch, 600, (64, 64, 64, 1), 1, 2)


def ids_mlp_w4a4(batch: int = 1) -> Workload:
    """Intrusion detection on a CAN bus, 4 bits; the widths 40-256-128-64-2 are assumed."""
    return _perceptron("ids-mlp-w4a4", batch, 40, (256, 128, 64, 2), 8, 4)


def cnv_w1a1(batch: int = 1) -> Workload:
    """CNV (Umuroglu et al. 2017): six 3×3 convolutions without padding, two poolings, three dense layers."""
    net = NetworkBuilder("cnv-w1a1")
    x = Tensor("input", (batch, 3, 32, 32))
    for index, width in enumerate((64, 64, 128, 128, 256, 256)):
        x = net.conv(f"conv{index}", x, width, 3, activation="relu")
        if index in (1, 3):
            x = net.pool(f"pool{index}", "max_pool", x, 2, stride=2)
    for index, width in enumerate((512, 512, 10)):
        x = net.linear(f"fc{index}", x, width, activation=None if width == 10 else "relu")
    return _at_bits(net.build(), 8, 1)


def vgg10_w4a4(batch: int = 1) -> Workload:
    """VGG10 for RadioML 2018: seven 1-D convolutions of 32 filters and poolings, three dense layers."""
    net = NetworkBuilder("vgg10-w4a4")
    x = Tensor("input", (batch, 2, 1024, 1))
    for index in range(7):
        x = net.conv(f"conv{index}", x, 32, (3, 1), padding=(1, 0, 1, 0), activation="relu")
        halved = (*x.shape[:2], x.shape[2] // 2, 1)
        x = net.layer(
            f"pool{index}", "max_pool", (x,), halved, pooling_operations("max_pool", 2, prod(halved))
        )
    for index, width in enumerate((128, 128, 24)):
        x = net.linear(f"fc{index}", x, width, activation=None if width == 24 else "relu")
    return _at_bits(net.build(), 8, 4)


def _perceptron(
    name: str,
    batch: int,
    inputs: int,
    widths: tuple[int, ...],
    input_bits: int,
    bits: int,
    *,
    quantised: bool = False,
) -> Workload:
    net = NetworkBuilder(name)
    x = Tensor("input", (batch, inputs))
    if quantised:
        x = net.layer("quantize", "quantize", (x,), x.shape, {"max": x.elements})
    for index, width in enumerate(widths):
        last = index == len(widths) - 1
        x = net.linear(f"fc{index}", x, width, activation=None if last else "relu")
    return _at_bits(net.build(), input_bits, bits)


def _at_bits(workload: Workload, input_bits: int, bits: int) -> Workload:
    """The first layer reads the input as it is; the last gives out its sums."""
    read = {tensor.name for tensor in workload.inputs}
    last = workload.layers[-1].name

    def precision(layer: Layer) -> Precision:
        first = any(tensor.name in read for tensor in layer.inputs)
        return Precision(bits, input_bits if first else bits, SUMS_BITS if layer.name == last else bits)

    return workload.with_precision(precision)
