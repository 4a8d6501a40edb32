"""A number with the place it comes from and how far it may be wrong."""

import math
from dataclasses import dataclass, replace

from archsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Figure:
    """One published, fitted or given number; its unit is named by the field that holds it.

    `uncertainty` is a factor u >= 1: the true value is expected within [value / u, value * u].

    Raises InputError for a negative or non-finite value and for an uncertainty below 1.
    """

    value: float
    source: str
    uncertainty: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and self.value >= 0):
            raise InputError(
                f"figure from '{self.source}': value {self.value} is not allowed; "
                "give a finite number that is zero or more"
            )
        if not (math.isfinite(self.uncertainty) and self.uncertainty >= 1):
            raise InputError(
                f"figure from '{self.source}': uncertainty {self.uncertainty} is not allowed; "
                "it is a factor of 1 (exact) or more"
            )

    @property
    def low(self) -> float:
        return self.value / self.uncertainty

    @property
    def high(self) -> float:
        return self.value * self.uncertainty

    def scaled(self, factor: float, note: str = "", uncertainty: float = 1.0) -> "Figure":
        """The figure times `factor`; the step's own uncertainty adds as an independent error would.

        Independent relative errors add in quadrature of their logarithms, so a scaling step known to a
        factor of 1.2 on a figure known to a factor of 1.2 gives 1.29, not 1.44.
        """
        spread = math.hypot(math.log(self.uncertainty), math.log(uncertainty))
        source = f"{self.source}; {note}" if note else self.source
        return replace(self, value=self.value * factor, source=source, uncertainty=math.exp(spread))

    def plus(self, other: "Figure") -> "Figure":
        """The sum of two figures that err together; see `total`."""
        return total([self, other], f"{self.source} + {other.source}")


def total(figures: list[Figure], source: str) -> Figure:
    """Sum of figures that err together: the bounds add, so the factor is that of the larger bound."""
    value = sum(figure.value for figure in figures)
    if value == 0:
        return Figure(0.0, source, max((figure.uncertainty for figure in figures), default=1.0))
    high = sum(figure.high for figure in figures) / value
    low = value / sum(figure.low for figure in figures)
    return Figure(value, source, max(high, low, 1.0))
