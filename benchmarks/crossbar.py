"""The twin's speed: one product on crossbars against CrossSim, and a network over a thousand images.

1. 1024×1024 weights of 8 bits in pairs of 2-bit cells (4 slices, subtracted in analog), 128×128 arrays,
   8-bit inputs bit by bit, 8-bit ADCs, 128 vectors. CrossSim 3.2 took 0.68 CPU s for the same on the kind of
   machine that the figures in README.md are from; it is not on PyPI, so it is not run here.
2. ResNet-8 for CIFAR-10 (random weights), 1,000 images, one chip with every error of converters and cells.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from timing import HEADING, Used, in_fresh_process, timed, verdict

if TYPE_CHECKING:
    from archsim.numerics.crossbar import Crossbar

CROSSSIM_CPU_S = 0.68
RESNET_WALL_S = 60.0
SIZE, VECTORS, IMAGES = 1024, 128, 1000


def arrays() -> Crossbar:
    from archsim.numerics.crossbar import Converter, Crossbar

    return Crossbar(128, 128, cell_bits=2, subtract="analog", converter=Converter(8, columns=8))


def product(errors: bool, runs: int) -> list[Used]:
    """What the runs of a product took, the first one (which sizes onnxruntime's arena) left out."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from archsim.evaluation import ready_hardware
    from archsim.numerics.sessions import Session
    from archsim.numerics.twin import build_twin
    from archsim.workloads.precision import Precision

    rng = np.random.default_rng(0)
    weights = rng.standard_normal((SIZE, SIZE)).astype(np.float32)
    x = rng.random((VECTORS, SIZE), np.float32)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", SIZE]) for name in ("x", "y")]
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "mvm", ends[:1], ends[1:], [numpy_helper.from_array(weights, "w")])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mvm.onnx"
        onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
        crossbar = with_errors(arrays()) if errors else arrays()
        quantised, hardware = ready_hardware(path, {"x": x[:8]}, Precision(8, 8, 8), crossbar)
    session = Session(build_twin(quantised, hardware))
    batch = 32  # the conversions of a row group then take 4 MB

    def run() -> None:
        for start in range(0, VECTORS, batch):
            session.run(["y"], {"x": x[start : start + batch]})

    run()
    return [timed(run)[1] for _ in range(runs)]


def with_errors(crossbar: Crossbar) -> Crossbar:
    from archsim.numerics.crossbar import Cells

    converter = replace(
        crossbar.converter, gain_sigma=0.01, offset_sigma_lsb=0.3, inl_lsb=0.5, thermal_sigma_lsb=0.35
    )
    return replace(crossbar, converter=converter, cells=Cells(programming_sigma=0.02))


def resnet8(folder: Path) -> Path:
    """MLPerf Tiny's ResNet-8 for 32×32 images, 12.5 M multiply-accumulates, with random weights."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(0)
    nodes: list[onnx.NodeProto] = []
    stored: list[onnx.TensorProto] = []

    def layer(x: str, inputs: int, outputs: int, size: int = 3, stride: int = 1, relu: bool = True) -> str:
        name = f"conv{len(stored) + 1}"
        weights = rng.standard_normal((outputs, inputs, size, size)) * np.sqrt(2 / (inputs * size * size))
        stored.append(numpy_helper.from_array(weights.astype(np.float32), f"{name}_w"))
        pads = [(size - stride + 1) // 2, (size - stride + 1) // 2, size // 2, size // 2]
        made = helper.make_node("Conv", [x, f"{name}_w"], [name], name=name, strides=[stride] * 2, pads=pads)
        nodes.append(made)
        return add("Relu", name) if relu else name

    def add(operator: str, *inputs: str) -> str:
        name = f"{operator.lower()}{len(nodes)}"
        nodes.append(helper.make_node(operator, inputs, [name], name=name))
        return name

    x = layer("image", 3, 16)
    for inputs, outputs, stride in ((16, 16, 1), (16, 32, 2), (32, 64, 2)):
        y = layer(layer(x, inputs, outputs, 3, stride), outputs, outputs, relu=False)
        x = add("Relu", add("Add", y, x if stride == 1 else layer(x, inputs, outputs, 1, stride, relu=False)))
    flat = add("Flatten", add("GlobalAveragePool", x))
    stored.append(numpy_helper.from_array(rng.standard_normal((64, 10)).astype(np.float32), "fc_w"))
    nodes.append(helper.make_node("MatMul", [flat, "fc_w"], ["logits"], name="fc"))
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 32, 32])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "resnet8", [image], [logits], stored)
    path = folder / "resnet8.onnx"
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def network(images: int) -> float:
    """Wall seconds of a whole measurement: ranges, the float, the quantised and the chip's model."""
    import time

    import numpy as np

    from archsim.numerics.accuracy import AccuracyOptions, measure_accuracy
    from archsim.workloads.precision import Precision

    rng = np.random.default_rng(1)
    pixels = rng.random((images, 3, 32, 32), np.float32)
    data = {"image": pixels, "labels": rng.integers(0, 10, images)}
    with tempfile.TemporaryDirectory() as folder:
        model = resnet8(Path(folder))
        wall = time.perf_counter()
        options = AccuracyOptions(chips=1, causes=False)
        crossbar = with_errors(arrays())
        measure_accuracy(model, data, {"image": pixels[:32]}, Precision(8, 8, 8), crossbar, options)
        return time.perf_counter() - wall


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="of the product")
    parser.add_argument("--images", type=int, default=IMAGES, metavar="N", help="of the network")
    arguments = parser.parse_args()
    print(f"{SIZE}×{SIZE}, {VECTORS} vectors      {HEADING}")
    for title, errors in (("levels and ranges", False), ("and every error", True)):
        runs, _ = in_fresh_process(product, errors, arguments.runs)
        best = min(runs, key=lambda used: used.cpu_s)
        print(f"{title:26s}{best}   {CROSSSIM_CPU_S / best.cpu_s:.1f} times CrossSim's speed")
        if not errors:
            print(f"less than CrossSim's {CROSSSIM_CPU_S} CPU s: {verdict(best.cpu_s < CROSSSIM_CPU_S)}")
    wall, used = in_fresh_process(network, arguments.images)
    print(f"ResNet-8, {arguments.images} images {used}")
    print(f"in {wall:.1f} s, less than {RESNET_WALL_S:.0f}: {verdict(wall < RESNET_WALL_S)}")


if __name__ == "__main__":
    sys.exit(main())
