"""Plain convolutional networks: AlexNet and VGG."""

from __future__ import annotations

from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.workload import Workload

_CHANNELS = (64, 128, 256, 512, 512)
# convolutions of each stage before its pooling: configurations A, D and E
_VGG11_STAGES, _VGG16_STAGES, _VGG19_STAGES = (1, 1, 2, 2, 2), (2, 2, 3, 3, 3), (2, 2, 4, 4, 4)


def alexnet(batch: int = 1) -> Workload:
    """AlexNet (Krizhevsky et al. 2012) as Caffe's `bvlc_alexnet`: grouped convolutions, no padding in conv1.

    The input is 224×224, as in the ONNX model zoo (conv1 gives 54×54), not Caffe's own 227×227.
    """
    net = NetworkBuilder("alexnet")
    x = net.conv(
        "conv1", Tensor("input", (batch, 3, 224, 224)), 96, 11, stride=4, batch_norm=False, activation="relu"
    )
    x = net.pool("pool1", "max_pool", net.lrn("norm1", x, 5), 3, stride=2)
    x = net.conv("conv2", x, 256, 5, padding=2, groups=2, batch_norm=False, activation="relu")
    x = net.pool("pool2", "max_pool", net.lrn("norm2", x, 5), 3, stride=2)
    for name, channels, groups in (("conv3", 384, 1), ("conv4", 384, 2), ("conv5", 256, 2)):
        x = net.conv(name, x, channels, 3, padding=1, groups=groups, batch_norm=False, activation="relu")
    x = net.pool("pool5", "max_pool", x, 3, stride=2, padding=(0, 0, 1, 1))
    x = net.linear("fc6", x, 4096, activation="relu")
    x = net.linear("fc7", x, 4096, activation="relu")
    net.softmax("prob", net.linear("fc8", x, 1000))
    return net.build()


def vgg16(batch: int = 1) -> Workload:
    """VGG-16 (Simonyan and Zisserman 2015, arXiv:1409.1556, configuration D) at 224×224."""
    net = NetworkBuilder("vgg16")
    x = _stages(net, Tensor("input", (batch, 3, 224, 224)), _VGG16_STAGES, batch_norm=False)
    x = net.linear("fc6", x, 4096, activation="relu")
    x = net.linear("fc7", x, 4096, activation="relu")
    net.linear("fc8", x, 1000)
    return net.build()


def vgg11_cifar(batch: int = 1) -> Workload:
    """VGG-11 (configuration A) with batch normalisation at 32×32: one linear layer for 10 classes."""
    return _cifar_vgg("vgg11-cifar", batch, _VGG11_STAGES)


def vgg16_cifar(batch: int = 1) -> Workload:
    """VGG-16 (configuration D), changed as `vgg11_cifar`."""
    return _cifar_vgg("vgg16-cifar", batch, _VGG16_STAGES)


def vgg19_cifar(batch: int = 1) -> Workload:
    """VGG-19 (configuration E), changed as `vgg11_cifar`."""
    return _cifar_vgg("vgg19-cifar", batch, _VGG19_STAGES)


def _cifar_vgg(name: str, batch: int, stages: tuple[int, ...]) -> Workload:
    net = NetworkBuilder(name)
    x = _stages(net, Tensor("input", (batch, 3, 32, 32)), stages, batch_norm=True)
    net.linear("fc", x, 10)
    return net.build()


def _stages(net: NetworkBuilder, x: Tensor, stages: tuple[int, ...], *, batch_norm: bool) -> Tensor:
    for stage, (channels, count) in enumerate(zip(_CHANNELS, stages, strict=True), start=1):
        for i in range(1, count + 1):
            name = f"conv{stage}_{i}"
            x = net.conv(name, x, channels, 3, padding=1, batch_norm=batch_norm, activation="relu")
        x = net.pool(f"pool{stage}", "max_pool", x, 2, stride=2)
    return x
