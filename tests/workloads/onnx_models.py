"""Small ONNX models for tests, and ONNX Runtime as the witness of their shapes and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from archsim.workloads.onnx_import import load_onnx
from archsim.workloads.workload import Workload

Node = onnx.NodeProto
node = helper.make_node


def build(
    nodes: Sequence[Node],
    inputs: Mapping[str, Sequence[int | str | None]],
    outputs: Sequence[str],
    constants: Mapping[str, np.ndarray] = {},
    *,
    opset: int = 21,
    element: int = TensorProto.FLOAT,
    domains: Mapping[str, int] = {},
) -> onnx.ModelProto:
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info(name, element, list(shape)) for name, shape in inputs.items()],
        [onnx.ValueInfoProto(name=name) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, v) for d, v in domains.items())]
    return helper.make_model(graph, ir_version=10, opset_imports=opsets)


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def load(model: onnx.ModelProto, folder: Path, **options) -> Workload:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return load_onnx(path, **options)


def run_all(model: onnx.ModelProto, inputs: Mapping[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
    """Every tensor of the model as ONNX Runtime computes it; inputs are all ones unless given."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    del watched.graph.output[:]
    names = [name for n in model.graph.node for name in n.output if name]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = dict(inputs or {})
    for value in model.graph.input:
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        feeds.setdefault(value.name, np.ones(shape, dtype))
    return {**feeds, **dict(zip(names, session.run(names, feeds), strict=True))}


def check_shapes(workload: Workload, model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Every activation of the workload that ONNX Runtime knows has the shape it has there."""
    values = run_all(model)
    tensors = {t.name: t.shape for layer in workload.layers for t in (*layer.inputs, *layer.outputs)}
    seen = {name for name in tensors if name in values}
    assert seen, "no tensor of the workload is one of the model"
    for name in seen:
        assert tensors[name] == values[name].shape, name
    return values


def only(workload: Workload, operator: str):
    """The one layer of that operator."""
    (layer,) = [layer for layer in workload.layers if layer.operator == operator]
    return layer


def operators(workload: Workload) -> list[str]:
    return [layer.operator for layer in workload.layers]
