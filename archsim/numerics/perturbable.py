"""A network in one onnxruntime session whose weights and activations can be perturbed run by run.

Every weight operand becomes an input of the graph, so a run brings its own values. Before every watched
activation stands a branch that a flag opens:

    x  →  If(active[i])  then  clip(round(x / scale[i]), lowest[i], highest[i]) · scale[i]   else  x

`active`, `scale`, `lowest`, `highest` are inputs of the graph as well, one entry an activation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from archsim.errors import InputError
from archsim.numerics.model_edit import copied, drop_unread, replace_all
from archsim.numerics.onnx_operands import Slot
from archsim.numerics.quantise import Floats, Quantiser
from archsim.numerics.sessions import Session
from archsim.workloads.onnx_import.input_dims import network_inputs

_PREFIX = "archsim/"
_SETTINGS = {"active": TensorProto.BOOL, **dict.fromkeys(("scale", "lowest", "highest"), TensorProto.FLOAT)}
_MAX_IR = 10  # every onnxruntime since 1.18 reads it
_LEAST_OPSET = 11  # the first with Round
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


class PerturbableModel:
    """Build once, run many times; `run` may be called from several threads.

    `weights` are the values of the operands that may be replaced, as the nodes read them; `activations` the
    slots that may be quantised, whose tensors `watch` reads. Raises InputError without onnxruntime, and for a
    model that it refuses.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        weights: Mapping[Slot, Floats],
        activations: Sequence[Slot],
        outputs: Sequence[str],
        *,
        without: str = "",
    ) -> None:
        self._outputs = list(outputs)
        self._activations = {slot: place for place, slot in enumerate(activations)}
        self._tensors = [model.graph.node[slot.node].input[slot.input] for slot in activations]
        self._weights = {slot: f"{_PREFIX}weight_{place}" for place, slot in enumerate(weights)}
        types = _element_types(model)
        self._feeds: dict[str, NDArray[np.generic]] = {}
        for slot, values in weights.items():
            element = types.get(model.graph.node[slot.node].input[slot.input], TensorProto.FLOAT)
            stored = np.dtype(helper.tensor_dtype_to_np_dtype(element))
            self._feeds[self._weights[slot]] = np.ascontiguousarray(values, stored)
        if activations:
            _require_round(model)
            self._feeds |= self._settings({})
        # runs go in parallel instead of operators, and sums keep their order
        self._session = Session(self._rewritten(model, types), without=without)

    def run(
        self,
        feeds: Mapping[str, NDArray[np.generic]],
        weights: Mapping[Slot, Floats] | None = None,
        activations: Mapping[Slot, Quantiser] | None = None,
    ) -> list[Floats]:
        """The outputs with some weights replaced and some activations quantised."""
        names = {self._weights[slot]: values for slot, values in (weights or {}).items()}
        replaced = {name: values.astype(self._feeds[name].dtype) for name, values in names.items()}
        settings = self._settings(activations) if activations else {}
        return self._session.run(self._outputs, {**self._feeds, **feeds, **replaced, **settings})

    def watch(self, feeds: Mapping[str, NDArray[np.generic]]) -> list[Floats]:
        """The unperturbed tensors at the activations' slots, in their order."""
        made = [name for name in dict.fromkeys(self._tensors) if name not in feeds]
        values: dict[str, Any] = dict(
            zip(made, self._session.run(made, {**self._feeds, **feeds}) if made else [], strict=True)
        )
        values |= {name: np.asarray(feeds[name]) for name in self._tensors if name in feeds}
        return [values[name] for name in self._tensors]

    def _settings(self, quantisers: Mapping[Slot, Quantiser]) -> dict[str, NDArray[np.generic]]:
        count = len(self._activations)
        active, scale = np.zeros(count, np.bool_), np.ones(count, np.float32)
        lowest, highest = np.zeros(count, np.float32), np.zeros(count, np.float32)
        for slot, quantiser in quantisers.items():
            place = self._activations[slot]
            active[place] = float(quantiser.scale) > 0  # all values are zero otherwise, and exact
            scale[place] = float(quantiser.scale) or 1.0
            lowest[place], highest[place] = quantiser.lowest, quantiser.highest
        values = (active, scale, lowest, highest)
        return {_PREFIX + name: value for name, value in zip(_SETTINGS, values, strict=True)}

    def _rewritten(self, model: onnx.ModelProto, types: Mapping[str, int]) -> onnx.ModelProto:
        """A copy with the new inputs and branches, and without the weights that nobody reads any more."""
        changed = copied(model)
        changed.ir_version = min(model.ir_version, _MAX_IR)
        graph = changed.graph
        new_inputs = network_inputs(graph)
        for slot, name in self._weights.items():
            graph.node[slot.node].input[slot.input] = name
            values = self._feeds[name]
            kind = helper.np_dtype_to_tensor_dtype(values.dtype)
            new_inputs.append(helper.make_tensor_value_info(name, kind, values.shape))
        branches = {
            slot: _branch(place, self._tensors[place], types.get(self._tensors[place], TensorProto.FLOAT))
            for slot, place in self._activations.items()
        }
        count = len(self._activations)
        if count:
            new_inputs += [
                helper.make_tensor_value_info(_PREFIX + n, t, [count]) for n, t in _SETTINGS.items()
            ]
        nodes = []
        for place, node in enumerate(graph.node):
            for slot, branch in branches.items():
                if slot.node == place:
                    nodes += branch
                    node.input[slot.input] = branch[-1].output[0]
            nodes.append(node)
        known = {value.name for value in (*graph.output, *new_inputs)}
        wanted = dict.fromkeys((*self._outputs, *self._tensors))
        watched = [onnx.ValueInfoProto(name=name) for name in wanted if name not in known]
        replace_all(graph.node, nodes)
        replace_all(graph.input, new_inputs)
        graph.output.extend(watched)
        drop_unread(graph)
        return changed


def _branch(place: int, tensor: str, element: int) -> list[onnx.NodeProto]:
    """The nodes that quantise `tensor` when its flag is set; the last one's output takes its place."""
    if element not in _FLOATS:
        raise InputError(
            f"activation {tensor!r} is not float16, float32 or float64; "
            "calibrate on the model in floating point"
        )
    name = f"{_PREFIX}activation_{place}"
    index = numpy_helper.from_array(np.asarray(place, np.int64), f"{name}/place")

    def setting(kind: str) -> onnx.NodeProto:
        return helper.make_node("Gather", [_PREFIX + kind, f"{name}/place"], [f"{name}/{kind}"])

    def step(operator: str, inputs: list[str], output: str, **attributes: Any) -> onnx.NodeProto:
        return helper.make_node(operator, inputs, [f"{name}/{output}"], **attributes)

    quantise = [
        *(setting(kind) for kind in ("scale", "lowest", "highest")),
        step("Cast", [tensor], "wide", to=TensorProto.FLOAT),
        step("Div", [f"{name}/wide", f"{name}/scale"], "steps"),
        step("Round", [f"{name}/steps"], "rounded"),
        step("Clip", [f"{name}/rounded", f"{name}/lowest", f"{name}/highest"], "codes"),
        step("Mul", [f"{name}/codes", f"{name}/scale"], "levels"),
        step("Cast", [f"{name}/levels"], "quantised", to=element),
    ]
    result = [helper.make_tensor_value_info(f"{name}/quantised", element, None)]
    then = helper.make_graph(quantise, "quantise", [], result, [index])
    passed = [helper.make_tensor_value_info(f"{name}/passed", element, None)]
    other = helper.make_graph([step("Identity", [tensor], "passed")], "pass", [], passed)
    flag = helper.make_node("Constant", [], [f"{name}/flag_place"], value=index)
    active = helper.make_node("Gather", [f"{_PREFIX}active", f"{name}/flag_place"], [f"{name}/active"])
    choice = helper.make_node("If", [f"{name}/active"], [name], then_branch=then, else_branch=other)
    return [flag, active, choice]


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception:  # what inference cannot read, onnxruntime may
        graph = model.graph
    values = (*graph.value_info, *graph.input, *graph.output)
    found = {value.name: value.type.tensor_type.elem_type for value in values}
    found |= {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    return {name: element for name, element in found.items() if element}


def _require_round(model: onnx.ModelProto) -> None:
    opset = next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 1)
    if opset < _LEAST_OPSET:
        raise InputError(
            f"the model has opset {opset}, and quantising activations needs {_LEAST_OPSET} or later: "
            "convert it (onnx.version_converter.convert_version) or leave the activation bits out"
        )
