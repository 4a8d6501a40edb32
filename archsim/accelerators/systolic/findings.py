"""What has been found out about a spec: shared by all machines of it, so that one built anew is as fast as
one that has run the same layers before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from archsim.accelerators.machine import Options, Row
from archsim.accelerators.systolic.chosen import Tiling
from archsim.accelerators.systolic.costs import Costs
from archsim.accelerators.systolic.grid_prices import GridPrices
from archsim.accelerators.systolic.recent import Recent
from archsim.accelerators.systolic.space import Space
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.vector import VectorWork
from archsim.workloads.layer import Contraction
from archsim.workloads.precision import Precision

MOST_SPECS = 32
MOST_TABLES, MOST_ROWS, MOST_SPACES = 256, 1024, 256
"""Of one spec: tables of best rows (small, and asked for again), chosen rows with their prices, spaces."""


@dataclass(frozen=True, eq=False)
class Findings:
    costs: dict[Precision, Costs] = field(default_factory=dict)
    tables: Recent[object, Options] = field(default_factory=lambda: Recent(MOST_TABLES))
    cheapest: Recent[object, Row | None] = field(default_factory=lambda: Recent(MOST_TABLES))
    spaces: Recent[tuple[Contraction, bool], Space] = field(default_factory=lambda: Recent(MOST_SPACES))
    vector_works: Recent[object, VectorWork] = field(default_factory=lambda: Recent(MOST_ROWS))
    tilings: Recent[int, tuple[object, Tiling]] = field(default_factory=lambda: Recent(MOST_ROWS))
    rows: Recent[object, GridPrices] = field(default_factory=lambda: Recent(MOST_ROWS))


def findings_of(spec: SystolicSpec, tile_candidates: int | None) -> Findings:
    """Those of an equal spec, if one was asked about lately."""
    return _findings(spec.model_dump_json(), tile_candidates)


@lru_cache(maxsize=MOST_SPECS)
def _findings(spec: str, tile_candidates: int | None) -> Findings:
    return Findings()
