"""Residual networks (He et al. 2016, arXiv:1512.03385)."""

from __future__ import annotations

from collections.abc import Callable

from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.workload import Workload

Block = Callable[[NetworkBuilder, str, Tensor, int, int], Tensor]


def resnet18(batch: int = 1) -> Workload:
    """ResNet-18 at 224×224."""
    return _imagenet_resnet("resnet18", batch, _basic_block, (2, 2, 2, 2))


def resnet50(batch: int = 1) -> Workload:
    """ResNet-50 at 224×224, the stride in the 3×3 convolution (called v1.5)."""
    return _imagenet_resnet("resnet50", batch, _bottleneck_block, (3, 4, 6, 3))


def resnet20(batch: int = 1) -> Workload:
    """ResNet-20 for CIFAR-10 at 32×32, projections (the paper's option B) where a shortcut changes shape."""
    net = NetworkBuilder("resnet20")
    x = net.conv("conv1", Tensor("input", (batch, 3, 32, 32)), 16, 3, padding=1, activation="relu")
    for stage, channels in enumerate((16, 32, 64), start=1):
        for block in range(3):
            stride = 2 if stage > 1 and block == 0 else 1
            x = _basic_block(net, f"layer{stage}.{block}", x, channels, stride)
    net.linear("fc", net.global_average_pool("avgpool", x), 10)
    return net.build()


def resnet18_cifar(batch: int = 1) -> Workload:
    """ResNet-18 at 32×32 for 10 classes: a 3×3 first convolution of stride 1, no pooling behind it."""
    return _cifar_resnet("resnet18-cifar", batch, _basic_block, (2, 2, 2, 2))


def resnet50_cifar(batch: int = 1) -> Workload:
    """ResNet-50 at 32×32 for 10 classes, changed as `resnet18_cifar`."""
    return _cifar_resnet("resnet50-cifar", batch, _bottleneck_block, (3, 4, 6, 3))


def _imagenet_resnet(name: str, batch: int, block: Block, blocks: tuple[int, ...]) -> Workload:
    net = NetworkBuilder(name)
    image = Tensor("input", (batch, 3, 224, 224))
    x = net.conv("conv1", image, 64, 7, stride=2, padding=3, activation="relu")
    x = net.pool("maxpool", "max_pool", x, 3, stride=2, padding=1)
    return _four_stages(net, x, block, blocks, classes=1000)


def _cifar_resnet(name: str, batch: int, block: Block, blocks: tuple[int, ...]) -> Workload:
    net = NetworkBuilder(name)
    image = Tensor("input", (batch, 3, 32, 32))
    x = net.conv("conv1", image, 64, 3, padding=1, activation="relu")
    return _four_stages(net, x, block, blocks, classes=10)


def _four_stages(
    net: NetworkBuilder, x: Tensor, block: Block, blocks: tuple[int, ...], *, classes: int
) -> Workload:
    for stage, count in enumerate(blocks, start=1):
        for i in range(count):
            stride = 2 if stage > 1 and i == 0 else 1
            x = block(net, f"layer{stage}.{i}", x, 32 << stage, stride)
    net.linear("fc", net.global_average_pool("avgpool", x), classes)
    return net.build()


def _basic_block(net: NetworkBuilder, name: str, x: Tensor, channels: int, stride: int) -> Tensor:
    y = net.conv(f"{name}.conv1", x, channels, 3, stride=stride, padding=1, activation="relu")
    y = net.conv(f"{name}.conv2", y, channels, 3, padding=1)
    return net.add(f"{name}.add", y, _shortcut(net, name, x, y, stride), activation="relu")


def _bottleneck_block(net: NetworkBuilder, name: str, x: Tensor, channels: int, stride: int) -> Tensor:
    y = net.conv(f"{name}.conv1", x, channels, 1, activation="relu")
    y = net.conv(f"{name}.conv2", y, channels, 3, stride=stride, padding=1, activation="relu")
    y = net.conv(f"{name}.conv3", y, 4 * channels, 1)
    return net.add(f"{name}.add", y, _shortcut(net, name, x, y, stride), activation="relu")


def _shortcut(net: NetworkBuilder, name: str, x: Tensor, y: Tensor, stride: int) -> Tensor:
    if x.shape == y.shape:
        return x
    return net.conv(f"{name}.downsample", x, y.shape[1], 1, stride=stride)
