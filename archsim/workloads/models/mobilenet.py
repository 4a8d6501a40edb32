"""MobileNetV1 (Howard et al. 2017, arXiv:1704.04861) and V2 (Sandler et al. 2018, arXiv:1801.04381)."""

from __future__ import annotations

from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.workload import Workload

# V1, table 1 of the paper: output channels at width 1.0 and stride of each depthwise separable block.
_BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    *5 * ((512, 1),),
    (1024, 2),
    (1024, 1),
)
# V2, table 2 of the paper: expansion factor, output channels, repeats, stride of the first repeat.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def mobilenetv1(width: float, size: int, classes: int = 1000, batch: int = 1) -> Workload:
    """MobileNetV1 with a share `width` of the channels, at size × size.

    As Keras and TensorFlow have it: "same" padding puts the odd row and column of an even image at stride 2
    at the bottom right.
    """
    net = NetworkBuilder(f"mobilenetv1-{width * 100:03.0f}-{size}")

    def padding(stride: int) -> tuple[int, int, int, int]:
        return (0, 0, 1, 1) if stride == 2 else (1, 1, 1, 1)

    x = Tensor("input", (batch, 3, size, size))
    x = net.conv("conv1", x, int(32 * width), 3, stride=2, padding=padding(2), activation="relu")
    for number, (channels, stride) in enumerate(_BLOCKS, start=1):
        name, depth, pads = f"block{number}", x.shape[1], padding(stride)
        x = net.conv(
            f"{name}.depthwise", x, depth, 3, stride=stride, padding=pads, groups=depth, activation="relu"
        )
        x = net.conv(f"{name}.pointwise", x, int(channels * width), 1, activation="relu")
    x = net.linear("fc", net.global_average_pool("avgpool", x), classes)
    net.softmax("softmax", x)
    return net.build()


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
