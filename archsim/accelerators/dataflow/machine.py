"""The executable model of a `dataflow` accelerator."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.dataflow.accumulators import (
    WeightNorm,
    no_norms,
)
from archsim.accelerators.dataflow.fabric import fabric_of, rails_of
from archsim.accelerators.dataflow.layout import Layout, Streams
from archsim.accelerators.dataflow.resources import MEMORIES, MULTIPLIERS
from archsim.accelerators.dataflow.spec import DataflowSpec, Folding
from archsim.accelerators.dataflow.stages import Stages
from archsim.accelerators.dataflow.table import (
    candidate_rows,
)
from archsim.accelerators.dataflow.upstream import Upstream
from archsim.accelerators.low_voltage import SramSite, passed, sram_clock, sram_settings
from archsim.accelerators.machine import Action, FloatArray, IntArray, Options, Performed, Row, UnitEnergies
from archsim.accelerators.options_front import TIMING, undominated
from archsim.accelerators.patterns import check_patterns
from archsim.components.figure import Figure
from archsim.components.sram_supply import Stored
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

PROCESSOR = "processor"
ON_RAIL_MEMORIES = ("bram", "uram")


class DataflowMachine:
    """See `archsim.accelerators.machine.PipelinedMachine`."""

    family = "dataflow"
    composition: Literal["sequential", "pipelined"] = "pipelined"
    counts_from_zero = False
    outer_memory = "ddr"
    capacities: tuple[float, ...] = ()

    def __init__(
        self, spec: DataflowSpec, workload: Workload | None = None, weight_norm: WeightNorm = no_norms
    ) -> None:
        """`workload`: what it is set up for; its first and last layers move data from and to memory.

        `weight_norm` is asked where `accumulator` is `weights`.
        """
        self.sram_sites: Sequence[SramSite] = rails_of(spec)
        clock = sram_clock(spec.clock_mhz, self.sram_sites)
        self._sram_settings = sram_settings(self.sram_sites, clock)
        self.spec, self.name, self.clock_mhz = spec, spec.name, clock.mhz
        self.fabric = fabric_of(spec.model_copy(update={"clock_mhz": clock.mhz}))
        self.precision = Precision.parse(spec.precision)
        self.timing: Hashable = spec.model_dump_json(exclude={"name", "description"})
        self.dram_bytes_per_cycle: float | None = self.fabric.ddr_bytes_per_s / (clock.mhz * 1e6)
        self.peak_macs_per_cycle = self.fabric.most_macs_per_cycle
        self.capacity = self.fabric.capacity
        self.ddr_pj_per_byte = self.fabric.ddr_pj_per_byte
        self.weight_norm = weight_norm
        streams = Streams(
            whole=spec.io == "parallel",
            dma_bits=self.fabric.dma_bits,
            host_cycles=round(spec.host.latency_us * clock.mhz),
        )
        self.stages = Stages.of(spec, self.fabric, streams, workload, weight_norm)
        self.layout = Layout(spec, self.fabric, streams, self.stages.priced)

    def for_workload(self, workload: Workload) -> DataflowMachine:
        """Set up for a network. Raises InputError for a folding of a layer that it does not have."""
        check_patterns(workload, "folding", self.spec.folding)
        check_patterns(workload, "accumulator_bits", self.spec.accumulator_bits)
        return DataflowMachine(self.spec, workload, self.weight_norm)

    @property
    def reads_weights(self) -> bool:
        """Whether it wants to know a model's weights (`with_weight_norm`) to be set up."""
        return self.spec.accumulator == "weights"

    def with_weight_norm(self, weight_norm: WeightNorm) -> DataflowMachine:
        return DataflowMachine(self.spec, weight_norm=weight_norm)

    def settings(self) -> Mapping[str, Any]:
        return {
            "family": self.family,
            **self.fabric.settings(),
            "clock_mhz": self.clock_mhz,
            **self._sram_settings,
        }

    def area(self) -> Mapping[str, Figure]:
        """None: what an FPGA's design takes are its resources (`capacity`)."""
        return {}

    def leakage(self) -> Mapping[str, Figure]:
        """Static power of the device, and of the processor beside it, in mW."""
        host = self.spec.host.power_w * 1e3
        return {
            "device": self.fabric.static.scaled(1e3),
            PROCESSOR: Figure(host, f"given in {self.name}: host.power_w", 1.0),
        }

    def costs(self, precision: Precision) -> UnitEnergies:
        """Unit energies of stages at a precision."""
        return UnitEnergies({**self.fabric.unit_energies(precision), ("ddr", "byte"): self.ddr_pj_per_byte})

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """Every folding of the layer's stage. Raises InputError for a layer that no stage can do."""
        table = self.stages.table(layer, precisions or (layer.precision,))
        if front is None:
            return table
        alike = self.stages.alike_in_time(table) if TIMING in front else None
        return undominated(table, [name for name in front if name != TIMING], alike)

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row that a readable mapping (of `Performed.mapping`) stands for. InputError: it is none."""
        stage = self.stages.shape(layer)
        try:
            folding = Folding(
                pe=mapping.get("pe", 1),
                simd=mapping.get("simd", 1),
                padding=None,
                weights=mapping.get("weights"),
                multiplier=mapping.get("multiplier"),
            )
        except ValueError as error:
            raise InputError(
                f"layer {layer.name!r}: the mapping is not one of this machine: {error}"
            ) from None
        rows = candidate_rows(layer, stage, self.spec, folding)
        raw = {
            "pe": int(rows.pe[0]),
            "simd": int(rows.simd[0]),
            "memory": MEMORIES[int(rows.memory[0])],
            "multiplier": MULTIPLIERS[int(rows.multiplier[0])],
        }
        row = Row(layer, raw, 0.0, 0.0)
        done = self.performed(row)
        energy = sum(action.count * action.unit_energy.value for action in done.actions)
        return replace(row, cycles=float(self.stages.priced(row).interval[0]), energy_pj=energy)

    def performed(self, row: Row) -> Performed:
        """Resource-cycles at work and bytes moved for one input."""
        priced = self.stages.priced(row)
        stage, ends = priced.stage, self.stages.ends(row.layer)
        actions = [
            Action(component, action, float(count[0]), figure)
            for (component, action), (count, figure) in priced.spent.items()
        ]
        moved = float(priced.streamed_bytes[0]) + ends.read_bytes + ends.written_bytes
        actions.append(Action("ddr", "byte", moved, self.ddr_pj_per_byte))
        own = float(priced.cycles.interval[0])
        mapping: dict[str, Any] = {"pe": int(row.mapping["pe"])}
        if stage.weights:
            mapping |= {
                "simd": int(row.mapping["simd"]),
                "weights": str(row.mapping["memory"]),
                "multiplier": str(row.mapping["multiplier"]),
                "accumulator_bits": self.stages.site(row.layer, stage).accumulator_bits,
            }
        used = {name: float(count[0]) for name, count in priced.use.items()}
        return Performed(
            actions=tuple(actions),
            dram_bytes=moved,
            compute_cycles=int(priced.cycles.compute[0]),
            bound_by="dma" if ends.cycles > own else str(priced.cycles.bound_by[0]),
            mapping=mapping | {name: float(f"{count:.6g}") for name, count in used.items() if count},
            held_bytes=self._held_bytes(row),
            resources=used,
        )

    def stored(self, row: Row) -> tuple[Stored, ...]:
        """A stage's weights in the memory of its own; lines and FIFOs of activations are left out, as they
        may be in LUTs.
        """
        stage, memory = self.stages.shape(row.layer), str(row.mapping["memory"])
        if not stage.weights:
            return ()
        word = int(row.mapping["pe"]) * int(row.mapping["simd"])
        bits = row.layer.precision.weight_bits
        on_rail = memory in ON_RAIL_MEMORIES
        return (
            Stored(
                operand="weight",
                memory=f"{row.layer.name} {memory}",
                word_bits=word * bits,
                words=ceil(stage.weights / word),
                element_bits=bits,
                tile_elements=int(stage.weights),
                is_resident=memory != "stream",
                supply=self.sram_sites[0].supply if on_rail and self.sram_sites else None,
            ),
        )

    def weight_bit_errors(self, options: Options) -> FloatArray:
        """Those of the memory that a stage's weights are in: block RAMs' and UltraRAMs', or none."""
        kinds = options.codebooks["memory"]["memory"][options.mapping["memory"]]
        return np.where(np.isin(kinds, ON_RAIL_MEMORIES), passed(self.sram_sites), 0.0)

    def _held_bytes(self, row: Row) -> float:
        stage = self.stages.shape(row.layer)
        lines = stage.windows.first if stage.windows is not None else 0
        held = lines + self.spec.fifo_pixels * stage.inputs + stage.loaded_pixels
        return held * stage.channels_in * row.layer.precision.activation_bits / 8

    def program(self, rows: Sequence[Row], inputs: int = 1) -> TimedGraph:
        """The whole pipeline. FIFOs not given in the YAML are sized so that the interval is kept."""
        return self.layout.graph(rows, self.layout.rooms(rows), inputs)

    def between(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """What FIFOs take that are deeper than the one priced with each stage."""
        return self.layout.deep_fifos(rows)

    def kept_pace(self, rows: Sequence[Row]) -> int | None:
        """See `StagewiseMachine`."""
        return self.layout.kept_pace(rows)

    @property
    def is_stagewise(self) -> bool:
        """See `StagewiseMachine`: not where FIFOs are made as small as others allow, or given in the YAML."""
        return self.spec.fifo_sizing == "enough" and not self.spec.fifos

    def upstream(self, layers: Sequence[Layer], pace: int) -> Upstream:
        """In front of the first of all layers, with an input every `pace` cycles."""
        return Upstream(self.layout, layers, pace)

    def alike_in_time(self, options: Options) -> IntArray:
        """By row of a layer's table a number: pixels of rows with equal numbers come, go and wait alike."""
        return self.stages.alike_in_time(options)
