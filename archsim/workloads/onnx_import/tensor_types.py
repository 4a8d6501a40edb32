"""Element type and shape of ONNX tensors."""

from __future__ import annotations

from dataclasses import dataclass

import onnx


@dataclass(frozen=True, slots=True)
class TensorType:
    """Element type (an onnx.TensorProto number) and shape; None where an axis is not known."""

    element: int
    shape: tuple[int, ...] | None


def type_of(value: onnx.ValueInfoProto) -> TensorType:
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return TensorType(kind.elem_type, None)
    sizes = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim)
    return TensorType(kind.elem_type, sizes if min(sizes, default=0) >= 0 else None)
