"""The executable model of a `cluster` accelerator."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from functools import cached_property
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.choice import Choice
from archsim.accelerators.cluster import elementwise
from archsim.accelerators.cluster.core_kernels import Cores
from archsim.accelerators.cluster.costs import Costs, costs_of, sites_of
from archsim.accelerators.cluster.elementwise_table import elementwise_options, stream_costs
from archsim.accelerators.cluster.isa import inner_loop
from archsim.accelerators.cluster.kernel_libraries import kernel_library
from archsim.accelerators.cluster.mapping import Mapped, raw_mapping, readable_mapping
from archsim.accelerators.cluster.network_program import network_graph
from archsim.accelerators.cluster.peak import peak_macs_per_cycle
from archsim.accelerators.cluster.placement import Placement, place
from archsim.accelerators.cluster.pricing import Priced, energy_of, price
from archsim.accelerators.cluster.residency import weights_home
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.stored import stored_in_chunks, stored_of
from archsim.accelerators.cluster.table import KEYS, contraction_options
from archsim.accelerators.cluster.tile_work import work_of
from archsim.accelerators.cluster.tiles import Choice as TileChoice
from archsim.accelerators.cluster.work import Site, Surroundings
from archsim.accelerators.low_voltage import SramSite, passed
from archsim.accelerators.machine import Action, FloatArray, Options, Performed, Row
from archsim.accelerators.options_front import undominated
from archsim.components.figure import Figure
from archsim.components.sram_supply import Stored
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
        self.choice = TileChoice(tile_candidates, like_dory)
        self._network: tuple[Workload, str] | None = None  # once it is set up for one, with the objective
        self._keeps_layouts = False
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
            site = Site(self.spec, self.clock_mhz, precision, built)
            self._sites[precision] = replace(site, layouts={}) if self._keeps_layouts else site
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

    def placed_for(self, workload: Workload, minimize: str = "latency") -> ClusterMachine:
        """The machine with a network's tensors, at its widths, each in L2 or in L3: so that its layers cost
        the least together, each at its best row there. That is found when it is first asked for.
        """
        spec = self.spec
        if spec.l1 is None:
            return self
        home = weights_home(spec, workload)
        if spec.l3 is not None and (home == "l2" or self.choice.like_dory):  # else some of them stay
            l3 = spec.l3.model_dump() | {"weights": home}
            spec = ClusterSpec.model_validate(spec.model_dump() | {"l3": l3})
        machine = ClusterMachine(spec, tile_candidates=self.choice.most, like_dory=self.choice.like_dory)
        if not self.choice.like_dory:  # which decides layer by layer
            machine._network = workload, minimize
        return machine

    @cached_property
    def placement(self) -> Placement:
        return Placement({}) if self._network is None else place(self, *self._network)

    def keeping_layouts(self) -> ClusterMachine:
        """The same machine for asking again and again: it keeps what of a layer's tables does not depend on
        its surroundings, and looks for no tilings but those that `options` lists.
        """
        machine = copy(self)
        machine._sites = {}
        machine._keeps_layouts = True
        return machine

    def within(self, around: Mapping[str, Surroundings]) -> ClusterMachine:
        """The same machine, layers by name in given surroundings."""
        machine = copy(self)
        machine.__dict__["placement"] = Placement(around)
        return machine

    def chosen_row(self, layer: Layer, minimize: str) -> Choice | None:
        """The row that a layer of the network was given when its tensors were placed."""
        if self._network is None or self._network[1] != minimize:
            return None
        return self.placement.chosen.get(layer.name)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader has to know of the places of the network's tensors."""
        return self.placement.warnings

    def surroundings(self, layer: Layer) -> Surroundings | None:
        """What of the network that it is set up for changes a layer's options; None for a layer by itself."""
        return self.placement.around.get(layer.name)

    def open_fields(self, narrow: Workload, wide: Workload) -> Mapping[str, Sequence[str]]:
        """Fields by path that a search over bits between two widths has to try: where weights are, if the
        widths decide it.
        """
        homes = {weights_home(self.spec, workload) for workload in (narrow, wide)}
        return {"l3.weights": ["l2", "auto"]} if len(homes) > 1 else {}

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

    def site_in(self, layer: Layer, around: Surroundings) -> Site:
        """The machine as a layer at its precision meets it in the given surroundings."""
        return replace(self.site(layer.precision), around=around)

    def stream(self, row: Row) -> elementwise.Stream:
        """The chunks of a row that is no contraction."""
        return elementwise.stream_of(row.layer, self.site(row.layer.precision), row.mapping)

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row that a readable mapping (of `Performed.mapping`) stands for. InputError: it is none."""
        if layer.contraction is None:
            site = self.site(layer.precision)
            row = Row(layer, elementwise.raw_mapping(layer, site, mapping), 0.0, 0.0)
            costs = stream_costs(layer, site, self.stream(row), self.prices)
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

    def mapped(self, row: Row) -> Mapped:
        """What a contraction's row stands for."""
        return self._priced(row)[0]

    def performed(self, row: Row) -> Performed:
        """Counted actions of a row, what is always on apart (that follows from the latency)."""
        layer, site = row.layer, self.site(row.layer.precision)
        if layer.contraction is None:
            stream = self.stream(row)
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
            return stored_in_chunks(row.layer, self.prices, self.spec, self.stream(row))
        return stored_of(row.layer, self.prices, self.spec, self.mapped(row))

    def weight_bit_errors(self, options: Options) -> FloatArray:
        """All weights pass L2 and L1."""
        return np.full(len(options), passed(self.sram_sites))

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        """Rows one after the other; each layer's first weights are fetched early where they fit.

        Raises InputError when the weights kept in L2 and the activations do not fit it together.
        """
        return network_graph(self, rows)

    def held(self, row: Row) -> Mapping[str, float]:
        """Bytes by memory while a row runs, beside what waits in L2 for others."""
        if row.layer.contraction is None:
            return elementwise.held_bytes(self.site(row.layer.precision), self.stream(row))
        return {name: float(size[0]) for name, size in self._priced(row)[1].held.items()}
