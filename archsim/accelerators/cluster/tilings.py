"""All tilings of a layer, in groups of ever fewer: each a plan and a group of choices of each axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.axes import Axis
from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.shape import Shape
from archsim.accelerators.cluster.traffic import Places, Plan, weight_bytes
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]
Counts = Mapping[str, Array]
AXES = ("pixels", "outputs", "inputs")


@dataclass(frozen=True, eq=False)
class Groups:
    """Groups of tilings: each a plan (an index) and a node of each axis."""

    plan: Int
    pixels: Int
    outputs: Int
    inputs: Int

    def __len__(self) -> int:
        return len(self.plan)

    def take(self, chosen: Int | Bool) -> Groups:
        return Groups(self.plan[chosen], self.pixels[chosen], self.outputs[chosen], self.inputs[chosen])

    @classmethod
    def joined(cls, several: Sequence[Groups]) -> Groups:
        names = ("plan", "pixels", "outputs", "inputs")
        return cls(*(np.concatenate([getattr(groups, name) for groups in several]) for name in names))


@dataclass(frozen=True, eq=False)
class Tilings:
    """All tilings of a layer under plans that have one way and the places of operands in common."""

    site: Site
    shape: Shape
    plans: tuple[Plan, ...]
    pixels: Axis
    outputs: Axis
    inputs: Axis
    input_weight: float  # what all input channels count for in a tile of weights
    costs: Costs

    @property
    def way(self) -> str:
        return self.plans[0].way

    @property
    def places(self) -> Places:
        return self.plans[0].places

    @cached_property
    def in_l3(self) -> Mapping[str, float]:
        """1.0 for operands that are in L3."""
        return {name: float(getattr(self.places, name) == "l3") for name in ("input", "weight", "output")}

    @property
    def roots(self) -> Groups:
        plans = np.arange(len(self.plans))
        return Groups(
            plans, *(np.full(len(plans), axis.root) for axis in (self.pixels, self.outputs, self.inputs))
        )

    def are_single(self, groups: Groups) -> Bool:
        """Which groups are one tiling."""
        return (
            (groups.pixels < len(self.pixels))
            & (groups.outputs < len(self.outputs))
            & (groups.inputs < len(self.inputs))
        )

    def children(self, groups: Groups) -> Groups:
        """Along the axis whose choices differ most."""
        spread = [getattr(self, name).spread[getattr(groups, name)] for name in AXES]
        widest = np.stack(spread).argmax(axis=0)
        found = []
        for i, name in enumerate(AXES):
            own = groups.take(widest == i)
            parent, child = getattr(self, name).children(getattr(own, name))
            found.append(replace(own.take(parent), **{name: child}))
        return Groups.joined(found)

    def sizes(self, groups: Groups) -> dict[str, Array]:
        """Of single tilings, by dimension (P2 and K2: of L2 tiles)."""
        return {
            name: size[nodes]
            for axis, nodes in (
                (self.pixels, groups.pixels),
                (self.outputs, groups.outputs),
                (self.inputs, groups.inputs),
            )
            for name, size in axis.sizes.items()
        }

    def counts(self, groups: Groups) -> tuple[Counts, Counts, Counts]:
        nodes = (self.pixels, groups.pixels), (self.outputs, groups.outputs), (self.inputs, groups.inputs)
        x, k, c = (axis.at(own) for axis, own in nodes)
        return x, k, c

    @cached_property
    def weights_stay(self) -> Bool:
        """By plan: whether the loops over output channels are outside those over pixels."""
        return np.array([plan.order == "weight" for plan in self.plans])

    @cached_property
    def buffers(self) -> Array:
        return np.array([float(plan.buffers) for plan in self.plans])

    @cached_property
    def whole_weights(self) -> float:
        """Bytes of one repeat."""
        k, c = (np.array([float(n)]) for n in (self.shape.K, self.shape.C))
        return float(weight_bytes(self.site, self.shape, self.way, k, c)[0])
