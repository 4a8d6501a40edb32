"""Which tensors are in L2 so that a network costs the least by what is known: a CP-SAT model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, floor
from typing import Any

from archsim.accelerators.cluster.cost_curve import CostCurve, Level
from archsim.accelerators.cluster.homes import Homes, Network, Step
from archsim.accelerators.cluster.traffic import Places


@dataclass(frozen=True)
class Selected:
    """Homes, and by step whether they were selected by what its layer is known to cost, not by a bound."""

    homes: Homes
    known: tuple[bool, ...]
    cost: float  # of all layers, at least


def select_homes(
    network: Network,
    curve: Callable[[Step, Places], CostCurve],
    room_bytes: float,
    weights: Sequence[bool | None],
    before: Homes | None,
    *,
    guess: bool,
) -> Selected | None:
    """The cheapest homes with which everything fits at every step; None where there are none.

    `weights`: by set whether it stays, None where that is open. `before`: where to begin. `guess`: costs
    that are not known are guessed, else they are bounded from below.
    """
    from ortools.sat.python import cp_model

    model = _Model(network, curve, room_bytes, weights, guess=guess)
    if before is not None:
        for group, variable in model.near.items():
            model.model.add_hint(variable, group in before.near)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1  # the same selection every time
    solver.parameters.cp_model_probing_level = 0  # takes longer than it saves here
    if solver.solve(model.model) != cp_model.OPTIMAL:
        return None
    return model.read(solver.boolean_value)


class _Model:
    """A Boolean a group and a set of weights, and one a level of every layer in every place."""

    def __init__(
        self,
        network: Network,
        curve: Callable[[Step, Places], CostCurve],
        room_bytes: float,
        weights: Sequence[bool | None],
        *,
        guess: bool,
    ) -> None:
        from ortools.sat.python import cp_model

        self.model: Any = cp_model.CpModel()
        self.near = {group: self.model.new_bool_var("") for group in sorted(network.groups)}
        self.stay = [
            self.model.new_bool_var("") if stays is None else self.model.new_constant(stays)
            for stays in weights
        ]
        self.sizes = [ceil(size) for size in network.weights_bytes]
        self.resident = cp_model.LinearExpr.weighted_sum(self.stay, self.sizes)
        self.room = floor(room_bytes)
        self.guess = guess
        self.levels = [self._add(step, curve) for step in network.steps]
        chosen = [pair for levels in self.levels for pair in levels]
        costs = [floor(level.cost) for level, _ in chosen]
        self.model.minimize(cp_model.LinearExpr.weighted_sum([v for _, v in chosen], costs))

    def _add(self, step: Step, curve: Callable[[Step, Places], CostCurve]) -> list[tuple[Level, Any]]:
        """A layer's levels, one of which is chosen: where homes put its operands, within what is free."""
        model, levels = self.model, []
        deciding = {("near", g): self.near[g] for g in (step.reads, step.makes) if g is not None}
        if step.weights is not None:
            deciding["stay", step.weights] = self.stay[step.weights]
        where: dict[tuple[str, int], list[Any]] = {key: [] for key in deciding}
        for values in product((False, True), repeat=len(deciding)):
            true = [key for key, value in zip(deciding, values, strict=True) if value]
            near, stay = (frozenset(n for name, n in true if name == kind) for kind in ("near", "stay"))
            known = curve(step, step.places(Homes(near, stay)))
            for level in known.guesses() if self.guess else known.levels():
                levels.append((level, model.new_bool_var("")))
                for key in true:
                    where[key].append(levels[-1][1])
        for key, variable in deciding.items():
            model.add(sum(where[key]) == variable)
        model.add_exactly_one([variable for _, variable in levels])
        needs = sum(ceil(level.need_bytes) * variable for level, variable in levels)
        waiting = sum(size * self.near[group] for group, size in step.waiting.items())
        own = 0 if step.weights is None else self.sizes[step.weights] * self.stay[step.weights]
        model.add(needs + waiting + self.resident - own <= self.room)
        return levels

    def read(self, value: Callable[[Any], bool]) -> Selected:
        homes = Homes(
            frozenset(group for group, variable in self.near.items() if value(variable)),
            frozenset(k for k, variable in enumerate(self.stay) if value(variable)),
        )
        chosen = [level for levels in self.levels for level, variable in levels if value(variable)]
        return Selected(
            homes, tuple(level.answer is not None for level in chosen), sum(level.cost for level in chosen)
        )
