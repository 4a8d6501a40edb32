"""Giving the network's inputs concrete sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import onnx

from archsim.errors import InputError

BATCH_NAMES = frozenset({"n", "b", "bs", "batch", "batch_size", "batchsize"})
_INTEGER_FIELDS: Mapping[int, str] = {
    onnx.TensorProto.INT64: "int64_data",
    onnx.TensorProto.INT32: "int32_data",
}


def network_inputs(graph: onnx.GraphProto) -> list[onnx.ValueInfoProto]:
    """Graph inputs that are no initializers (files of IR version 3 list those too)."""
    static = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in static]


def bind_dims(model: onnx.ModelProto, dims: Mapping[str, int]) -> list[str]:
    """Make every input axis a number, in place; returns warnings about sizes taken by default.

    The symbols bound are replaced in stored shapes as well. Stored shapes are dropped when a size that the
    file fixes is changed.
    """
    graph = model.graph
    for key, value in dims.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InputError(f"dimension {key}={value!r} is not valid; give a whole number of at least 1")
    _check_keys(graph, dims)
    _bind_scalars(graph, dims)
    inputs = network_inputs(graph)
    symbols = {name: value for name, value in dims.items() if name in _symbols(inputs)}
    warnings: list[str] = []
    missing: list[str] = []
    changed = False
    for tensor in inputs:
        for axis, dim in enumerate(_axes(tensor)):
            fixed = dim.dim_value if dim.dim_value > 0 else None
            size = dims.get(f"{tensor.name}:{axis}", symbols.get(dim.dim_param, fixed))
            if size is None and _is_batch(axis, dim.dim_param):
                size = 1
                warnings.append(
                    f"input {tensor.name!r}: dynamic axis {axis}{_quoted(dim.dim_param)} is taken as 1; "
                    f"--dim {dim.dim_param or f'{tensor.name}:{axis}'}=VALUE sets it"
                )
            if size is None:
                missing.append(_missing(tensor.name, axis, dim.dim_param))
                continue
            changed |= fixed is not None and size != fixed
            if dim.dim_param:
                symbols.setdefault(dim.dim_param, size)
            dim.dim_value = size
    if missing:
        raise InputError("the model's input sizes are not fixed: " + "; ".join(missing))
    _substitute(graph, symbols, drop=changed)
    return warnings


def _axes(tensor: onnx.ValueInfoProto) -> Iterable[onnx.TensorShapeProto.Dimension]:
    if not tensor.type.HasField("tensor_type"):
        raise InputError(f"input {tensor.name!r} is not a tensor; only tensor inputs can be imported")
    if not tensor.type.tensor_type.HasField("shape"):
        raise InputError(f"input {tensor.name!r} has no shape, not even a rank; store one in the model")
    return tensor.type.tensor_type.shape.dim


def _symbols(inputs: Iterable[onnx.ValueInfoProto]) -> set[str]:
    return {dim.dim_param for tensor in inputs for dim in _axes(tensor) if dim.dim_param}


def _is_batch(axis: int, symbol: str) -> bool:
    return axis == 0 or symbol.lower() in BATCH_NAMES


def _quoted(symbol: str) -> str:
    return f" ({symbol!r})" if symbol else ""


def _missing(name: str, axis: int, symbol: str) -> str:
    key = symbol or f"{name}:{axis}"
    return f"input {name!r} axis {axis}{_quoted(symbol)} is dynamic: give --dim {key}=VALUE"


def _check_keys(graph: onnx.GraphProto, keys: Iterable[str]) -> None:
    inputs = network_inputs(graph)
    axes = {f"{tensor.name}:{axis}" for tensor in inputs for axis, _ in enumerate(_axes(tensor))}
    known = _symbols(inputs) | axes | _integer_scalars(graph).keys()
    for key in keys:
        if key not in known:
            allowed = ", ".join(sorted(known)) or "none"
            raise InputError(f"--dim {key} names no input dimension of the model; it has: {allowed}")


def _integer_scalars(graph: onnx.GraphProto) -> dict[str, onnx.ValueInfoProto]:
    """Integer inputs of one element, whose values (a sampling rate, say) may decide what is computed."""
    return {
        value.name: value
        for value in network_inputs(graph)
        if value.type.tensor_type.elem_type in _INTEGER_FIELDS
        and [dim.dim_value for dim in value.type.tensor_type.shape.dim] in ([], [1])
    }


def _bind_scalars(graph: onnx.GraphProto, dims: Mapping[str, int]) -> None:
    """Turn the integer scalars that `dims` names into constants."""
    for name, value in _integer_scalars(graph).items():
        if name in dims:
            kind = value.type.tensor_type
            sizes = [dim.dim_value for dim in kind.shape.dim]
            constant = graph.initializer.add(name=name, dims=sizes, data_type=kind.elem_type)
            getattr(constant, _INTEGER_FIELDS[kind.elem_type]).append(dims[name])


def _substitute(graph: onnx.GraphProto, symbols: Mapping[str, int], *, drop: bool) -> None:
    """Write the bound sizes into stored shapes; outputs that stay symbolic lose theirs."""
    if drop:
        del graph.value_info[:]
    for value in (*graph.value_info, *graph.output):
        kind = value.type.tensor_type
        for dim in kind.shape.dim:
            if dim.dim_param in symbols:
                dim.dim_value = symbols[dim.dim_param]
    for value in graph.output:
        kind = value.type.tensor_type
        if drop or any(dim.dim_value < 1 for dim in kind.shape.dim):
            kind.ClearField("shape")
