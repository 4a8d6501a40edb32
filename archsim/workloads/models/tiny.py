"""Networks for small devices: MLPerf Tiny's for keywords, small images and sounds of machines (Banbury et al.
2021, arXiv:2106.07597), an encoder on a sensor, and a binary one for motion.
"""

from __future__ import annotations

from math import prod

from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.operation_counts import pooling_operations
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload


def ds_cnn(batch: int = 1) -> Workload:
    """DS-CNN (Zhang et al. 2017, arXiv:1711.07128): 49 frames × 10 MFCC in, 12 keywords out."""
    net = NetworkBuilder("ds-cnn")
    x = Tensor("input", (batch, 1, 49, 10))
    # TensorFlow's "same" padding puts the odd row at the bottom
    x = net.conv("conv1", x, 64, (10, 4), stride=2, padding=(4, 1, 5, 1), activation="relu")
    for block in range(1, 5):
        x = net.conv(f"block{block}.depthwise", x, 64, 3, padding=1, groups=64, activation="relu")
        x = net.conv(f"block{block}.pointwise", x, 64, 1, activation="relu")
    x = net.linear("fc", net.global_average_pool("avgpool", x), 12)
    net.softmax("softmax", x)
    return net.build()


def resnet8(batch: int = 1) -> Workload:
    """ResNet-8 for CIFAR-10 at 32×32: three residual stacks of one block, 1×1 convolutions as shortcuts."""
    net = NetworkBuilder("resnet8")
    x = net.conv("conv1", Tensor("input", (batch, 3, 32, 32)), 16, 3, padding=1, activation="relu")
    for stack, channels in enumerate((16, 32, 64), start=1):
        x = _stack(net, f"stack{stack}", x, channels)
    x = net.linear("fc", net.global_average_pool("avgpool", x), 10)
    net.softmax("softmax", x)
    return net.build()


def toyadmos_autoencoder(batch: int = 1) -> Workload:
    """The autoencoder of DCASE 2020, task 2 (Koizumi et al., arXiv:2006.05822).

    Five frames × 128 mel bands in, and out again; four layers of 128 units on either side of eight. Batch
    normalisation is folded.
    """
    net = NetworkBuilder("toyadmos-autoencoder")
    x = Tensor("input", (batch, 640))
    for number, units in enumerate((*4 * (128,), 8, *4 * (128,)), start=1):
        x = net.linear(f"dense{number}", x, units, activation="relu")
    net.linear("dense10", x, 640)
    return net.build()


def econ_t(batch: int = 1) -> Workload:
    """ECON-T's encoder (Di Guglielmo et al. 2021, arXiv:2105.01683): 8×8 cells in, 16 features out."""
    net = NetworkBuilder("econ-t")
    x = Tensor("input", (batch, 1, 8, 8))
    x = net.conv("conv", x, 8, 3, stride=2, padding=(0, 0, 1, 1), batch_norm=False, activation="relu")
    net.linear("dense", x, 16, activation="relu")
    return net.build().with_precision(Precision(6, 8, 9))


def har_bnn(batch: int = 1) -> Workload:
    """A binary network for human activity recognition, as Daghero et al. (arXiv:2205.12781) build them.

    From the library published with the paper: 1-D convolutions without padding, the first on 8-bit samples
    and weights, pooling by two, a linear layer; all but the first of 1-bit weights and activations; the last
    one's sums are whole. From UniMiB SHAR (Micucci et al. 2017): 151 samples of 3 axes, 17 activities.
    Assumed, as the text read does not have them: two convolutions of 32 channels (a word), 7 and 5 wide.
    """
    net = NetworkBuilder("har-bnn")
    x = Tensor("input", (batch, 3, 151, 1))
    for number, kernel in enumerate((7, 5), start=1):
        x = net.conv(f"conv{number}", x, 32, (kernel, 1), activation="relu")
        halved = (*x.shape[:2], x.shape[2] // 2, 1)
        ops = pooling_operations("max_pool", 2, prod(halved))
        x = net.layer(f"pool{number}", "max_pool", (x,), halved, ops)
    net.linear("fc", x, 17)
    ends = {"conv1": Precision(8, 8, 1), "fc": Precision(1, 1, 32)}
    return net.build().with_precision(lambda layer: ends.get(layer.name, Precision(1, 1, 1)))


def _stack(net: NetworkBuilder, name: str, x: Tensor, channels: int) -> Tensor:
    halved = x.shape[1] != channels
    stride = 2 if halved else 1
    # TensorFlow's "same" padding of an even image at stride 2: one row and column, at the bottom right
    padding = (0, 0, 1, 1) if halved else (1, 1, 1, 1)
    y = net.conv(f"{name}.conv1", x, channels, 3, stride=stride, padding=padding, activation="relu")
    y = net.conv(f"{name}.conv2", y, channels, 3, padding=1)
    if halved:
        x = net.conv(f"{name}.shortcut", x, channels, 1, stride=2, batch_norm=False)
    return net.add(f"{name}.add", x, y, activation="relu")
