"""The executable model of a `crossbar` accelerator."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.crossbar import elementwise
from archsim.accelerators.crossbar.costs import Costs, costs_of, sites_of
from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.layout import layouts, product_of
from archsim.accelerators.crossbar.mapping import raw_mapping, readable_mapping, ways_of_row
from archsim.accelerators.crossbar.peak import Peak, peak_macs_per_cycle, peak_of
from archsim.accelerators.crossbar.pricing import Priced, chunks_of, price
from archsim.accelerators.crossbar.program import LayerProgram, graph_of
from archsim.accelerators.crossbar.site import Site, check_precision
from archsim.accelerators.crossbar.spec import CrossbarSpec
from archsim.accelerators.crossbar.stages import StageTimes, pipeline_of
from archsim.accelerators.crossbar.stored import stored_of
from archsim.accelerators.crossbar.table import (
    BUFFERS,
    CROSSBARS,
    TILES,
    contraction_options,
    elementwise_options,
    job_of,
)
from archsim.accelerators.crossbar.ways import Ways
from archsim.accelerators.low_voltage import SramSite
from archsim.accelerators.machine import Action, FloatArray, Options, Performed, Row
from archsim.accelerators.options_front import undominated
from archsim.components.figure import Figure
from archsim.components.sram_supply import Stored
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload


class CrossbarMachine:
    """See `archsim.accelerators.machine.Machine`; `reload_arrays` are written anew by every layer."""

    family = "crossbar"
    counts_from_zero = False
    outer_memory = "offchip"

    def __init__(
        self, spec: CrossbarSpec, *, reload_arrays: int | None = None, external: frozenset[str] = frozenset()
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.composition: Literal["sequential", "pipelined"] = spec.composition
        self.external = external
        self.precision = Precision.parse(spec.precision)
        check_precision(spec.name, self.precision)
        self.prices = costs_of(spec)
        self.sram_sites: Sequence[SramSite] = sites_of(spec, self.prices.point)
        self.clock_mhz = self.prices.point.clock_mhz
        pipelined = spec.composition == "pipelined"
        given = spec.reload_arrays if reload_arrays is None else reload_arrays
        self.reload = 0 if pipelined else spec.arrays if given is None else given
        self._sites: dict[Precision, Site] = {}
        site = self.site(self.precision)
        self.capacity: Mapping[str, float] = {CROSSBARS: float(site.resident)}
        if pipelined:
            stages = {TILES: float(spec.tile.count), BUFFERS: site.buffer_bytes / 1024}
            self.capacity = {**self.capacity, **stages}
        self.peak_macs_per_cycle = peak_macs_per_cycle(site)
        self.dram_bytes_per_cycle: float | None = site.offchip_bytes_per_cycle
        self.timing: Hashable = (
            spec.model_dump_json(exclude={"name", "description", "operating_point", "noise"}),
            self.clock_mhz,
            self.reload,
            external,
        )
        self.capacities: tuple[float, ...] = ()  # they are part of the timing

    def site(self, precision: Precision) -> Site:
        """The machine as layers of one precision meet it. InputError: it cannot compute that."""
        if precision not in self._sites:
            check_precision(self.name, precision)
            resident = self.spec.arrays - self.reload
            self._sites[precision] = Site(
                self.spec, self.prices, precision, resident, self.reload, self.external
            )
        return self._sites[precision]

    def costs(self, precision: Precision) -> Costs:
        """Unit energies of layers at a precision: the same at all, as parts are priced by their actions."""
        return self.prices

    def peak(self, precision: Precision | None = None) -> Peak:
        """The whole chip at its most, at a precision (default: the one it is built for)."""
        return peak_of(self.site(precision or self.precision))

    def settings(self) -> Mapping[str, Any]:
        array, adc = self.spec.array, self.spec.adc
        return {
            "family": self.family,
            "array": f"{array.rows}×{array.columns} {array.cell.kind}, {array.cell.bits} bit a cell",
            "arrays": self.spec.arrays,
            "reload_arrays": self.reload,
            "adc_bits": None if adc is None else adc.bits,
            "adc_model": None if adc is None else adc.model,
            "node_nm": self.spec.technology.node_nm,
            "vdd_v": self.prices.point.vdd_v,
            "clock_mhz": self.clock_mhz,
            **self.prices.sram,
        }

    def area(self) -> Mapping[str, Figure]:
        return self.prices.area_mm2

    def leakage(self) -> Mapping[str, Figure]:
        return self.prices.always_on_mw

    def at(self, *, vdd_v: float | None = None, clock_mhz: float | None = None) -> CrossbarMachine:
        """The same machine at another operating point. InputError where it cannot run."""
        point = {"vdd_v": vdd_v, "clock_mhz": clock_mhz}
        return CrossbarMachine(
            CrossbarSpec.model_validate({**self.spec.model_dump(), "operating_point": point})
        )

    def for_workload(self, workload: Workload) -> CrossbarMachine:
        """The machine set up for a network: nothing is written anew if all weights fit the arrays at once."""
        external = frozenset(t.name for t in (*workload.inputs, *workload.outputs))
        reload_arrays = self.spec.reload_arrays
        products = [x for x in workload.layers if x.contraction is not None]
        if reload_arrays is None and all(layer.has_static_weights for layer in products):
            need = sum(self._least_arrays(layer) for layer in products)
            reload_arrays = 0 if need <= self.spec.arrays else None
        return CrossbarMachine(self.spec, reload_arrays=reload_arrays, external=external)

    def _least_arrays(self, layer: Layer) -> int:
        bits = layer.precision.weight_bits
        return min(x.arrays for x in layouts(product_of(layer), self.spec, bits, layer.name))

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """Every way to lay the layer on the arrays; DoesNotFit where there is none.

        `precisions` default to the layer's own. All rows are kept with `minimize`: there are few.
        """
        sites = {p: self.site(p) for p in tuple(precisions) or (layer.precision,)}
        make = elementwise_options if layer.contraction is None else contraction_options
        options = make(layer, sites)
        return options if front is None else undominated(options, front)

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row that a readable mapping (of `Performed.mapping`) stands for. InputError: it is none."""
        wanted = raw_mapping(layer, mapping)
        options = self.options(layer)
        matches = np.ones(len(options), dtype=bool)
        for key, value in wanted.items():
            matches &= options.codebooks[key][key][options.mapping[key]] == value
        if not matches.any():
            raise InputError(f"layer {layer.name!r}: {dict(wanted)} is no way to run it on {self.name}")
        return options.row(int(np.flatnonzero(matches)[0]))

    def _priced(self, row: Row) -> tuple[Job, Ways, Priced]:
        job = job_of(row.layer, self.site(row.layer.precision))
        ways = ways_of_row(job, row.mapping)
        return job, ways, price(job, ways)

    def performed(self, row: Row) -> Performed:
        """Counted actions of a row, what is always drawn apart (that follows from the latency)."""
        site = self.site(row.layer.precision)
        if row.layer.contraction is None:
            return self._performed_elementwise(row, site)
        job, ways, priced = self._priced(row)
        busy = {name: float(cycles[0]) for name, cycles in priced.busy.items()}
        return Performed(
            actions=counted({key: float(count[0]) for key, count in priced.actions.items()}, site),
            dram_bytes=float(priced.offchip_bytes[0]),
            compute_cycles=ceil(float(priced.compute[0])),
            bound_by=max(busy, key=lambda name: busy[name]),
            mapping=readable_mapping(job, ways),
            held_bytes=float(priced.held[0]),
            resources={
                CROSSBARS: float(ways.arrays[0]) * ways.resident,
                BUFFERS: float(priced.held[0]) / 1024 * job.site.pipelined,
            },
        )

    def _performed_elementwise(self, row: Row, site: Site) -> Performed:
        stream = elementwise.stream_of(row.layer, site)
        tiles = int(row.mapping["tiles"])
        window = stream.cycles(site, tiles)
        busy = {"buffer in": window.load, "vector_unit": window.compute, "buffer out": window.store}
        off_chip = stream.fetch_bytes + stream.spill_bytes
        cycles = {name: stream.chunks * float(part[0]) for name, part in busy.items()}
        cycles["offchip"] = off_chip / site.offchip_bytes_per_cycle
        return Performed(
            actions=counted(stream.actions(), site),
            dram_bytes=off_chip,
            compute_cycles=ceil(cycles["vector_unit"]),
            bound_by=max(cycles, key=lambda name: cycles[name]),
            mapping={"unit": "vector_unit", "tiles": tiles, "chunks": stream.chunks},
            resources={TILES: float(tiles)} if site.pipelined else {},
        )

    def between(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """Nothing more: lines that wait for a stage are in its tiles' buffers, priced with its row."""
        return {}

    def stored(self, row: Row) -> tuple[Stored, ...]:
        return stored_of(row.layer, self.spec, self.prices)

    def weight_bit_errors(self, options: Options) -> FloatArray:
        """None: weights lie in the arrays' cells, whose errors are `noise`."""
        return np.zeros(len(options))

    def program(self, rows: Sequence[Row], inputs: int = 1) -> TimedGraph:
        """Rows one after the other, or as the stages of a pipeline."""
        if self.composition == "pipelined":
            return pipeline_of([self._stage(row) for row in rows], inputs)
        return graph_of([self._layer_program(row) for row in rows])

    def _stage(self, row: Row) -> tuple[Layer, StageTimes]:
        site = self.site(row.layer.precision)
        rate = site.offchip_bytes_per_cycle
        if row.layer.contraction is None:
            stream = elementwise.stream_of(row.layer, site)
            window, chunks = stream.cycles(site, int(row.mapping["tiles"])), stream.chunks
            return row.layer, StageTimes(
                load=chunks * float(window.load[0]),
                compute=chunks * float(window.compute[0]),
                store=chunks * float(window.store[0]),
                fetch=stream.fetch_bytes / rate,
                spill=stream.spill_bytes / rate,
            )
        priced = self._priced(row)[2]
        return row.layer, StageTimes(
            load=float(priced.busy["buffer in"][0]),
            compute=float(priced.busy["arrays"][0]),
            store=float(priced.busy["buffer out"][0]),
            fetch=float(priced.fetch[0]),
            spill=float(priced.spill[0]),
        )

    def _layer_program(self, row: Row) -> LayerProgram:
        site = self.site(row.layer.precision)
        if row.layer.contraction is None:
            return elementwise.stream_of(row.layer, site).program(row.layer, site)
        job, ways, priced = self._priced(row)
        load, compute, store, passes, rounds, write, fetch, spill = (
            float(value[0])
            for value in (
                priced.window.load,
                priced.window.compute,
                priced.window.store,
                priced.passes,
                ways.rounds,
                priced.write,
                priced.fetch,
                priced.spill,
            )
        )
        return LayerProgram(
            name=row.layer.name,
            rounds=int(rounds),
            passes=int(passes),
            chunks=int(chunks_of(priced.passes)[0]),
            load=load,
            compute=compute,
            store=store,
            fill=site.fill_cycles,
            write=write,
            fetch=fetch,
            spill=spill,
            writes_from_memory=job.product.static,
        )


def counted(counts: Mapping[tuple[str, str], float], site: Site) -> tuple[Action, ...]:
    return tuple(
        Action(component, action, count, site.costs.energy_pj[component, action])
        for (component, action), count in counts.items()
    )
