"""Small pieces of an ONNX graph under construction: nodes, constants, and a few idioms of several nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

_AXES_AS_INPUT = 18  # from this opset on, reductions other than ReduceSum read their axes as an input

Attributes = Mapping[str, Any]
"""Of an ONNX node: numbers, texts and lists of them."""


class GraphBuilder:
    """Nodes and initializers in the order they are added; names start with `scope`. `outputs` are to be read
    beside the model's own."""

    def __init__(self, opset: int) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.outputs: list[str] = []
        self.scope = ""
        self._opset = opset
        self._names: set[str] = set()
        self._scalars: dict[tuple[str, bytes, tuple[int, ...]], str] = {}

    def name(self, role: str) -> str:
        """A fresh name in the scope."""
        base = name = f"{self.scope}/{role}"
        copy = 1
        while name in self._names:
            copy += 1
            name = f"{base}_{copy}"
        self._names.add(name)
        return name

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """A node with one output, whose name comes back."""
        made = output or self.name(operator.lower())
        self.nodes.append(helper.make_node(operator, inputs, [made], name=made, **attributes))
        return made

    def constant(self, role: str, values: NDArray[np.generic]) -> str:
        name = self.name(role)
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def small(self, values: NDArray[np.generic]) -> str:
        """A constant that is stored once however often it is asked for."""
        key = (values.dtype.str, values.tobytes(), values.shape)
        if key not in self._scalars:
            name = f"archsim/constant_{len(self._scalars)}"
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
            self._scalars[key] = name
        return self._scalars[key]

    def scalar(self, value: float) -> str:
        return self.small(np.asarray(value, np.float32))

    def integers(self, *values: int) -> str:
        return self.small(np.asarray(values, np.int64))

    def times(self, tensor: str, factor: float) -> str:
        return tensor if factor == 1 else self.add("Mul", tensor, self.scalar(factor))

    def total(self, tensors: Sequence[str]) -> str:
        return tensors[0] if len(tensors) == 1 else self.add("Sum", *tensors)

    def shape_but(self, tensor: str, ending: str) -> str:
        """The shape of `tensor` with `ending` in place of its last axis."""
        shape = self.add("Shape", tensor)
        leading = self.add("Slice", shape, self.integers(0), self.integers(-1))
        return self.add("Concat", leading, ending, axis=0)

    def mean(self, tensor: str, axes: Sequence[int] | None = None, output: str | None = None) -> str:
        """The mean over all axes, or over some that are kept with size 1."""
        keep = int(axes is not None)
        if axes is None:
            return self.add("ReduceMean", tensor, output=output, keepdims=keep)
        if self._opset >= _AXES_AS_INPUT:
            return self.add("ReduceMean", tensor, self.integers(*axes), output=output, keepdims=keep)
        return self.add("ReduceMean", tensor, output=output, axes=list(axes), keepdims=keep)
