"""Real numbers as integers for a solver: exact where a budget must hold, bounded from below for a cost.

A float64 is an integer times a power of two, so a table of floats is, exactly, a table of integers on one
grid. Where they fit, the solver gets those. Where they don't:

* A budget is cut into limbs of `LIMB_BITS`, most significant first. The first limbs alone, rounded down, are
  a relaxation: no selection that meets the budget is lost. A selection that slips through is seen when its
  sum is taken in float, and the budget gets one limb more, until all are there and the constraint is exact.
* A cost is rounded down to a grid on which its span takes `COST_BITS`. With L layers the scaled optimum is
  then less than L steps of the grid below the true one: the bound holds, and the gap is known afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from archsim.dse.selection.problem import FloatArray

LIMB_BITS = 36
"""Bits of a limb: sums over thousands of layers stay far from the solver's 63."""
COST_BITS = 40
"""Bits of a cost's span, per layer; integers that fit `EXACT_BITS` are taken as they are."""
EXACT_BITS = 50
LARGEST_EXPONENT = 1000
"""Of a scale, so that it is a float64."""


@dataclass(frozen=True, slots=True)
class Limb:
    """One digit of a budget: the chosen rows' coefficients sum, with the carry of the next limb, to at most
    `limit` plus `base` times what is carried out.
    """

    coefficients: list[int]
    limit: int
    base: int  # what one unit of carry out is worth here; 0 in the first limb, which carries nothing out


def grid(values: Sequence[Fraction]) -> int:
    """The largest power of two (its exponent) that all values are multiples of; they must be dyadic."""
    exponents = [
        (value.numerator & -value.numerator).bit_length() - value.denominator.bit_length()
        for value in values
        if value
    ]
    return min(exponents, default=0)


def last_rounding_to(limit: float) -> tuple[Fraction, bool]:
    """The largest real that rounds to a float no larger than `limit`, and whether it is reached itself.

    A tie goes to the even mantissa, as in IEEE 754 and `math.fsum`.
    """
    above = math.nextafter(limit, math.inf)
    middle = (Fraction(limit) + Fraction(above)) / 2
    return middle, float(middle) <= limit


def limbs(values: FloatArray, fixed: float, limit: float) -> list[Limb]:
    """The constraint `fsum([fixed, *chosen values]) <= limit`, exactly, most significant limb first.

    The first limb alone, or the first ones, with the carry that they await set to zero, are a relaxation.
    """
    most, reached = last_rounding_to(limit)
    room = most - Fraction(fixed)
    exact = [Fraction(value) for value in values.tolist()]
    exponent = grid([*exact, room])
    scale = Fraction(2) ** -exponent
    digits = [int(value * scale) for value in exact]
    top = int(room * scale) - (0 if reached else 1)
    width = max(abs(number) for number in (*digits, top)).bit_length()
    shifts = [*range(max(0, width - LIMB_BITS), 0, -LIMB_BITS), 0]
    found = []
    previous: int | None = None
    for shift in shifts:
        if previous is None:
            found.append(Limb([digit >> shift for digit in digits], top >> shift, 0))
        else:
            base = 1 << (previous - shift)
            found.append(Limb([(digit >> shift) % base for digit in digits], (top >> shift) % base, base))
        previous = shift
    return found


@dataclass(frozen=True, slots=True)
class ScaledCost:
    """Costs as integers, rounded down: cost >= integer / `scale`, less than a step above."""

    parts: tuple[list[int], ...]
    scale: float
    exact: bool

    def real(self, integer: float) -> float:
        return integer / self.scale


def scale_costs(parts: Sequence[FloatArray]) -> ScaledCost:
    """Arrays of costs that are summed together, on one grid. All must be >= 0 (take a layer's least off)."""
    largest = max((float(part.max()) for part in parts if len(part)), default=0.0)
    if all((part == np.floor(part)).all() for part in parts) and largest < 2.0**EXACT_BITS:
        return ScaledCost(tuple(part.astype(np.int64).tolist() for part in parts), 1.0, True)
    scale = 2.0 ** min(COST_BITS - math.ceil(math.log2(largest)), LARGEST_EXPONENT)
    scaled = tuple(np.floor(part * scale) for part in parts)
    exact = all((whole == part * scale).all() for whole, part in zip(scaled, parts, strict=True))
    return ScaledCost(tuple(whole.astype(np.int64).tolist() for whole in scaled), scale, exact)
