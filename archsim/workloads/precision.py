"""Number formats and operand widths of a layer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from archsim.errors import InputError

# Total bits of each floating format: IEEE 754-2019 (fp16, fp32), bfloat16, OCP OFP8 1.0 (the 8-bit ones).
FLOAT_BITS = {"fp8_e4m3": 8, "fp8_e5m2": 8, "bf16": 16, "fp16": 16, "fp32": 32}
NUMBER_FORMATS = ("int", *FLOAT_BITS)
INT_BITS = range(1, 33)

_INT_PATTERN = re.compile(r"w([0-9]{1,3})a([0-9]{1,3})(?:o([0-9]{1,3}))?")
_FLOAT_PATTERN = re.compile(rf"({'|'.join(FLOAT_BITS)})(?:o([0-9]{{1,3}}))?")
_ALLOWED = (
    f"w<bits>a<bits> (as in w8a8, w4a8) or one of {', '.join(FLOAT_BITS)}; o<bits> after it sets the outputs"
)


@dataclass(frozen=True, slots=True)
class Precision:
    """Bits of a layer's weights, input activations and outputs, and the arithmetic's number format.

    Raises InputError when a width is outside 1..32 bits or does not match a floating format.
    """

    weight_bits: int = 8
    activation_bits: int = 8
    output_bits: int = 8
    number_format: str = "int"

    def __post_init__(self) -> None:
        if self.number_format not in NUMBER_FORMATS:
            raise InputError(
                f"number format {self.number_format!r} is not known; allowed: {', '.join(NUMBER_FORMATS)}"
            )
        for key in ("weight_bits", "activation_bits", "output_bits"):
            bits = getattr(self, key)
            if isinstance(bits, bool) or not isinstance(bits, int) or bits not in INT_BITS:
                raise InputError(f"{key} is {bits!r}; allowed: a whole number from 1 to 32")
        if self.number_format != "int":
            width = FLOAT_BITS[self.number_format]
            if (self.weight_bits, self.activation_bits) != (width, width):
                raise InputError(
                    f"{self.number_format} operands are {width} bits wide, "
                    f"not w{self.weight_bits}a{self.activation_bits}"
                )

    @classmethod
    def parse(cls, text: str) -> Precision:
        """Read `w4a8`, `w4a8o16`, `fp16` or `fp8_e4m3o16`; outputs default to the width of activations."""
        word = text.strip().lower()
        floating = _FLOAT_PATTERN.fullmatch(word)
        if floating is not None:
            number_format, output = floating.groups()
            width = FLOAT_BITS[number_format]
            return cls(width, width, int(output or width), number_format)
        match = _INT_PATTERN.fullmatch(word)
        if match is None:
            raise InputError(f"precision {text!r} is not understood; write {_ALLOWED}")
        weight, activation, output = match.groups()
        return cls(int(weight), int(activation), int(output or activation))

    @property
    def label(self) -> str:
        """The form that `parse` reads back to an equal precision."""
        integers = f"w{self.weight_bits}a{self.activation_bits}"
        base = integers if self.number_format == "int" else self.number_format
        return base if self.output_bits == self.activation_bits else f"{base}o{self.output_bits}"

    def with_output_bits(self, bits: int) -> Precision:
        return replace(self, output_bits=bits)
