"""Where a network's activations are between its layers: in L2 as far as there is room, else in L3.

What is alive at a time shares L2: tensors that a layer reads and makes, those that wait for later layers (the
shortcut of a residual block), weights that stay, and the tiles of what comes from L3. Which tensors are in L2
is the selection that spares L3 the most bytes, an exact one; where all fits, all of them are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from typing import Literal

from archsim.accelerators.cluster.elementwise import MOST_CHUNKS
from archsim.accelerators.cluster.residency import resident_weights_bytes
from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.cluster.tiles import l2_cuts
from archsim.accelerators.cluster.work import Surroundings
from archsim.accelerators.machine import Row
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.workload import Workload, lifetimes_of

STAGING_SHARE = 1 / 16
"""Assumed. Of the room in L2, kept for tiles of each operand in L3, if that is as large and its smallest fit.
More keeps tensors out: with a quarter MobileNetV2 takes 52.1 ms on GAP9, with any from 1/32 to 1/8 45.2.
"""
ACTIVATIONS_LEAST = 0.5
"""Assumed. Of the room in L2, planned for activations where weights stay, which a search may make smaller."""


@dataclass(frozen=True)
class Step:
    """What one layer takes of L2, bytes by group of tensors."""

    alive: dict[int, int]  # of a group that is in L2
    staging: dict[int, int]  # of one that is in L3 and that the layer reads or makes
    weights_staging: int


def surroundings_of(spec: ClusterSpec, workload: Workload) -> dict[str, Surroundings]:
    """By layer what the network leaves to it on a cluster that says where weights are."""
    far = tensors_in_l3(spec, workload)
    found = {}
    for layer, alive in zip(workload.layers, _alive(workload), strict=True):
        own = {t.name for t in (*layer.inputs, *layer.outputs)}
        waiting = sum(workload.tensor_bytes[name] for name in alive - own - far)
        found[layer.name] = Surroundings(_home(layer.inputs, far), _home(layer.outputs, far), float(waiting))
    return found


def tensors_in_l3(spec: ClusterSpec, workload: Workload) -> frozenset[str]:
    """Names of the activations in L3. Tensors that a layer reads (or makes) together share a place."""
    if spec.l3 is None:
        return frozenset()
    room = spec.l2.room_bytes
    if spec.l3.weights != "l3":
        room = max(room - resident_weights_bytes(spec, workload), room * ACTIVATIONS_LEAST)
    groups = groups_of(workload)
    steps = steps_of(workload, groups, room, weights_in_l3=spec.l3.weights != "l2")
    if all(sum(step.alive.values()) + step.weights_staging <= room for step in steps):
        return frozenset()
    near = _in_l2(steps, _spared_bytes(workload, groups), int(room))
    return frozenset(name for name, group in groups.items() if group not in near)


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


def _home(tensors: Sequence[Tensor], far: frozenset[str]) -> Literal["l2", "l3"]:
    return "l3" if any(t.name in far for t in tensors) else "l2"


def _alive(workload: Workload) -> list[set[str]]:
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


def steps_of(workload: Workload, groups: dict[str, int], room: float, *, weights_in_l3: bool) -> list[Step]:
    steps = []
    for layer, names in zip(workload.layers, _alive(workload), strict=True):
        alive: dict[int, int] = {}
        for name in names:
            alive[groups[name]] = alive.get(groups[name], 0) + workload.tensor_bytes[name]
        rows, channels = _smallest_shares(layer)

        def staging(size: int, share: float, room: float = room) -> int:
            return ceil(min(size, max(2 * share * size, STAGING_SHARE * room)))

        passing: dict[int, int] = {}
        for tensors, size in ((layer.inputs, layer.input_bytes), (layer.outputs, layer.output_bytes)):
            for group in {groups[t.name] for t in tensors}:
                passing[group] = passing.get(group, 0) + staging(size, rows)
        weights = layer.weight_bytes if weights_in_l3 and layer.has_static_weights else 0
        steps.append(Step(alive, passing, staging(weights, channels)))
    return steps


def _smallest_shares(layer: Layer) -> tuple[float, float]:
    """What of activations, and of weights, the smallest L2 tile of a layer has at most."""
    if layer.contraction is None:
        return 1 / MOST_CHUNKS, 1 / MOST_CHUNKS
    shape = shape_of(layer)
    rows = ceil(shape.P / l2_cuts(shape.P)[-1])
    read = (rows - 1) * shape.stride[0] + shape.R
    share = max(rows / shape.P, min(1.0, read / shape.input_size[0]))
    return share, ceil(shape.K / l2_cuts(shape.K)[-1]) / shape.K


def _spared_bytes(workload: Workload, groups: dict[str, int]) -> dict[int, int]:
    """By group what L3 need not move if it is in L2: every writing and reading of its tensors."""
    spared = dict.fromkeys(groups.values(), 0)
    for layer in workload.layers:
        for name in {t.name for t in layer.inputs} | {t.name for t in layer.outputs}:
            spared[groups[name]] += workload.tensor_bytes[name]
    return spared


def _in_l2(steps: Iterable[Step], spared: dict[int, int], room: int) -> frozenset[int]:
    """Groups to have in L2: of all selections that fit at every step the one that spares the most."""
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    near = {group: model.new_bool_var(f"near{group}") for group in spared}
    for step in steps:
        taken = sum(size * near[group] for group, size in step.alive.items())
        passing = sum(size * (1 - near[group]) for group, size in step.staging.items())
        model.add(taken + passing <= room - step.weights_staging)
    model.maximize(sum(size * near[group] for group, size in spared.items()))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1  # the same selection every time
    if solver.solve(model) != cp_model.OPTIMAL:
        return frozenset()  # not even the smallest tiles fit
    return frozenset(group for group, variable in near.items() if solver.boolean_value(variable))
