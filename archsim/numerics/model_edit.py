"""Rewriting an ONNX model's protobuf fields."""

from __future__ import annotations

from typing import Any

import onnx


def copied(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def replace_all(field: Any, messages: list[Any]) -> None:
    """Let a repeated field hold `messages`, which may come from the field itself."""
    kept = [copied(message) for message in messages]
    del field[:]
    field.extend(kept)


def reads(node: onnx.NodeProto) -> list[str]:
    """Names that a node reads, its subgraphs included."""
    inner = [name for a in node.attribute for n in a.g.node for name in reads(n)]
    return [*node.input, *inner]


def drop_unread(graph: onnx.GraphProto) -> None:
    """Remove initializers that nobody reads."""
    used = {name for node in graph.node for name in reads(node)} | {v.name for v in graph.output}
    replace_all(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in used])


def with_outputs(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    """A copy of `model` with `names` among its outputs."""
    changed = copied(model)
    known = {value.name for value in changed.graph.output}
    changed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    return changed
