"""Activation bytes alive while each layer runs, under what a run-time system does to save them.

Layer by layer a network needs its worst layer's input and output together. Microcontroller run-times let a
depthwise convolution or an element-wise layer write over its input (Lin et al., MCUNetV2, NeurIPS 2021:
"in-place depthwise"), one channel at a time; papers differ in whether residuals and the input image count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from archsim.workloads.layer import Layer
from archsim.workloads.workload import LiveMemory, Workload

Size = Callable[[str], float]
"""Bytes of a tensor by name."""


@dataclass(frozen=True, slots=True)
class MemoryPolicy:
    """What shares or takes memory.

    in_place: depthwise convolutions and element-wise layers write over an input that nobody needs any more.
    residuals: tensors that wait for a later layer count while others run.
    network_input: the network's own input counts (an image may come in pieces, as a JPEG does).
    """

    in_place: bool = True
    residuals: bool = True
    network_input: bool = True


PUBLISHED = MemoryPolicy(in_place=True, residuals=False, network_input=False)
"""As MCUNetV2 counts: MobileNetV2 at 224×224 takes 1372 kB layer by layer."""
LIVENESS = MemoryPolicy(in_place=False)
"""Every tensor from the layer that makes it to the last that reads it."""


def layer_by_layer(workload: Workload, policy: MemoryPolicy = LIVENESS) -> tuple[LiveMemory, ...]:
    """Bytes alive while each layer runs, in execution order."""
    sizes = workload.tensor_bytes
    return tuple(
        LiveMemory(layer.name, round(alive))
        for layer, alive in zip(
            workload.layers,
            bytes_alive(workload.layers, policy, lambda name: sizes[name], _kept(workload), _given(workload)),
            strict=True,
        )
    )


def bytes_alive(
    layers: Iterable[Layer], policy: MemoryPolicy, size: Size, kept: frozenset[str], given: frozenset[str]
) -> list[float]:
    """Bytes alive at each layer of a sequence. `kept` tensors are needed after it, `given` ones come in."""
    layers = tuple(layers)
    last_read = {t.name: i for i, layer in enumerate(layers) for t in layer.inputs}
    last_read |= dict.fromkeys(kept, len(layers))
    counted = (lambda name: 0.0 if name in given else size(name)) if not policy.network_input else size
    waiting: dict[str, float] = {name: counted(name) for name in given if name in last_read}
    found: list[float] = []
    for i, layer in enumerate(layers):
        own = {t.name for t in (*layer.inputs, *layer.outputs)}
        total = sum(counted(name) for name in own)
        if policy.in_place:
            total -= saved_in_place(layer, {n for n in own if last_read.get(n, -1) <= i}, counted)
        if policy.residuals:
            total += sum(bytes_ for name, bytes_ in waiting.items() if name not in own)
        found.append(total)
        waiting |= {t.name: counted(t.name) for t in layer.outputs if last_read.get(t.name, -1) > i}
        waiting = {name: bytes_ for name, bytes_ in waiting.items() if last_read[name] > i}
    return found


def saved_in_place(layer: Layer, dying: Iterable[str], size: Size) -> float:
    """Bytes that writing over a dying input saves: a depthwise layer still needs one channel beside it."""
    dying = set(dying)
    inputs = [size(t.name) for t in layer.inputs if t.name in dying]
    output = size(layer.outputs[0].name)
    if not inputs:
        return 0.0
    if layer.contraction is not None:
        if not layer.contraction.is_depthwise:
            return 0.0
        return max(0.0, min(max(inputs), output) - output / layer.contraction.G)
    return min(max(inputs), output) if layer.kind in ("elementwise", "activation") else 0.0


def _kept(workload: Workload) -> frozenset[str]:
    return frozenset(t.name for t in workload.outputs)


def _given(workload: Workload) -> frozenset[str]:
    return frozenset(t.name for t in workload.inputs)


def peak(memory: Iterable[LiveMemory]) -> LiveMemory:
    """The most bytes, and the first layer where that is."""
    return max(memory, key=lambda entry: entry.bytes)
