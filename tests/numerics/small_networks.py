"""Small networks with random weights, and their outputs by an onnxruntime session of their own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

node = helper.make_node


def he(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """He-normal weights of a convolution or a transposed gemm."""
    return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))).astype(np.float32)


def convnet(seed: int = 0, *, softmax: bool = False, batch: int | str = "batch") -> onnx.ModelProto:
    """conv, batch norm, ReLU; a residual conv; a depthwise conv; pooling; gemm to 5 classes."""
    rng = np.random.default_rng(seed)
    last = "logits_" if softmax else "logits"
    nodes = [
        node("Conv", ["x", "w1"], ["c1"], name="conv1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", ["c1", "gamma", "beta", "mean", "var"], ["n1"], name="norm1"),
        node("Relu", ["n1"], ["r1"], name="relu1"),
        node("Conv", ["r1", "w2", "b2"], ["c2"], name="conv2", pads=[1, 1, 1, 1]),
        node("Add", ["c2", "r1"], ["s2"], name="sum"),
        node("Relu", ["s2"], ["r2"], name="relu2"),
        node("Conv", ["r2", "w3"], ["c3"], name="depthwise", group=8, pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", ["c3"], ["p"], name="pool"),
        node("Flatten", ["p"], ["f"], name="flatten"),
        node("Gemm", ["f", "w4", "b4"], [last], name="fc", transB=1),
    ]
    if softmax:
        nodes.append(node("Softmax", [last], ["logits"], name="softmax"))
    constants = {
        "w1": he(rng, 8, 3, 3, 3),
        "gamma": rng.uniform(0.2, 3, 8).astype(np.float32),
        "beta": rng.standard_normal(8).astype(np.float32),
        "mean": rng.standard_normal(8).astype(np.float32),
        "var": rng.uniform(0.5, 2, 8).astype(np.float32),
        "w2": he(rng, 8, 8, 3, 3),
        "b2": rng.standard_normal(8).astype(np.float32),
        "w3": he(rng, 8, 1, 3, 3),
        "w4": he(rng, 5, 8) * 0.5,
        "b4": rng.standard_normal(5).astype(np.float32),
    }
    return model_of(nodes, {"x": [batch, 3, 8, 8]}, {"logits": [batch, 5]}, constants)


def model_of(
    nodes: list[onnx.NodeProto],
    inputs: Mapping[str, list[int | str]],
    outputs: Mapping[str, list[int | str]],
    constants: Mapping[str, np.ndarray],
    opset: int = 17,
) -> onnx.ModelProto:
    def values(shapes: Mapping[str, list[int | str]]) -> list[onnx.ValueInfoProto]:
        return [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]

    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "test", values(inputs), values(outputs), stored)
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


def save(model: onnx.ModelProto, folder: Path, name: str = "net.onnx") -> Path:
    path = folder / name
    path.write_bytes(model.SerializeToString())
    return path


def constants_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}


def with_constants(model: onnx.ModelProto, **values: np.ndarray) -> onnx.ModelProto:
    """A copy with some initializers of other values."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        if tensor.name in values:
            tensor.CopyFrom(numpy_helper.from_array(values[tensor.name].astype(np.float32), tensor.name))
    return changed


def run(model: onnx.ModelProto, feeds: Mapping[str, np.ndarray], *wanted: str) -> list[np.ndarray]:
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    have = {value.name for value in watched.graph.output}
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in have)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(list(wanted) or None, dict(feeds))


def images(seed: int = 1, count: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 3, 8, 8)).astype(np.float32)
