"""The executable model of a `cluster` accelerator."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.cluster import elementwise
from archsim.accelerators.cluster.core_kernels import Cores
from archsim.accelerators.cluster.costs import Costs, costs_of, sites_of
from archsim.accelerators.cluster.elementwise_program import elementwise_program
from archsim.accelerators.cluster.elementwise_table import elementwise_options, stream_costs
from archsim.accelerators.cluster.homes import surroundings_of, waiting_bytes
from archsim.accelerators.cluster.isa import inner_loop
from archsim.accelerators.cluster.kernel_libraries import kernel_library
from archsim.accelerators.cluster.mapping import Mapped, raw_mapping, readable_mapping
from archsim.accelerators.cluster.peak import peak_macs_per_cycle
from archsim.accelerators.cluster.pricing import Priced, energy_of, price
from archsim.accelerators.cluster.program import LayerProgram, graph_of
from archsim.accelerators.cluster.residency import kept_bytes, weights_home
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.stored import stored_in_chunks, stored_of
from archsim.accelerators.cluster.table import KEYS, contraction_options
from archsim.accelerators.cluster.tile_program import tile_program
from archsim.accelerators.cluster.tile_work import work_of
from archsim.accelerators.cluster.tiles import Choice
from archsim.accelerators.cluster.work import Site, Surroundings
from archsim.accelerators.low_voltage import SramSite, passed
from archsim.accelerators.machine import Action, FloatArray, Options, Performed, Row
from archsim.accelerators.options_front import undominated
from archsim.components.figure import Figure
from archsim.components.sram_supply import Stored
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

TILE_CANDIDATES = 6


class ClusterMachine:
    """See `archsim.accelerators.machine.Machine`.

    `tile_candidates`: sizes tried per loop dimension (None: all, which takes up to a million rows a layer);
    `like_dory`: only what DORY does of it, to compare with measurements of DORY.
    """

    family = "cluster"
    composition: Literal["sequential", "pipelined"] = "sequential"
    counts_from_zero = False

    def __init__(
        self, spec: ClusterSpec, *, tile_candidates: int | None = TILE_CANDIDATES, like_dory: bool = False
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.choice = Choice(tile_candidates, like_dory)
        self.network: Mapping[str, Surroundings] = {}  # by layer, once it is set up for one
        self._sites: dict[Precision, Site] = {}
        self._known: dict[object, tuple[Mapped, Priced]] = {}
        self.precision = Precision.parse(spec.cores.precision)
        self.prices = costs_of(spec)
        self.sram_sites: Sequence[SramSite] = sites_of(spec, self.prices.point)
        self.clock_mhz = self.prices.point.clock_mhz
        self.peak_macs_per_cycle = peak_macs_per_cycle(spec, self.site_of)
        outermost = spec.l3.bandwidth_mb_s / self.clock_mhz if spec.l3 is not None else None
        within = 2 * spec.dma.bytes_per_cycle if spec.dma is not None else None
        self.dram_bytes_per_cycle = outermost or within
        self.outer_memory = "l2" if spec.l3 is None else "l3"
        self.timing: Hashable = (
            spec.model_dump_json(exclude={"name", "description", "operating_point", "technology"}),
            self.clock_mhz,
        )
        self.capacities: tuple[float, ...] = ()  # they are part of the timing

    def site(self, precision: Precision) -> Site:
        """The machine as layers of one precision meet it. InputError: the cores cannot do that precision."""
        if precision not in self._sites:
            cores = self.spec.cores
            loop = inner_loop(cores.isa, precision)
            banks = 2 * cores.count if self.spec.l1 is None else self.spec.l1.banks
            library, each = kernel_library(cores.isa), cores.cycles_per_instruction
            built = Cores(cores.count, banks, loop, library, each, cores.float_units)
            self._sites[precision] = Site(self.spec, self.clock_mhz, precision, built)
        return self._sites[precision]

    def costs(self, precision: Precision) -> Costs:
        """Unit energies of layers at a precision: the same at all, as units are priced by their cycles."""
        return self.prices

    def site_of(self, label: str) -> Site:
        return self.site(Precision.parse(label))

    def settings(self) -> Mapping[str, Any]:
        point = self.prices.point
        return {
            "family": self.family,
            "cores": self.spec.cores.count,
            "isa": self.spec.cores.isa,
            "engine": None if self.spec.engine is None else self.spec.engine.kind,
            "node_nm": self.spec.technology.node_nm,
            "vdd_v": point.vdd_v,
            "clock_mhz": point.clock_mhz,
            "body_bias": point.body_bias,
            **self.prices.sram,
        }

    def area(self) -> Mapping[str, Figure]:
        return self.prices.area_mm2

    def leakage(self) -> Mapping[str, Figure]:
        """What is drawn in every cycle: leakage, and the clock of what always runs (`uncore`)."""
        return self.prices.always_on_mw

    def for_workload(self, workload: Workload) -> ClusterMachine:
        """The machine set up for a network at its widths: weights and activations each in L2 or in L3."""
        spec = self.spec
        if spec.l1 is None:
            return self
        if spec.l3 is not None:
            l3 = spec.l3.model_dump() | {"weights": weights_home(spec, workload)}
            spec = ClusterSpec.model_validate(spec.model_dump() | {"l3": l3})
        machine = ClusterMachine(spec, tile_candidates=self.choice.most, like_dory=self.choice.like_dory)
        if not self.choice.like_dory:  # which decides layer by layer
            machine.network = surroundings_of(spec, workload)
        return machine

    def surroundings(self, layer: Layer) -> Surroundings | None:
        """What of the network that it is set up for changes a layer's options; None for a layer by itself."""
        return self.network.get(layer.name)

    def open_fields(self, narrow: Workload, wide: Workload) -> Mapping[str, Sequence[str]]:
        """Fields by path that a search over bits between two widths has to try: where weights are, if the
        widths decide it.
        """
        homes = sorted({weights_home(self.spec, workload) for workload in (narrow, wide)})
        return {"l3.weights": homes} if len(homes) > 1 else {}

    @property
    def shared_l2_bytes(self) -> float | None:
        """What the weights of all layers and the activations of each share; None if weights come from L3."""
        stays = self.spec.l3 is None or self.spec.l3.weights == "l2"
        return self.spec.l2.room_bytes if stays and self.spec.l1 is not None else None

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """Every candidate tiling of a contraction, or the one way to stream anything else.

        `precisions` default to the layer's own. With `minimize` only rows near the cheapest are kept, with
        `front` only those undominated in the named quantities. Raises DoesNotFit when no tile fits.
        """
        precisions = tuple(precisions) or (layer.precision,)
        around = self.surroundings(layer)
        sites = {p: replace(self.site(p), around=around) for p in precisions}
        if layer.contraction is not None:
            return contraction_options(layer, precisions, sites, self.prices, self.choice, minimize, front)
        options = elementwise_options(layer, sites, self.prices)
        return options if front is None else undominated(options, front)

    def _stream(self, row: Row) -> elementwise.Stream:
        """The chunks of a row that is no contraction."""
        return elementwise.stream_of(row.layer, self.site(row.layer.precision), row.mapping)

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row that a readable mapping (of `Performed.mapping`) stands for. InputError: it is none."""
        if layer.contraction is None:
            site = self.site(layer.precision)
            row = Row(layer, elementwise.raw_mapping(layer, site, mapping), 0.0, 0.0)
            costs = stream_costs(layer, site, self._stream(row), self.prices)
            energy = sum(pj for name, pj in costs.items() if name.startswith("energy:"))
            return replace(row, cycles=costs["cycles"], energy_pj=energy)
        raw = raw_mapping(layer, mapping)
        priced = self._priced(Row(layer, raw, 0.0, 0.0))[1]
        energy = sum(float(pj[0]) for pj in energy_of(priced.actions, priced.cycles, self.prices).values())
        return Row(layer, raw, float(priced.cycles[0]), energy)

    def _priced(self, row: Row) -> tuple[Mapped, Priced]:
        """A contraction's row as what it stands for, and its price; worked out once."""
        values = tuple(row.mapping[key] for key in KEYS)
        key = shape_of(row.layer), row.layer.precision, values
        if key not in self._known:
            mapped = Mapped.of(row.mapping, self.site(row.layer.precision), row.layer)
            work = work_of(mapped.site, mapped.tiles, mapped.plan.way)
            priced = price(mapped.site, mapped.tiles, mapped.l2, mapped.plan, work)
            self._known[key] = mapped, priced
        return self._known[key]

    def performed(self, row: Row) -> Performed:
        """Counted actions of a row, what is always on apart (that follows from the latency)."""
        layer, site = row.layer, self.site(row.layer.precision)
        if layer.contraction is None:
            stream = self._stream(row)
            counts = elementwise.counted_actions(layer, site, stream)
            moved = float(site.transfer_cycles(np.float64(stream.load_bytes)))
            compute = stream.chunks * elementwise.chunk_cycles(layer, site, stream)
            busy = {"compute": float(compute), "dma_in": moved}
            far, near = stream.far_bytes, stream.load_bytes + stream.store_bytes
            mapping: Mapping[str, Any] = {"unit": "cores", "chunks": stream.chunks, "places": stream.places}
        else:
            priced = self._priced(row)[1]
            counts = {key: float(count[0]) for key, count in priced.actions.items()}
            compute = ceil(float(priced.compute[0]))
            busy = {"compute": float(compute)} | {name: float(v[0]) for name, v in priced.busy.items()}
            far, near = float(priced.l3_bytes[0]), float(priced.l2_bytes[0])
            mapping = readable_mapping(row.mapping)
        return Performed(
            actions=tuple(
                Action(component, action, count, self.prices.energy_pj[component, action])
                for (component, action), count in counts.items()
            ),
            dram_bytes=far if self.spec.l3 is not None else near,
            compute_cycles=compute,
            bound_by=max(busy, key=lambda name: busy[name]),
            mapping=mapping,
        )

    def stored(self, row: Row) -> tuple[Stored, ...]:
        if row.layer.contraction is None:
            return stored_in_chunks(row.layer, self.prices, self.spec, self._stream(row))
        return stored_of(row.layer, self.prices, self.spec, self._priced(row)[0])

    def weight_bit_errors(self, options: Options) -> FloatArray:
        """All weights pass L2 and L1."""
        return np.full(len(options), passed(self.sram_sites))

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """Rows one after the other; each layer's first weights are fetched early where they fit.

        Raises InputError when the weights kept in L2 and the activations do not fit it together.
        """
        held = self._held(rows)
        self._check_l2(rows, held)
        before = [None, *held]
        return graph_of([self._layer_program(*each) for each in zip(rows, before, held, strict=False)])

    def _layer_program(
        self, row: Row, before: Mapping[str, float] | None, held: Mapping[str, float]
    ) -> LayerProgram:
        layer, site = row.layer, self.site(row.layer.precision)
        if layer.contraction is None:
            return elementwise_program(layer, site, self._stream(row))
        mapped = self._priced(row)[0]
        places = mapped.plan.places
        prefetch = early = False
        if before is not None and layer.has_static_weights and self.spec.l1 is not None:
            l1, l2 = self.spec.l1, self.spec.l2
            tile = mapped.weight_tile_bytes
            room = l1.room_bytes
            prefetch = places.weight == "l2" and before.get("l1", 0.0) + tile <= room
            both = before["l2"] + held["l2"] <= l2.room_bytes
            early = places.weight == "l3" and places.input == "l2" and both
        return tile_program(
            layer.name, site, mapped.tiles, mapped.l2, mapped.plan, prefetch=prefetch, early_fetch=early
        )

    def _held(self, rows: Sequence[Row]) -> list[Mapping[str, float]]:
        """Bytes by memory while each row runs, what waits in L2 for later rows included."""
        found = []
        for row, waiting in zip(rows, waiting_bytes(rows), strict=True):
            if row.layer.contraction is None:
                held = elementwise.held_bytes(self.site(row.layer.precision), self._stream(row))
            else:
                held = {name: float(size[0]) for name, size in self._priced(row)[1].held.items()}
            found.append({**held, "l2": held["l2"] + waiting})
        return found

    def _check_l2(self, rows: Sequence[Row], held: Sequence[Mapping[str, float]]) -> None:
        resident = kept_bytes(
            (row.layer.weights, str(row.mapping["way"]).partition(":")[0], h["l2_weights"])
            for row, h in zip(rows, held, strict=True)
            if row.layer.contraction is not None
        )
        most = max(h["l2"] - h["l2_weights"] for h in held)
        room = self.spec.l2.room_bytes
        if self.spec.l1 is None or len(rows) == 1:
            return
        if resident + most > room:
            raise InputError(
                f"{self.name}: {resident:,.0f} bytes of weights and {most:,.0f} of activations do not fit l2 "
                f"together, which has {room:,.0f}; give it more capacity_kib, or an l3 with weights: l3"
            )
