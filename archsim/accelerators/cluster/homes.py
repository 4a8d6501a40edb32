"""A network's tensors in L2 and L3: which of them share a place, and what is in L2 at every layer."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from archsim.accelerators.cluster.residency import layouts_bytes
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.traffic import Places
from archsim.accelerators.machine import Row
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload, lifetimes_of


@dataclass(frozen=True)
class Homes:
    """Groups of activations that are in L2 between layers, and sets of weights that stay there throughout."""

    near: frozenset[int]
    stay: frozenset[int]


@dataclass(frozen=True)
class Step:
    """One layer of a network: groups that it reads and makes, its set of weights (None: it has none)."""

    layer: Layer
    alike: Hashable  # equal for layers that cost the same in the same places
    reads: int | None
    makes: int | None
    weights: int | None
    waiting: dict[int, int]  # bytes, by group, of tensors that are alive and that it neither reads nor makes

    def waiting_bytes(self, homes: Homes) -> float:
        """In L2, of those tensors."""
        return float(sum(size for group, size in self.waiting.items() if group in homes.near))

    def places(self, homes: Homes) -> Places:
        """Where homes put its operands; the second operand of a product of activations is with the first."""
        reads, makes = (
            "l3" if g is not None and g not in homes.near else "l2" for g in (self.reads, self.makes)
        )
        if self.weights is None:
            return Places(reads, reads, makes)
        return Places(reads, "l2" if self.weights in homes.stay else "l3", makes)


@dataclass(frozen=True)
class Network:
    """Steps in order; `weights_bytes`: what each set of weights takes where it stays in L2."""

    steps: tuple[Step, ...]
    weights_bytes: tuple[float, ...]

    @classmethod
    def of(cls, spec: ClusterSpec, workload: Workload) -> Network:
        groups = groups_of(workload)
        sets: dict[tuple[Tensor, ...], int] = {}
        sizes: list[float] = []
        steps = []
        for layer, first, alive in zip(
            workload.layers, workload.first_alike, alive_at(workload), strict=True
        ):
            number = None
            if layer.has_static_weights and layer.contraction is not None:
                number = sets.setdefault(layer.weights, len(sets))
                sizes += [0.0] * (len(sets) - len(sizes))
                sizes[number] = max(sizes[number], layouts_bytes(spec, layer))
            own = {t.name for t in (*layer.inputs, *layer.outputs)}
            waiting: dict[int, int] = {}
            for name in alive - own:
                waiting[groups[name]] = waiting.get(groups[name], 0) + workload.tensor_bytes[name]
            reads, makes = (_group(tensors, groups) for tensors in (layer.inputs, layer.outputs))
            steps.append(Step(layer, first, reads, makes, number, waiting))
        return cls(tuple(steps), tuple(sizes))

    @property
    def weight_sets(self) -> frozenset[int]:
        return frozenset(range(len(self.weights_bytes)))

    @cached_property
    def groups(self) -> frozenset[int]:
        return frozenset(
            g for step in self.steps for g in (step.reads, step.makes, *step.waiting) if g is not None
        )

    def waiting_bytes(self, step: Step, homes: Homes) -> float:
        """What is in L2 at a layer beside its operands: tensors that wait, and weights of other layers."""
        return step.waiting_bytes(homes) + sum(self.weights_bytes[k] for k in homes.stay if k != step.weights)


def waiting_bytes(rows: Sequence[Row]) -> list[float]:
    """At every row the bytes in L2 of tensors that it neither reads nor makes but a later row reads."""
    near: dict[str, float] = {}
    for row in reversed(rows):  # who makes a tensor has the last word
        p = row.layer.precision
        for tensors, bits, key in (
            (row.layer.inputs, p.activation_bits, "input_in"),
            (row.layer.outputs, p.output_bits, "output_in"),
        ):
            near |= {t.name: -(-t.elements * bits // 8) * float(row.mapping[key] == "l2") for t in tensors}
    layers = [row.layer for row in rows]
    read, made = ([t for layer in layers for t in getattr(layer, side)] for side in ("inputs", "outputs"))
    named = [{t.name for t in tensors} for tensors in (read, made)]
    inputs = [t for t in read if t.name not in named[1]]
    outputs = [t for t in made if t.name not in named[0]]
    waiting = [0.0] * len(rows)
    for name, (born, dies) in lifetimes_of(layers, inputs, outputs).items():
        for step in range(born, dies + 1):
            if all(t.name != name for t in (*layers[step].inputs, *layers[step].outputs)):
                waiting[step] += near[name]
    return waiting


def alive_at(workload: Workload) -> list[set[str]]:
    """Names of the tensors alive at every layer."""
    found: list[set[str]] = [set() for _ in workload.layers]
    for name, (born, dies) in workload.lifetimes.items():
        for step in range(born, dies + 1):
            found[step].add(name)
    return found


def groups_of(workload: Workload) -> dict[str, int]:
    """By tensor a number: the same for those that some layer reads (or makes) together."""
    group = {name: number for number, name in enumerate(workload.lifetimes)}
    for together in chain.from_iterable((layer.inputs, layer.outputs) for layer in workload.layers):
        numbers = {group[t.name] for t in together}
        if len(numbers) > 1:
            least = min(numbers)
            group = {name: least if number in numbers else number for name, number in group.items()}
    return group


def _group(tensors: Sequence[Tensor], groups: dict[str, int]) -> int | None:
    """The one of tensors that a layer reads or makes together."""
    return groups[tensors[0].name] if tensors else None
