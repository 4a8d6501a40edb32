"""Values of an ONNX model's static tensors: the stored ones, and what is computed from them alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from archsim.errors import InputError
from archsim.numerics.quantise import Floats
from archsim.workloads.onnx_import.graph import REARRANGING

_QUANTISE_OPSET = 21


class StaticValues:
    """Initializers by name; others by running the nodes that make them in onnx's reference evaluator."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._opsets = list(model.opset_import)
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self._makers = {name: node for node in model.graph.node for name in node.output if name}

    def of(self, name: str) -> Floats:
        """The values of a static tensor. Raises InputError when they cannot be had."""
        try:
            return self._value(name)
        except InputError:
            raise
        except Exception as error:  # the evaluator raises whatever an operator's implementation does
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(
                f"the values of constant tensor {name!r} cannot be computed ({reason}); "
                "fold the model's constants (onnxsim) first, or do without its weights"
            ) from error

    def whole_numbers(self, name: str) -> Floats | None:
        """What a dequantised tensor's values are multiples of their scale by; None where there is no scale.

        Raises InputError as `of`.
        """
        node = self._makers.get(name)
        if node is None:
            return None
        if node.op_type == "DequantizeLinear":
            stored = self.of(node.input[0]).astype(np.float64)
            return stored - self._zero_point(node, stored.ndim)
        if node.op_type not in REARRANGING:
            return None
        source = self.whole_numbers(node.input[0])
        if source is None or node.op_type == "QuantizeLinear":
            return None
        return self._computed(name, node, {node.input[0]: source})

    def _zero_point(self, node: onnx.NodeProto, rank: int) -> Floats:
        """Shaped so that it is of the axis that the node scales."""
        if len(node.input) < 3 or not node.input[2]:
            return np.zeros(())
        zero = self.of(node.input[2]).astype(np.float64)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1) % max(1, rank)
        return zero if zero.size == 1 else zero.reshape([-1 if i == axis else 1 for i in range(rank)])

    def _value(self, name: str) -> Any:
        if name in self._stored:
            return np.asarray(numpy_helper.to_array(self._stored[name]))
        if name not in self._makers:
            raise InputError(
                f"tensor {name!r} has no values in the model; store them, or do without its weights"
            )
        return self._computed(name, self._makers[name], {})

    def _computed(self, name: str, node: onnx.NodeProto, given: Mapping[str, Any]) -> Any:
        """The output of one node; `given` inputs take the place of their own values."""
        from onnx.reference import ReferenceEvaluator

        feeds = {source: given.get(source) for source in node.input if source}
        feeds = {source: self._value(source) if v is None else v for source, v in feeds.items()}
        graph = helper.make_graph(
            [node],
            "constant",
            [onnx.ValueInfoProto(name=source) for source in feeds],
            [onnx.ValueInfoProto(name=name)],
        )
        model = helper.make_model(graph, opset_imports=self._opsets_for(node))
        (values,) = ReferenceEvaluator(model).run([name], feeds)
        return np.asarray(values)

    def _opsets_for(self, node: onnx.NodeProto) -> list[onnx.OperatorSetIdProto]:
        """The model's opsets; the evaluator has the older quantisation operators in their newer form only."""
        if node.op_type not in ("DequantizeLinear", "QuantizeLinear") or node.domain not in ("", "ai.onnx"):
            return self._opsets
        version = max((entry.version for entry in self._opsets if entry.domain in ("", "ai.onnx")), default=1)
        return [helper.make_opsetid("", max(_QUANTISE_OPSET, version))]
