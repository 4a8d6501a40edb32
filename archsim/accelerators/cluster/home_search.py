"""The homes and rows of a network that cost the least together.

What a layer costs depends on its neighbours by the places of its operands and by what L2 has left for its
tiles, and by nothing else. So homes are selected by what is known of every layer's cost (first by a guess,
then by bounds from below), and layers are asked what they cost there; again and again, until the best homes
found cost no more than the least that any homes may cost. Rows are those of a few tile sizes a dimension, the
ones that `options` lists; the bound is of these, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from archsim.accelerators.choice import TOLERANCE, good_row
from archsim.accelerators.cluster.cost_curve import Answer, CostCurve, Level
from archsim.accelerators.cluster.home_model import Selected, select_homes
from archsim.accelerators.cluster.homes import Homes, Network, Step
from archsim.accelerators.cluster.least_cost import (
    least_cost_near,
    least_cost_of_l3,
    least_need_bytes,
    smallest_need_bytes,
)
from archsim.accelerators.cluster.traffic import Places
from archsim.accelerators.cluster.work import Surroundings
from archsim.accelerators.machine import DoesNotFit

if TYPE_CHECKING:
    from archsim.accelerators.cluster.machine import ClusterMachine
    from archsim.workloads.layer import Layer

ALL_NEAR = Places("l2", "l2", "l2")
ACTIVATIONS_LEAST = 0.5
"""Assumed. Of L2, planned for activations where all weights stay, which a search may make smaller."""
STAGED_SHARE, UNHIDDEN_SHARE = 1 / 4, 0.2
"""Assumed, for the first guess of homes alone: of what passes L3, that tiles in L2 hold and no work hides."""
MOST_ASKED = 1.5
"""Of a network's kinds of layer, times each is asked on average; then the best homes known are taken."""


@dataclass(frozen=True)
class Found:
    """Homes, by step what a layer costs there, and below what no homes with the rows listed cost."""

    homes: Homes
    answers: tuple[Answer, ...]
    bound: float = 0.0

    @property
    def cost(self) -> float:
        return sum(answer.cost for answer in self.answers)


class HomeSearch:
    """What is known of every kind of layer in all places, on a machine and for an objective that is a sum."""

    def __init__(
        self,
        machine: ClusterMachine,
        network: Network,
        minimize: str,
        *,
        tolerance: float = TOLERANCE,
        most_asked: float | None = None,
    ) -> None:
        self.tolerance, self.asked = tolerance, 0
        self.best: Found | None = None
        kinds = len({step.alike for step in network.steps})
        self.most_asked = MOST_ASKED * kinds if most_asked is None else most_asked
        self.machine, self.network, self.minimize = machine.keeping_layouts(), network, minimize
        self.curves: dict[object, CostCurve] = {}
        self.least_near: dict[object, float] = {}
        self.least_far: dict[object, float] = {}
        spec = machine.spec
        assert spec.l3 is not None
        stays = {"l2": True, "l3": False, "auto": None}[spec.l3.weights]
        self.weights = [stays] * len(network.weights_bytes)
        room, resident = spec.l2.room_bytes, sum(network.weights_bytes)
        self.beyond = max(0.0, resident - (1 - ACTIVATIONS_LEAST) * room) if stays else 0.0
        self.room = room + self.beyond

    def run(self) -> Found | None:
        """None where nothing fits. Raises DoesNotFit where a layer has no tile that fits L1."""
        guessing = True
        while True:
            if guessing:
                guessed = self._select(guess=True)
                guessing = guessed is not None and self._try(guessed.homes)
            lower = self._select(guess=False)
            if lower is None or self._is_good(lower.cost):
                break
            if not guessing and not self._try(lower.homes):
                break
        return self.best

    def _select(self, *, guess: bool) -> Selected | None:
        before = None if self.best is None else self.best.homes
        return select_homes(self.network, self.curve, self.room, self.weights, before, guess=guess)

    def _is_good(self, bound: float) -> bool:
        """Whether the best homes are near enough to `bound`, which none is below, or enough was asked."""
        if self.best is None:
            return False
        self.best = replace(self.best, bound=min(bound, self.best.cost))
        return self.best.cost <= bound * (1 + self.tolerance) or self.asked >= self.most_asked

    def _try(self, homes: Homes) -> bool:
        """Ask what homes cost, and keep them if they are the best; whether anything was not known before."""
        asked = self.asked
        for step in self.network.steps:
            self._ask(step, homes)
        found = self._found(homes)
        if found is not None and (self.best is None or found.cost < self.best.cost):
            self.best = found
        return self.asked > asked

    def curve(self, step: Step, places: Places) -> CostCurve:
        """Of a layer in the given places, its floor by all that is known of nearer ones."""
        key = step.alike, places
        if key not in self.curves:
            self.curves[key] = self._bounded(step, places)
        for nearer in places.nearer:
            known = self.curves.get((step.alike, nearer))
            if known is not None:
                bound = self._from(step, places, nearer, known.with_all_room(self.room))
                self.curves[key].raise_floor(bound)
        return self.curves[key]

    def _bounded(self, step: Step, places: Places) -> CostCurve:
        """What is known before a layer was asked."""
        if step.alike not in self.least_near:
            self.least_near[step.alike] = least_cost_near(self.machine, step.layer, self.minimize)
        least = self._from(step, places, ALL_NEAR, self.least_near[step.alike])
        site, layer = self.machine.site(step.layer.precision), step.layer
        need, everything = (least_need_bytes(site, layer, each) for each in (places, ALL_NEAR))
        guess = Level(
            need + STAGED_SHARE * (everything - need), least + UNHIDDEN_SHARE * self._far(step, places), None
        )
        return CostCurve(need, least, guess, self.tolerance)

    def _from(self, step: Step, places: Places, nearer: Places, cost: float) -> float:
        """A bound of the cost in places by that in nearer ones: no row would cost more there."""
        far, before = self._far(step, places), self._far(step, nearer)
        return cost + far - before if self.minimize == "energy" else max(cost, far)

    def _far(self, step: Step, places: Places) -> float:
        key = step.alike, places
        if key not in self.least_far:
            self.least_far[key] = least_cost_of_l3(self.machine, step.layer, places, self.minimize)
        return self.least_far[key]

    def _ask(self, step: Step, homes: Homes) -> None:
        """What a layer costs with all of L2 and, if it makes use of that, with what homes leave to it."""
        places, waiting = step.places(homes), self.network.waiting_bytes(step, homes)
        curve = self.curve(step, places)
        for taken in (0.0, waiting):
            if not curve.is_known(self.room - taken):  # a layer that is alike may have asked
                around = Surroundings(places.input, places.weight, places.output, taken - self.beyond)
                curve.learn(self._answer(step.layer, around, self.room - taken))

    def _answer(self, layer: Layer, around: Surroundings, room: float) -> Answer:
        self.asked += 1
        if room < self.room and (need := smallest_need_bytes(self.machine, layer, around)) > room:
            return Answer(need - 1, inf, inf, None)
        try:
            choice = good_row(layer, self.machine.within({layer.name: around}), self.minimize)
        except DoesNotFit:
            return Answer(room, inf, inf, None)
        return Answer(room, self.machine.held(choice.row)["l2"], choice.cost, choice)

    def _found(self, homes: Homes) -> Found | None:
        """None where a layer does not fit after all."""
        answers = []
        for step in self.network.steps:
            room = self.room - self.network.waiting_bytes(step, homes)
            answers.append(self.curve(step, step.places(homes)).cheapest(room))
        fitting = tuple(answer for answer in answers if answer is not None)
        return Found(homes, fitting) if len(fitting) == len(answers) else None
