"""Activation bytes alive while each layer runs, under what a run-time system does to save them.

Layer by layer a network needs its worst layer's input and output together. Microcontroller run-times let a
depthwise convolution or an element-wise layer write over its input (Lin et al., MCUNetV2, NeurIPS 2021:
"in-place depthwise"), one channel at a time; papers differ in whether residuals and the input image count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from archsim.workloads.layer import Layer
from archsim.workloads.patch_names import is_of_a_patch, whole_name
from archsim.workloads.workload import LiveMemory, Workload

Size = Callable[[str], float]
"""Bytes of a tensor by name."""
Alive = dict[str, float]
"""By tensor what share of it is in memory (a depthwise layer that writes in place needs a channel more)."""
NOTHING: Mapping[str, int] = MappingProxyType({})


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
POLICIES: Mapping[str, MemoryPolicy] = MappingProxyType(
    {"alive": LIVENESS, "in_place": MemoryPolicy(), "published": PUBLISHED}
)
"""From what always suffices to what papers on microcontrollers count."""


def layer_by_layer(workload: Workload, policy: MemoryPolicy = LIVENESS) -> tuple[LiveMemory, ...]:
    """Bytes alive while each layer runs, in execution order; of a patched workload as `PatchPlan` counts."""
    sizes = workload.tensor_bytes
    return tuple(
        LiveMemory(layer.name, round(max(_bytes(alive, sizes.__getitem__) for alive in alternatives)))
        for layer, alternatives in zip(workload.layers, workload_sets(workload, policy), strict=True)
    )


def workload_sets(workload: Workload, policy: MemoryPolicy) -> list[tuple[Alive, ...]]:
    """`alive_sets` of a workload.

    Where its first layers run in patches, their output as a whole has room from the start.
    """
    last = max((i for i, layer in enumerate(workload.layers) if is_of_a_patch(layer.name)), default=-1)
    reads = {t.name for layer in workload.layers[last + 1 :] for t in layer.inputs} | _kept(workload)
    joined = {t.name for layer in workload.layers[: last + 1] for t in layer.outputs if t.name in reads}
    return alive_sets(workload.layers, policy, _kept(workload), _given(workload), dict.fromkeys(joined, last))


def bytes_alive(
    layers: Iterable[Layer], policy: MemoryPolicy, size: Size, kept: frozenset[str], given: frozenset[str]
) -> list[float]:
    """Bytes alive at each layer of a sequence. `kept` tensors are needed after it, `given` ones come in."""
    return [
        max(_bytes(alive, size) for alive in alternatives)
        for alternatives in alive_sets(layers, policy, kept, given)
    ]


def alive_sets(
    layers: Iterable[Layer],
    policy: MemoryPolicy,
    kept: frozenset[str],
    given: frozenset[str],
    reserved: Mapping[str, int] = NOTHING,
) -> list[tuple[Alive, ...]]:
    """What is alive at each layer, whatever the tensors' widths: the largest of its alternatives counts.

    `reserved` tensors have room of their own from the start until the layer of that number is done.
    """
    layers = tuple(layers)
    last_read = {t.name: i for i, layer in enumerate(layers) for t in layer.inputs}
    last_read |= dict.fromkeys(kept, len(layers))
    ignored = frozenset() if policy.network_input else given
    # a patch of the image comes in when it is first read
    waiting = {name for name in given - ignored if name in last_read and not is_of_a_patch(name)}
    found: list[tuple[Alive, ...]] = []
    for i, layer in enumerate(layers):
        own = {t.name for t in (*layer.inputs, *layer.outputs)} - ignored
        held = {name for name, until in reserved.items() if i <= until} - ignored
        alive = dict.fromkeys(sorted(own | held | (waiting if policy.residuals else set())), 1.0)
        dying = {name for name in own - held if last_read.get(name, -1) <= i}
        found.append(
            _in_place(layer, dying, alive)
            if policy.in_place and layer.outputs[0].name not in held
            else (alive,)
        )
        waiting |= own
        waiting = {name for name in waiting if last_read.get(name, -1) > i}
    return found


def _in_place(layer: Layer, dying: set[str], alive: Alive) -> tuple[Alive, ...]:
    """What is alive if the layer may write over an input that nobody needs any more (all patches of it).

    Of input and output then the larger counts. A depthwise layer still needs one channel beside it.
    """
    output = layer.outputs[0].name
    inputs: dict[str, dict[str, int]] = {}  # of a tensor its patches, and their elements
    for tensor in layer.inputs:
        if tensor.name in dying:
            inputs.setdefault(whole_name(tensor.name), {})[tensor.name] = tensor.elements
    if not inputs:
        return (alive,)
    over = max(inputs.values(), key=lambda patches: sum(patches.values()))
    beside = {name: share for name, share in alive.items() if name not in over}
    if layer.contraction is not None:
        if not layer.contraction.is_depthwise:
            return (alive,)
        channel = 1 / layer.contraction.G
        return alive | {output: channel}, beside | {output: 1 + channel}
    if layer.kind not in ("elementwise", "activation"):
        return (alive,)
    return {name: share for name, share in alive.items() if name != output}, beside


def _bytes(alive: Alive, size: Size) -> float:
    return sum(share * size(name) for name, share in alive.items())


def _kept(workload: Workload) -> frozenset[str]:
    return frozenset(t.name for t in workload.outputs)


def _given(workload: Workload) -> frozenset[str]:
    return frozenset(t.name for t in workload.inputs)


def peak(memory: Iterable[LiveMemory]) -> LiveMemory:
    """The most bytes, and the first layer where that is."""
    return max(memory, key=lambda entry: entry.bytes)
