"""From ONNX element types to archsim precisions."""

from __future__ import annotations

from onnx import TensorProto

from archsim.workloads.precision import FLOAT_BITS, Precision

_FLOATS = {
    "FLOAT": "fp32",
    "DOUBLE": "fp32",  # simulated as 32 bits, the widest format that archsim has
    "FLOAT16": "fp16",
    "BFLOAT16": "bf16",
    "FLOAT8E4M3FN": "fp8_e4m3",
    "FLOAT8E4M3FNUZ": "fp8_e4m3",
    "FLOAT8E5M2": "fp8_e5m2",
    "FLOAT8E5M2FNUZ": "fp8_e5m2",
}
_INTEGERS = {
    "INT2": 2, "UINT2": 2, "INT4": 4, "UINT4": 4, "FLOAT4E2M1": 4, "INT8": 8, "UINT8": 8, "BOOL": 8,
    "INT16": 16, "UINT16": 16, "INT32": 32, "UINT32": 32, "INT64": 32, "UINT64": 32,
}  # fmt: skip
# FLOAT4E2M1 has no format of its own here: 4-bit integers. 64-bit indices are simulated as 32 bits.

_DEFINED = dict(TensorProto.DataType.items())  # an older onnx lacks the newest types
FLOAT_TYPES = {_DEFINED[name]: form for name, form in _FLOATS.items() if name in _DEFINED}
INTEGER_TYPES = {_DEFINED[name]: bits for name, bits in _INTEGERS.items() if name in _DEFINED}


def bits_of(element: int) -> int:
    """Width of an ONNX element type; 32 for those that hold no number (strings)."""
    if element in FLOAT_TYPES:
        return FLOAT_BITS[FLOAT_TYPES[element]]
    return INTEGER_TYPES.get(element, 32)


def same_kind(first: int, second: int) -> bool:
    """Whether both types are floating, or both integer: then a Cast between them costs no operation."""
    return (first in FLOAT_TYPES) == (second in FLOAT_TYPES)


def precision_of(weight: int, activation: int, output: int) -> Precision:
    """Precision of a layer from the ONNX types of its operands.

    Two floating types compute in the wider one. Integer weights with floating activations (weight-only
    quantisation) keep both widths and count as integer products, since one number format covers a layer.
    """
    output_bits = bits_of(output)
    if weight in FLOAT_TYPES and activation in FLOAT_TYPES:
        wide = max(FLOAT_TYPES[weight], FLOAT_TYPES[activation], key=lambda name: FLOAT_BITS[name])
        return Precision(FLOAT_BITS[wide], FLOAT_BITS[wide], output_bits, wide)
    return Precision(bits_of(weight), bits_of(activation), output_bits)
