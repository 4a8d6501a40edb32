"""Values of an ONNX model's static tensors: the stored ones, and what is computed from them alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from archsim.errors import InputError
from archsim.numerics.quantise import Floats

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

    def _value(self, name: str) -> Any:
        if name in self._stored:
            return np.asarray(numpy_helper.to_array(self._stored[name]))
        if name not in self._makers:
            raise InputError(
                f"tensor {name!r} has no values in the model; store them, or do without its weights"
            )
        from onnx.reference import ReferenceEvaluator

        node = self._makers[name]
        feeds = {source: self._value(source) for source in node.input if source}
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
