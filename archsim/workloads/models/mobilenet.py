"""MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381)."""

from __future__ import annotations

from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.workload import Workload

# The paper's table 2: expansion factor, output channels, repeats, stride of the first repeat.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenetv2(batch: int = 1) -> Workload:
    """MobileNetV2, width 1.0, at 224×224."""
    net = NetworkBuilder("mobilenetv2")
    x = net.conv(
        "conv1", Tensor("input", (batch, 3, 224, 224)), 32, 3, stride=2, padding=1, activation="relu6"
    )
    for stage, (expansion, channels, repeats, first_stride) in enumerate(_STAGES, start=1):
        for i in range(repeats):
            x = _inverted_residual(
                net, f"stage{stage}.{i}", x, expansion, channels, first_stride if i == 0 else 1
            )
    x = net.conv("conv_last", x, 1280, 1, activation="relu6")
    net.linear("classifier", net.global_average_pool("avgpool", x), 1000)
    return net.build()


def _inverted_residual(
    net: NetworkBuilder, name: str, x: Tensor, expansion: int, channels: int, stride: int
) -> Tensor:
    hidden = expansion * x.shape[1]
    y = x
    if expansion > 1:
        y = net.conv(f"{name}.expand", y, hidden, 1, activation="relu6")
    y = net.conv(
        f"{name}.depthwise", y, hidden, 3, stride=stride, padding=1, groups=hidden, activation="relu6"
    )
    y = net.conv(f"{name}.project", y, channels, 1)
    return net.add(f"{name}.add", x, y) if x.shape == y.shape else y
