"""The result of one simulation: what ran, how long it took, where time and energy went."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from archsim.kernel.timeline import Timeline

SCHEMA = "archsim.run/1"

ENERGY_COLUMNS = (
    "layer",
    "component",
    "action",
    "count",
    "unit_energy_pj",
    "energy_pj",
    "energy_pj_low",
    "energy_pj_high",
    "source",
)


@dataclass(frozen=True)
class LayerRun:
    """One layer as it ran. `latency_cycles` is what the layer adds to the total, so that latencies sum.

    In a pipeline that is what it adds to the first result; it starts while layers before it still run.
    `interval_cycles` is what the layer itself needs for each input: in a pipeline it works on one input after
    the other, and its compute and stall cycles are of the pipeline's interval.
    """

    name: str
    operator: str
    macs: int
    latency_cycles: int
    compute_cycles: int  # cycles the array or vector unit is busy
    stall_cycles: int  # latency_cycles that compute does not cover
    utilization: float  # MACs over MACs the array could do in latency_cycles (a stage: in the interval)
    bound_by: str  # "compute" or the memory that sets the pace
    energy_pj: float
    dram_bytes: int
    weight_bits: int
    activation_bits: int
    mapping: dict[str, Any]
    start_cycle: int
    end_cycle: int
    interval_cycles: int
    fused: tuple[str, ...] = ()
    loops: dict[str, int] = field(default_factory=dict)  # of a contraction: its loops longer than 1


@dataclass(frozen=True)
class Totals:
    """Latency is that of one input, from its start to its result; inputs follow at the interval."""

    latency_cycles: int
    latency_ms: float
    interval_cycles: float  # from one result to the next, in the long run; layer after layer: the latency
    frames_per_s: float
    energy_mj: float
    energy_mj_low: float
    energy_mj_high: float
    macs: int
    tops: float  # achieved, two operations a MAC
    tops_per_w: float
    area_mm2: float
    edp_mj_ms: float
    peak_memory_bytes: int
    dram_bytes: int


@dataclass(frozen=True)
class Assumption:
    """One figure the result rests on, with where it comes from."""

    component: str
    quantity: str  # "read energy", "area", "bandwidth", ...
    value: float
    unit: str
    uncertainty: float  # factor: the true value is expected within [value / u, value * u]
    source: str


@dataclass(frozen=True)
class ResourceUse:
    """How much of one resource of a pipelined machine (LUTs, crossbars) the stages take together."""

    name: str
    used: float
    capacity: float  # what may be used


@dataclass(frozen=True)
class Roofline:
    """Ceilings of the machine, for placing layers by their arithmetic intensity (MACs per DRAM byte)."""

    peak_macs_per_cycle: float
    dram_bytes_per_cycle: float | None  # None: unlimited
    clock_mhz: float


@dataclass(frozen=True)
class Run:
    """A simulated workload on an accelerator.

    `energy` is a tidy pandas table, a row per layer × component × action (columns ENERGY_COLUMNS); its
    `energy_pj` sums to the totals. `area_mm2` is by component. `memory` lists the activation bytes alive
    while each layer runs, in execution order; in a pipeline those that each stage holds, all at once.
    """

    workload: str
    accelerator: str
    layers: tuple[LayerRun, ...]
    totals: Totals
    energy: pd.DataFrame
    area_mm2: dict[str, float]
    memory: tuple[tuple[str, int], ...]
    peak_memory_layer: str
    assumptions: tuple[Assumption, ...]
    roofline: Roofline
    resources: tuple[ResourceUse, ...] = ()
    composition: Literal["sequential", "pipelined"] = "sequential"
    settings: dict[str, Any] = field(default_factory=dict)  # minimize, precision, family, technology, ...
    warnings: tuple[str, ...] = ()
    timeline: Timeline | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The documented JSON object, schema `archsim.run/1`."""
        return {
            "schema": SCHEMA,
            "workload": self.workload,
            "accelerator": self.accelerator,
            "composition": self.composition,
            "settings": self.settings,
            "layers": [asdict(layer) for layer in self.layers],
            "totals": asdict(self.totals),
            "area_mm2": self.area_mm2,
            "memory": [{"layer": name, "live_bytes": size} for name, size in self.memory],
            "peak_memory_layer": self.peak_memory_layer,
            "energy": self.energy.to_dict(orient="records"),
            "assumptions": [asdict(a) for a in self.assumptions],
            "roofline": asdict(self.roofline),
            "resources": [asdict(use) for use in self.resources],
            "warnings": list(self.warnings),
        }

    def layer_table(self) -> pd.DataFrame:
        """The layers as a table, one row a layer, the keys of the JSON's layers as columns."""
        import pandas as pd

        return pd.DataFrame([asdict(layer) for layer in self.layers])

    def to_json(self, path: str | Path) -> None:
        from archsim.reports.export import write_json

        write_json(self, path)

    def to_csv(self, path: str | Path) -> None:
        """The energy table as CSV."""
        from archsim.reports.export import write_csv

        write_csv(self, path)

    def to_parquet(self, path: str | Path) -> None:
        """The energy table as Parquet."""
        from archsim.reports.export import write_parquet

        write_parquet(self, path)

    def to_html(self, path: str | Path) -> None:
        """The energy report: one self-contained page that works offline."""
        from archsim.reports.html import write_html

        write_html(self, path)
