"""One lane of a vector unit: the operations outside matrix products (activation, softmax, normalisation)."""

from functools import lru_cache

from archsim.components.arithmetic import (
    area_at,
    energy_at,
    float_adder,
    float_multiplier,
    int_adder,
    int_comparator,
    int_multiplier,
    int_shifter,
    leakage_at,
)
from archsim.components.figure import Figure, total
from archsim.components.mac import FLOAT_FORMATS
from archsim.components.part import Part
from archsim.errors import InputError

VECTOR_FORMATS = ("int8", "int16", "int32", "bf16", "fp16", "fp32")
# Multiplications and additions one operation takes, and how uncertain that count is.
# exp: range reduction and a polynomial of degree 4 by Horner's rule (derived; one multiply-add in the
# cheapest published scheme, Schraudolph's, ten in the most exact). div: measured at 7.1 multiplications on a
# Cortex-M4F (battery-powered seizure detection study, Frontiers in Neurology 2022, PMC8934428, Table 3).
# sqrt: three Newton steps of the reciprocal root and one product (derived).
COMPOSITE = {"exp": (5.0, 5.0, 3.0), "div": (7.1, 0.0, 2.0), "sqrt": (10.0, 3.0, 3.0)}


@lru_cache(maxsize=1024)
def vector_lane(
    node_nm: float, *, number_format: str = "fp16", vdd_v: float | None = None, name: str = "vector_lane"
) -> Part:
    """A lane with an adder, a multiplier, a comparator and a shifter of one format.

    Actions, pJ each: "add", "mul", "max", "exp", "div", "sqrt". Composite operations reuse the adder and the
    multiplier (counts in COMPOSITE), so they add energy and no area. Integer formats are priced by Aladdin,
    floating point by Horowitz. Raises InputError for an unknown format, node or supply.
    """
    if number_format not in VECTOR_FORMATS:
        raise InputError(
            f"{name}: number format '{number_format}' is unknown; allowed: {', '.join(VECTOR_FORMATS)}"
        )
    if number_format.startswith("int"):
        bits = int(number_format.removeprefix("int"))
        add, multiply = int_adder(bits), int_multiplier(bits, bits)
    else:
        significand, bits = FLOAT_FORMATS[number_format]
        add, multiply = float_adder(bits), float_multiplier(significand, bits)
    compare, shift = int_comparator(bits), int_shifter(bits)  # IEEE floats compare as integers
    add_pj, multiply_pj = energy_at(add, node_nm, vdd_v), energy_at(multiply, node_nm, vdd_v)
    energies = {"add": add_pj, "mul": multiply_pj, "max": energy_at(compare, node_nm, vdd_v)}
    for action, (multiplications, additions, uncertainty) in COMPOSITE.items():
        steps: list[Figure] = [multiply_pj.scaled(multiplications), add_pj.scaled(additions)]
        energies[action] = total(steps, f"{add.source}, {action} from its steps").scaled(1, "", uncertainty)
    operators = (add, multiply, compare, shift)
    source = f"{add.source}; comparator and shifter Aladdin"
    return Part(
        name,
        energies,
        total([area_at(operator, node_nm) for operator in operators], source),
        total([leakage_at(operator, node_nm, vdd_v) for operator in operators], source),
    )
