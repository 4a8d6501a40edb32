"""Multiply-accumulate units of integer and floating-point formats."""

from functools import lru_cache

from archsim.components.arithmetic import (
    Operator,
    area_at,
    check_bits,
    energy_at,
    float_adder,
    float_multiplier,
    int_adder,
    int_multiplier,
    leakage_at,
)
from archsim.components.figure import total
from archsim.components.part import Part
from archsim.errors import InputError

# significand bits with the hidden one, width in bits
FLOAT_FORMATS = {
    "fp8_e5m2": (3, 8),
    "fp8_e4m3": (4, 8),
    "bf16": (8, 16),
    "fp16": (11, 16),
    "fp32": (24, 32),
}
NUMBER_FORMATS = ("int", *FLOAT_FORMATS)
INT_LIBRARIES = ("aladdin", "horowitz")


@lru_cache(maxsize=1024)
def mac(
    number_format: str,
    node_nm: float,
    *,
    weight_bits: int = 8,
    activation_bits: int = 8,
    accumulator_bits: int = 32,
    vdd_v: float | None = None,
    library: str = "aladdin",
    name: str = "mac",
) -> Part:
    """A multiplier and the adder that accumulates its products; action "mac" (pJ per MAC).

    "int": any mix of `weight_bits` and `activation_bits` from 2 to 16, accumulator 8 to 64 bits. Centred on
    Aladdin; Horowitz is 4.6 times lower for the multiplier and lies at the bottom of the interval. The two
    libraries must not be mixed in a comparison: floating point is known from Horowitz alone, so set integer
    against floating point with library="horowitz".
    "fp8_e5m2", "fp8_e4m3", "bf16", "fp16", "fp32": Horowitz (fp16, fp32 published; bf16, fp8 derived from
    the significand and width), adder of the accumulator's format, 16 to 32 bits. Operand bits are the
    format's own: `weight_bits` and `activation_bits` are not read.

    Raises InputError for an unknown format or library, bits outside these ranges, an unknown node or supply.
    """
    if number_format not in NUMBER_FORMATS:
        raise InputError(
            f"{name}: number format '{number_format}' is unknown; allowed: {', '.join(NUMBER_FORMATS)}"
        )
    if library not in INT_LIBRARIES:
        raise InputError(f"{name}: library '{library}' is unknown; allowed: {', '.join(INT_LIBRARIES)}")
    multiplier, accumulator = (
        _int_operators(name, weight_bits, activation_bits, accumulator_bits, library)
        if number_format == "int"
        else _float_operators(name, number_format, accumulator_bits)
    )
    both = (multiplier, accumulator)
    source = f"{multiplier.source}, multiplier and adder"
    return Part(
        name,
        {"mac": total([energy_at(operator, node_nm, vdd_v) for operator in both], source)},
        total([area_at(operator, node_nm) for operator in both], source),
        total([leakage_at(operator, node_nm, vdd_v) for operator in both], source),
    )


def _int_operators(
    name: str, weight_bits: int, activation_bits: int, accumulator_bits: int, library: str
) -> tuple[Operator, Operator]:
    check_bits(name, "weight_bits", weight_bits, 2, 16)
    check_bits(name, "activation_bits", activation_bits, 2, 16)
    check_bits(name, "accumulator_bits", accumulator_bits, 8, 64)
    return int_multiplier(weight_bits, activation_bits, library), int_adder(accumulator_bits, library)


def _float_operators(name: str, number_format: str, accumulator_bits: int) -> tuple[Operator, Operator]:
    check_bits(name, "accumulator_bits", accumulator_bits, 16, 32)
    significand, width = FLOAT_FORMATS[number_format]
    if accumulator_bits < width:
        raise InputError(
            f"{name}: accumulator_bits is {accumulator_bits}, narrower than {number_format}; "
            f"allowed: {width} to 32"
        )
    return float_multiplier(significand, width), float_adder(accumulator_bits)
