"""The executable model of a `dataflow` accelerator."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import ceil
from typing import Any, Literal

import numpy as np

from archsim.accelerators.dataflow.memories import bram18s, fifo_luts
from archsim.accelerators.dataflow.packing import data_type_bits
from archsim.accelerators.dataflow.program import stage_parts
from archsim.accelerators.dataflow.resources import MEMORIES, MULTIPLIERS, Site, StageRows
from archsim.accelerators.dataflow.shape import StageShape, channels, pixels, stage_shape
from archsim.accelerators.dataflow.spec import CustomDevice, DataflowSpec, Folding
from archsim.accelerators.dataflow.table import (
    Ends,
    Priced,
    candidate_rows,
    price,
    stage_options,
    undominated,
)
from archsim.accelerators.machine import Action, Options, Performed, Row
from archsim.accelerators.pipeline import Stage, drain, feed, pipeline_graph
from archsim.accelerators.pipeline.fifos import enough_room, fifo_channels, smallest_rooms
from archsim.accelerators.pipeline.program import input_port
from archsim.components.dram import DRAM_KINDS
from archsim.components.figure import Figure
from archsim.components.fpga import RESOURCES, Device, busy_pj, device_named
from archsim.errors import InputError
from archsim.kernel.graph import TimedGraph
from archsim.kernel.schedule import Firing, Node, sequence
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

PROCESSOR = "processor"


@dataclass(frozen=True)
class Costs:
    """Unit energies by (component, action)."""

    energy_pj: Mapping[tuple[str, str], Figure]


class DataflowMachine:
    """See `archsim.accelerators.machine.PipelinedMachine`."""

    family = "dataflow"
    composition: Literal["sequential", "pipelined"] = "pipelined"
    counts_from_zero = False
    outer_memory = "ddr"
    capacities: tuple[float, ...] = ()

    def __init__(self, spec: DataflowSpec, workload: Workload | None = None) -> None:
        """`workload`: what it is set up for; its first and last layers move data from and to memory."""
        self.spec, self.name, self.clock_mhz = spec, spec.name, spec.clock_mhz
        self.device = _device(spec.device)
        self.precision = Precision.parse(spec.precision)
        self.timing: Hashable = spec.model_dump_json(exclude={"name", "description"})
        self.dram_bytes_per_cycle: float | None = self.device.ddr_bytes_per_s / (spec.clock_mhz * 1e6)
        # no product takes less than a LUT, and no DSP makes more than four
        self.peak_macs_per_cycle = float(self.device.lut + 4 * self.device.dsp)
        self.capacity = self._capacity()
        self.energies = busy_pj(self.device)
        memory = DRAM_KINDS["ddr4" if self.device.node_nm < 28 else "ddr3"]
        self.ddr_pj_per_byte = memory.energy_pj_per_bit.scaled(8)
        self.inputs = {t.name for t in workload.inputs} if workload else set[str]()
        self.outputs = {t.name for t in workload.outputs} if workload else set[str]()
        self._known: dict[object, Priced] = {}
        self._rooms: dict[object, dict[str, int]] = {}

    def for_workload(self, workload: Workload) -> DataflowMachine:
        """Set up for a network. Raises InputError for a folding of a layer that it does not have."""
        names = [layer.name for layer in workload.layers]
        for key, patterns in (
            ("folding", self.spec.folding),
            ("accumulator_bits", self.spec.accumulator_bits),
        ):
            for pattern in patterns:
                if not any(fnmatchcase(name, pattern) for name in names):
                    raise InputError(
                        f"{self.name}: {key}: {pattern!r} matches no layer of {workload.name}, which has: "
                        f"{', '.join(names)}"
                    )
        return DataflowMachine(self.spec, workload)

    def _capacity(self) -> Mapping[str, float]:
        usable, reserved = self.spec.usable, self.spec.reserved
        room = {
            name: max(0.0, self.device.amounts[name] * getattr(usable, name) - getattr(reserved, name))
            for name in RESOURCES
        }
        return room | {"stream_bits": 8.0 * (self.dram_bytes_per_cycle or 0.0)}

    def settings(self) -> Mapping[str, Any]:
        return {
            "family": self.family,
            "device": self.device.part,
            "node_nm": self.device.node_nm,
            "clock_mhz": self.clock_mhz,
        }

    def area(self) -> Mapping[str, Figure]:
        """None: what an FPGA's design takes are its resources (`capacity`)."""
        return {}

    def leakage(self) -> Mapping[str, Figure]:
        """Static power of the device, and of the processor beside it, in mW."""
        host = self.spec.host.power_w * 1e3
        return {
            "device": self.device.static_w.scaled(1e3),
            PROCESSOR: Figure(host, f"given in {self.name}: host.power_w", 1.0),
        }

    def costs(self, precision: Precision) -> Costs:
        """Unit energies: the same at every precision, as resources are what is priced."""
        at_work = {(name, "busy cycle"): figure for name, figure in self.energies.items()}
        return Costs({**at_work, ("ddr", "byte"): self.ddr_pj_per_byte})

    def _matching(self, layer: Layer, patterns: Mapping[str, Any]) -> Any | None:
        """What the first matching pattern says; a name of its own comes before patterns."""
        if layer.name in patterns:
            return patterns[layer.name]
        return next((given for pattern, given in patterns.items() if fnmatchcase(layer.name, pattern)), None)

    def _site(self, layer: Layer, stage: StageShape) -> Site:
        precision = layer.precision
        bits = self._matching(layer, self.spec.accumulator_bits) or data_type_bits(
            stage.products,
            precision.activation_bits if stage.is_loaded else precision.weight_bits,
            precision.activation_bits,
        )
        leaves = any(tensor.name in self.outputs for tensor in layer.outputs)
        return Site(
            precision=precision,
            accumulator_bits=bits,
            requantises=precision.output_bits < bits and not leaves,
            dsp_kind=self.device.dsp_kind,
            luts_per_bram18=self.device.lut / max(1, self.device.bram18),
            fifo_pixels=self.spec.fifo_pixels,
        )

    def _ends(self, layer: Layer) -> Ends:
        read = [t for t in layer.inputs if t.name in self.inputs]
        written = [t for t in layer.outputs if t.name in self.outputs]
        bits_in, bits_out = layer.precision.activation_bits, layer.precision.output_bits
        in_cycles = sum(self._transfer_cycles(t, bits_in) for t in read)
        out_cycles = max((self._transfer_cycles(t, bits_out) for t in written), default=0)
        host = self.host_cycles if read else 0
        return Ends(
            sum(ceil(t.elements * bits_in / 8) for t in read),
            sum(ceil(t.elements * bits_out / 8) for t in written),
            max(in_cycles + host, out_cycles),
        )

    @property
    def host_cycles(self) -> int:
        return round(self.spec.host.latency_us * self.clock_mhz)

    def _transfer_cycles(self, tensor: Tensor, bits: int) -> int:
        return pixels(tensor) * self._pixel_transfer_cycles(tensor, bits)

    def _pixel_transfer_cycles(self, tensor: Tensor, bits: int) -> int:
        return ceil(channels(tensor) * bits / self.device.dma_bits)

    def options(
        self,
        layer: Layer,
        precisions: Sequence[Precision] = (),
        *,
        minimize: str | None = None,
        front: Sequence[str] | None = None,
    ) -> Options:
        """Every folding of the layer's stage. Raises InputError for a layer that no stage can do."""
        ends = self._ends(layer)
        folding = self._matching(layer, self.spec.folding) or Folding.model_validate({})
        priced = []
        for precision in precisions or (layer.precision,):
            at = self._integers(layer.with_precision(precision))
            stage = stage_shape(at)
            rows = candidate_rows(at, stage, self.spec, folding)
            priced.append((at, price(at, stage, rows, self._site(at, stage), ends)))
        table = stage_options(layer, priced, self.energies, self.ddr_pj_per_byte.value, ends)
        return table if front is None else undominated(table, front)

    def _integers(self, layer: Layer) -> Layer:
        if layer.precision.number_format != "int":
            raise InputError(
                f"layer {layer.name!r}: a dataflow pipeline computes in integers of 1 to 16 bits"
            )
        widest = max(layer.precision.weight_bits, layer.precision.activation_bits)
        if widest > 16:
            raise InputError(
                f"layer {layer.name!r}: {widest} bits are too wide for a stage; allowed: 1 to 16"
            )
        return layer

    def _priced(self, row: Row) -> Priced:
        """One row with all that it costs; worked out once."""
        layer, mapping = row.layer, row.mapping
        key = layer.name, layer.precision, *(mapping[k] for k in ("pe", "simd", "memory", "multiplier"))
        if key not in self._known:
            stage = stage_shape(layer)
            codes = (
                int(mapping["pe"]),
                int(mapping["simd"]),
                MEMORIES.index(str(mapping["memory"])),
                MULTIPLIERS.index(str(mapping["multiplier"])),
            )
            rows = StageRows(*(np.array([code], dtype=np.int64) for code in codes))
            self._known[key] = price(layer, stage, rows, self._site(layer, stage), self._ends(layer))
        return self._known[key]

    def row(self, layer: Layer, mapping: Mapping[str, Any]) -> Row:
        """The row that a readable mapping (of `Performed.mapping`) stands for. InputError: it is none."""
        stage = stage_shape(layer)
        try:
            folding = Folding(
                pe=mapping.get("pe", 1),
                simd=mapping.get("simd", 1),
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
        return replace(row, cycles=float(self._priced(row).interval[0]), energy_pj=energy)

    def performed(self, row: Row) -> Performed:
        """Resource-cycles at work and bytes moved for one input."""
        priced = self._priced(row)
        stage, ends = priced.stage, self._ends(row.layer)
        actions = [
            Action(name, "busy cycle", float(count[0]), self.energies[name])
            for name, count in priced.busy().items()
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
                "accumulator_bits": self._site(row.layer, stage).accumulator_bits,
            }
        used = {name: float(count[0]) for name, count in priced.use.items()}
        return Performed(
            actions=tuple(actions),
            dram_bytes=moved,
            compute_cycles=int(priced.cycles.compute[0]),
            bound_by="dma" if ends.cycles > own else str(priced.cycles.bound_by[0]),
            mapping=mapping | {name: round(count) for name, count in used.items() if count},
            held_bytes=self._held_bytes(row),
            resources=used,
        )

    def _held_bytes(self, row: Row) -> float:
        stage = stage_shape(row.layer)
        lines = stage.windows.first if stage.windows is not None else 0
        held = lines + self.spec.fifo_pixels * stage.inputs + stage.loaded_pixels
        return held * stage.channels_in * row.layer.precision.activation_bits / 8

    def program(self, rows: Sequence[Row], inputs: int = 1) -> TimedGraph:
        """The whole pipeline. FIFOs not given in the YAML are sized so that the interval is kept."""
        return self._graph(rows, self.fifo_rooms(rows), inputs)

    def taken(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """Stages, and what FIFOs take that are deeper than the one priced with each stage."""
        total = {name: sum(float(self._priced(row).use[name][0]) for row in rows) for name in self.capacity}
        for row in rows:
            for name, count in self._deep_fifos(row, self.fifo_rooms(rows)).items():
                total[name] += count
        return total

    def _deep_fifos(self, row: Row, rooms: Mapping[str, int]) -> Mapping[str, float]:
        """LUTs or block RAMs of a layer's FIFOs that are deeper than what is priced with its stage."""
        priced = self._priced(row)
        stage, width = priced.stage, float(priced.cycles.width[0])
        bits = np.array([width * row.layer.precision.activation_bits])
        taken = {"lut": 0.0, "bram18": 0.0}
        prefix = f"{row.layer.name}."
        for name, room in rooms.items():
            if not name.startswith(prefix) or room <= self.spec.fifo_pixels:
                continue
            windows = stage.kernel if name == f"{prefix}compute" and stage.windows is not None else 1
            words = np.array([room * windows * stage.channels_in / width])
            luts, brams = fifo_luts(words, bits), bram18s(words, bits)
            in_luts = luts[0] <= brams[0] * self.device.lut / max(1, self.device.bram18)
            taken["lut" if in_luts else "bram18"] += float((luts if in_luts else brams)[0])
        return taken

    def fifo_rooms(self, rows: Sequence[Row]) -> Mapping[str, int]:
        """Pixels of room in layers' input FIFOs, as `<layer>.<port>`. InputError: the YAML names others."""
        key = tuple((row.layer.name, row.layer.precision, *row.mapping.values()) for row in rows)
        if key not in self._rooms:
            channels = fifo_channels(self._stages(rows, {}))
            given = self.spec.fifos
            for name in given:
                if name not in channels:
                    raise InputError(f"{self.name}: fifos: {name!r} is none of {', '.join(channels)}")

            def build(rooms: Mapping[str, int | None], count: int, pace: int | None) -> TimedGraph:
                return self._graph(rows, {**rooms, **given}, count, pace)

            rooms = enough_room(build, channels, self.spec.fifo_pixels)
            if self.spec.fifo_sizing == "smallest":
                rooms = smallest_rooms(
                    build, {n: r for n, r in rooms.items() if n not in given}, self.spec.fifo_pixels
                )
            self._rooms[key] = {**rooms, **given}
        return self._rooms[key]

    def _stages(self, rows: Sequence[Row], rooms: Mapping[str, int | None]) -> list[Stage]:
        stages = []
        for row in rows:
            priced = self._priced(row)
            fifos = tuple(
                rooms.get(f"{row.layer.name}.{input_port(place)}", self.spec.fifo_pixels)
                for place in range(len(row.layer.inputs))
            )
            first, *others = stage_parts(priced.stage, priced.cycles, 0)
            inner = [
                replace(part, fifo=rooms.get(f"{row.layer.name}.{part.name}", self.spec.fifo_pixels))
                for part in others
            ]
            stages.append(Stage(row.layer, (first, *inner), fifos))
        return stages

    def _graph(
        self, rows: Sequence[Row], rooms: Mapping[str, int | None], inputs: int, pace: int | None = None
    ) -> TimedGraph:
        made = {t.name: (t, row.layer) for row in rows for t in row.layer.outputs}
        read = {t.name: (t, row.layer) for row in rows for t in row.layer.inputs}
        source = {name: self._source(*read[name], pace) for name in read if name not in made}
        sink = {
            name: drain(pixels(t), self._pixel_transfer_cycles(t, layer.precision.output_bits))
            for name, (t, layer) in made.items()
            if name not in read
        }
        return pipeline_graph(self._stages(rows, rooms), source=source, sink=sink, inputs=inputs)

    def _source(self, tensor: Tensor, layer: Layer, pace: int | None) -> Node:
        """The host's call and the input from memory; or an input every `pace` cycles, evenly."""
        count = pixels(tensor)
        if pace is not None:
            return sequence(feed(count, pace // count), Firing(pace % count))
        transfer = self._pixel_transfer_cycles(tensor, layer.precision.activation_bits)
        return sequence(Firing(self.host_cycles), feed(count, transfer))


def _device(given: str | CustomDevice) -> Device:
    if isinstance(given, str):
        return device_named(given)
    return Device(
        part="custom",
        node_nm=given.node_nm,
        lut=given.lut,
        ff=2 * given.lut if given.ff is None else given.ff,
        bram18=given.bram18,
        uram=given.uram,
        dsp=given.dsp,
        dsp_kind=given.dsp_kind,
        static_w=Figure(given.static_w, "given as device.static_w", 1.0),
        ddr_bytes_per_s=given.ddr_gb_s * 1e9,
        dma_bits=given.dma_bits,
        source="given",
    )
