"""Reading an ONNX file: without its weight values for an import, with them for quantisation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import external_data_helper, inliner

from archsim.errors import InputError

# Tensors up to this many elements keep their values: shape arithmetic needs them. Larger ones are weights,
# whose values would only slow the import.
KEPT_ELEMENTS = 1024

_DATA_FIELDS = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data")
# Where a default-domain operator goes that ONNX does not define, so that shape inference steps over it.
UNKNOWN_DOMAIN = "unknown"


def read_model(path: Path) -> onnx.ModelProto:
    """The model, local functions inlined, every used domain declared, values of large tensors dropped."""
    model = parse_model(path)
    _load_small_external_data(model, path.parent)
    strip_large_tensors(model)
    declare_domains(model)
    if model.functions:
        model = _inline_functions(model, path)
        strip_large_tensors(model)
        declare_domains(model)
    return model


def read_model_with_values(path: Path) -> onnx.ModelProto:
    """As `read_model`, with all values. Raises InputError where a file of external weights is missing."""
    model = parse_model(path)
    try:
        external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, RuntimeError, onnx.checker.ValidationError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{path}: the weights stored beside the model cannot be read: {reason}") from error
    _constants_as_initializers(model.graph)
    declare_domains(model)
    if model.functions:
        model = _inline_functions(model, path)
        _constants_as_initializers(model.graph)
        declare_domains(model)
    return model


def parse_model(path: Path) -> onnx.ModelProto:
    """The file as it is, without what is stored beside it. Raises InputError when it is no model."""
    if not path.exists():
        raise InputError(f"model file {path} does not exist; give the path of an .onnx file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"model file {path} cannot be read: {error.strerror}") from error
    if not data:
        raise InputError(f"model file {path} is empty")
    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise InputError(f"{path} is not a readable ONNX model (cut short, or another format)") from error
    if not model.HasField("graph") or not model.graph.node:
        raise InputError(
            f"{path} has no network: it holds no graph with nodes, so it is not a usable ONNX model"
        )
    return model


def element_count(tensor: onnx.TensorProto) -> int:
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def strip_large_tensors(model: onnx.ModelProto) -> None:
    """Drop the values of large tensors; a large Constant node becomes an initializer.

    Subgraphs (If, Loop) keep theirs: ONNX Runtime needs them to take the branch apart.
    """
    graph = model.graph
    _constants_as_initializers(graph)
    for tensor in graph.initializer:
        if element_count(tensor) > KEPT_ELEMENTS:
            for field in _DATA_FIELDS:
                tensor.ClearField(field)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")


def _constants_as_initializers(graph: onnx.GraphProto) -> None:
    """Large Constant nodes become initializers."""
    kept = []
    for node in graph.node:
        constant = next((a.t for a in node.attribute if a.name == "value" and a.HasField("t")), None)
        if node.op_type == "Constant" and constant is not None and element_count(constant) > KEPT_ELEMENTS:
            graph.initializer.add().CopyFrom(constant)
            graph.initializer[-1].name = node.output[0]
        else:
            kept.append(node)
    if len(kept) < len(graph.node):
        del graph.node[:]
        graph.node.extend(kept)


def _load_small_external_data(model: onnx.ModelProto, folder: Path) -> None:
    for tensor in model.graph.initializer:
        external = tensor.data_location == onnx.TensorProto.EXTERNAL
        if external and element_count(tensor) <= KEPT_ELEMENTS:
            try:
                external_data_helper.load_external_data_for_tensor(tensor, str(folder))
            except (OSError, ValueError, RuntimeError, onnx.checker.ValidationError):
                continue  # a missing weight file: shapes suffice, and a missing shape constant shows up later


def declare_domains(model: onnx.ModelProto) -> None:
    """Add the opset imports that are missing, and give operators unknown to ONNX a domain of their own."""
    for entry in (*model.opset_import, *_all_nodes(model.graph)):
        entry.domain = "" if entry.domain == "ai.onnx" else entry.domain  # two names of one domain
    versions = {entry.domain: entry.version for entry in model.opset_import}
    default = versions.get("")
    if default is None:
        default = 1 if model.ir_version < 3 else onnx.defs.onnx_opset_version()
        model.opset_import.append(onnx.helper.make_opsetid("", default))
    local = {(function.domain, function.name) for function in model.functions}
    for node in _all_nodes(model.graph):
        known = node.domain or onnx.defs.has(node.op_type, default, "") or ("", node.op_type) in local
        if not known:
            node.domain = UNKNOWN_DOMAIN
        if node.domain and node.domain not in versions:
            versions[node.domain] = 1
            model.opset_import.append(onnx.helper.make_opsetid(node.domain, 1))


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for inner in subgraphs(node):
            yield from _all_nodes(inner)


def subgraphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    """The graphs that a control-flow node holds."""
    return [a.g for a in node.attribute if a.HasField("g")]


def _inline_functions(model: onnx.ModelProto, path: Path) -> onnx.ModelProto:
    try:
        return inliner.inline_local_functions(model)
    except Exception as error:  # the C++ inliner raises many kinds
        names = ", ".join(sorted({function.name for function in model.functions}))
        raise InputError(
            f"{path}: the model's local functions ({names}) cannot be inlined: {error}"
        ) from error
