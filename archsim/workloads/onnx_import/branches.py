"""Taking the branch of an If whose condition follows from constants and shapes."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from archsim.workloads.onnx_import.tensor_types import TensorType

_LONGEST_CONDITION = 200  # nodes; conditions are a comparison or two on a shape or a constant


def take_constant_branches(model: onnx.ModelProto, types: Mapping[str, TensorType]) -> bool:
    """Replace, in place, every such If by the nodes of the branch it takes; says whether there was one."""
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    changed = False
    for node in graph.node:
        taken = None
        if node.op_type == "If" and node.input:
            taken = _condition(node.input[0], producers, constants, types, model)
        key = "then_branch" if taken else "else_branch"
        branch = next((a.g for a in node.attribute if a.name == key), None)
        if taken is None or branch is None:
            nodes.append(node)
            continue
        changed = True
        graph.initializer.extend(branch.initializer)
        nodes.extend(branch.node)
        for inner, outer in zip(branch.output, node.output, strict=True):
            name = f"{node.name}/{outer}"
            nodes.append(onnx.helper.make_node("Identity", [inner.name], [outer], name=name))
    if changed:
        del graph.node[:]
        graph.node.extend(nodes)
    return changed


def _condition(
    name: str,
    producers: Mapping[str, onnx.NodeProto],
    constants: Mapping[str, onnx.TensorProto],
    types: Mapping[str, TensorType],
    model: onnx.ModelProto,
) -> bool | None:
    """The value of a condition, evaluated on the few nodes that lead to it; None if an input decides it."""
    needed, values, pending = [], {}, [name]
    seen: set[str] = set()
    while pending:
        tensor = pending.pop()
        if tensor in seen or not tensor:
            continue
        seen.add(tensor)
        node = producers.get(tensor)
        if tensor in constants:
            values[tensor] = constants[tensor]
        elif node is None or len(needed) > _LONGEST_CONDITION:
            return None
        elif node.op_type == "Shape":
            known = types.get(node.input[0])
            if known is None or known.shape is None or node.attribute:
                return None
            sizes = onnx.TensorProto(name=tensor, data_type=onnx.TensorProto.INT64, dims=[len(known.shape)])
            sizes.int64_data.extend(known.shape)
            values[tensor] = sizes
        else:
            needed.append(node)
            pending.extend(node.input)
    ordered = sorted(needed, key=list(producers.values()).index)
    return _evaluate(name, ordered, list(values.values()), model)


def _evaluate(
    name: str, nodes: list[onnx.NodeProto], values: list[onnx.TensorProto], model: onnx.ModelProto
) -> bool | None:
    from onnx.reference import ReferenceEvaluator

    output = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.BOOL, None)
    graph = onnx.helper.make_graph(nodes, "condition", [], [output], values)
    condition = onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        (value,) = ReferenceEvaluator(condition).run(None, {})
        return bool(value)
    except Exception:  # a value that was not kept, an operator without reference: the condition stays open
        return None
