"""Where a network's weights are when it starts: in L2 if they fit beside the activations, else in L3."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from archsim.accelerators.cluster.engines import ENGINES
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.spec import ClusterSpec, Place
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload


def weights_home(spec: ClusterSpec, workload: Workload) -> Place:
    """Where the weights are at the workload's widths. An L3 that says where keeps its word."""
    if spec.l3 is None:
        return "l2"
    if spec.l3.weights != "auto":
        return spec.l3.weights
    needed = resident_weights_bytes(spec, workload) + workload.peak_memory.bytes
    return "l2" if needed <= spec.l2.room_bytes else "l3"


def resident_weights_bytes(spec: ClusterSpec, workload: Workload) -> float:
    """What all weights take in L2, those that layers share once."""
    by_weights = {layer.weights: _resident_bytes(spec, layer) for layer in workload.layers}
    return sum(by_weights.values())


def kept_bytes(weights: Iterable[tuple[tuple[Tensor, ...], str, float]]) -> float:
    """Bytes of the weights that stay in L2: (what they are, in which layout, their bytes) by layer.

    Layers that share weights share the room, too, as far as they want them in one layout (those of a `shared`
    tile are in both).
    """
    largest: dict[tuple[Tensor, ...], dict[str, float]] = {}
    for tensors, layout, size in weights:
        layouts = largest.setdefault(tensors, {})
        layouts[layout] = max(size, layouts.get(layout, 0.0))
    return sum(
        max(layouts.get("shared", 0.0), layouts.get("cores", 0.0) + layouts.get("engine", 0.0))
        for layouts in largest.values()
    )


def layouts_bytes(spec: ClusterSpec, layer: Layer) -> float:
    """What a layer's weights take in L2 at most, in whichever layouts a mapping wants them."""
    shares = spec.engine is not None and spec.engine.shares_layers
    plain, largest = float(layer.weight_bytes), _resident_bytes(spec, layer)
    return plain + largest if shares else largest


def _resident_bytes(spec: ClusterSpec, layer: Layer) -> float:
    """Weights as the engine wants them, where it could run the layer (padded to its blocks)."""
    if layer.contraction is None or not layer.has_static_weights or spec.engine is None:
        return float(layer.weight_bytes)
    engine, shape = ENGINES[spec.engine.kind], shape_of(layer)
    width = engine.channels_in
    inputs = 1 if shape.depthwise else ceil(shape.C / width) * width
    return max(float(layer.weight_bytes), shape.K * inputs * shape.taps * layer.precision.weight_bits / 8)
