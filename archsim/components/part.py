"""A priced part: what its actions cost, the silicon it takes and what it leaks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from archsim.components.figure import Figure
from archsim.errors import InputError


@dataclass(frozen=True, slots=True)
class Part:
    """Energy by action (pJ), area (mm2) and leakage power (mW) of one instance of a component."""

    name: str
    energy_pj: Mapping[str, Figure]
    area_mm2: Figure
    leakage_mw: Figure

    def __post_init__(self) -> None:
        object.__setattr__(self, "energy_pj", MappingProxyType(dict(self.energy_pj)))

    def with_overrides(
        self,
        energy_pj: Mapping[str, float] | None = None,
        area_mm2: float | None = None,
        leakage_mw: float | None = None,
        source: str = "given",
    ) -> "Part":
        """The part with some of its numbers replaced by given ones (exact: uncertainty 1).

        `source` says where they were given, for example "given in my.yaml:memories.l1.read_pj".
        Raises InputError for an action the part does not have or a negative number.
        """
        given = dict(energy_pj or {})
        unknown = sorted(set(given) - set(self.energy_pj))
        if unknown:
            raise InputError(
                f"{self.name}: no action '{unknown[0]}' to override ({source}); "
                f"its actions are {', '.join(self.energy_pj)}"
            )
        energies = {action: Figure(value, source, 1.0) for action, value in given.items()}
        return replace(
            self,
            energy_pj={**self.energy_pj, **energies},
            area_mm2=self.area_mm2 if area_mm2 is None else Figure(area_mm2, source, 1.0),
            leakage_mw=self.leakage_mw if leakage_mw is None else Figure(leakage_mw, source, 1.0),
        )
