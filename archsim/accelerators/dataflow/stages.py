"""The layers of a network as stages of a dataflow machine: their shapes and their priced rows."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from archsim.accelerators.dataflow.accumulators import WeightNorm, data_type_bits, l1_norm_bits
from archsim.accelerators.dataflow.fabric import Fabric
from archsim.accelerators.dataflow.layout import Streams
from archsim.accelerators.dataflow.resources import MEMORIES, MULTIPLIERS, Site, StageRows
from archsim.accelerators.dataflow.shape import StageShape, parallel_shape, stage_shape
from archsim.accelerators.dataflow.spec import DataflowSpec, Folding
from archsim.accelerators.dataflow.table import Ends, Priced, candidate_rows, price, stage_options
from archsim.accelerators.dataflow.timing import stage_cycles
from archsim.accelerators.machine import IntArray, Options, Row
from archsim.accelerators.patterns import setting_of
from archsim.errors import InputError
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision
from archsim.workloads.signs import non_negative_tensors
from archsim.workloads.workload import Workload


@dataclass(frozen=True)
class Stages:
    """inputs, outputs: tensors that come from memory and go there; unsigned: those never negative."""

    spec: DataflowSpec
    fabric: Fabric
    streams: Streams
    inputs: Set[str]
    outputs: Set[str]
    unsigned: Set[str]
    weight_norm: WeightNorm
    _known: dict[object, Priced] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        spec: DataflowSpec,
        fabric: Fabric,
        streams: Streams,
        workload: Workload | None,
        weight_norm: WeightNorm,
    ) -> Stages:
        """Without a workload nothing is known of what surrounds a layer."""
        if workload is None:
            return cls(spec, fabric, streams, set(), set(), set(), weight_norm)
        inputs, outputs = ({t.name for t in tensors} for tensors in (workload.inputs, workload.outputs))
        return cls(spec, fabric, streams, inputs, outputs, non_negative_tensors(workload), weight_norm)

    def shape(self, layer: Layer) -> StageShape:
        return parallel_shape(layer) if self.spec.io == "parallel" else stage_shape(layer)

    def folding(self, layer: Layer) -> Folding:
        return setting_of(layer, self.spec.folding) or Folding.model_validate({})

    def site(self, layer: Layer, stage: StageShape) -> Site:
        precision = layer.precision
        bits = self._accumulator_bits(layer, stage)
        leaves = any(tensor.name in self.outputs for tensor in layer.outputs)
        return Site(
            precision=precision,
            accumulator_bits=bits,
            requantises=precision.output_bits < bits and not leaves,
            luts_per_bram18=self.fabric.luts_per_bram18,
            fifo_pixels=self.spec.fifo_pixels,
            padding_width=self.folding(layer).padding,
        )

    def _accumulator_bits(self, layer: Layer, stage: StageShape) -> int:
        given = setting_of(layer, self.spec.accumulator_bits)
        if given:
            return given
        w, a = layer.precision.weight_bits, layer.precision.activation_bits
        signed = a == 1 or layer.inputs[0].name not in self.unsigned  # one bit is -1 or 1
        bits = data_type_bits(stage.products, a if stage.is_loaded else w, a, signed=signed)
        norm = self.weight_norm(layer, w) if self.spec.accumulator == "weights" and stage.weights else None
        return bits if norm is None else min(bits, l1_norm_bits(norm, a, signed=signed))

    def ends(self, layer: Layer) -> Ends:
        read = [t for t in layer.inputs if t.name in self.inputs]
        written = [t for t in layer.outputs if t.name in self.outputs]
        bits_in, bits_out = layer.precision.activation_bits, layer.precision.output_bits
        in_cycles = sum(self.streams.transfer_cycles(t, bits_in) for t in read)
        out_cycles = max((self.streams.transfer_cycles(t, bits_out) for t in written), default=0)
        host = self.streams.host_cycles if read else 0
        return Ends(
            sum(ceil(t.elements * bits_in / 8) for t in read),
            sum(ceil(t.elements * bits_out / 8) for t in written),
            max(in_cycles + host, out_cycles),
        )

    def table(self, layer: Layer, precisions: Sequence[Precision]) -> Options:
        """Every folding of the layer's stage at every precision. InputError: no stage can do the layer."""
        ends, folding = self.ends(layer), self.folding(layer)
        priced = []
        for precision in precisions:
            at = _in_integers(layer.with_precision(precision))
            stage = self.shape(at)
            rows = candidate_rows(at, stage, self.spec, folding)
            priced.append((at, price(stage, rows, self.site(at, stage), self.fabric, ends)))
        return stage_options(layer, priced, self.fabric.ddr_pj_per_byte.value, ends)

    def priced(self, row: Row) -> Priced:
        """One row with all that it costs; worked out once."""
        layer, mapping = row.layer, row.mapping
        key = layer.name, layer.precision, *(mapping[k] for k in ("pe", "simd", "memory", "multiplier"))
        if key not in self._known:
            stage = self.shape(layer)
            codes = (
                int(mapping["pe"]),
                int(mapping["simd"]),
                MEMORIES.index(str(mapping["memory"])),
                MULTIPLIERS.index(str(mapping["multiplier"])),
            )
            rows = StageRows(*(np.array([code], dtype=np.int64) for code in codes))
            self._known[key] = price(stage, rows, self.site(layer, stage), self.fabric, self.ends(layer))
        return self._known[key]

    def alike_in_time(self, options: Options) -> IntArray:
        """By row of a layer's table a number: pixels of rows with equal numbers come, go and wait alike."""
        layer = options.layer
        pe, simd = (options.codebooks[key][key][options.mapping[key]] for key in ("pe", "simd"))
        cycles = stage_cycles(self.shape(layer), pe, simd, self.folding(layer).padding)
        bits = np.array([(p.activation_bits, p.output_bits) for p in options.precisions])[options.precision]
        figures = np.concatenate([bits, cycles.in_time], axis=1)
        return np.unique(figures, axis=0, return_inverse=True)[1].reshape(-1)


def _in_integers(layer: Layer) -> Layer:
    if layer.precision.number_format != "int":
        raise InputError(f"layer {layer.name!r}: a dataflow pipeline computes in integers of 1 to 16 bits")
    widest = max(layer.precision.weight_bits, layer.precision.activation_bits)
    if widest > 16:
        raise InputError(f"layer {layer.name!r}: {widest} bits are too wide for a stage; allowed: 1 to 16")
    return layer
