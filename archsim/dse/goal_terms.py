"""A study's goal as the objective of a selection problem: terms of the tables' columns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from archsim.accelerators.machine import is_pipelined
from archsim.dse.quantities import ENERGY, LATENCY, Goal, Quantity
from archsim.dse.selection.problem import Objective, Term
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine


def objective_of(goal: Goal, machine: Machine) -> Objective:
    """In columns of the first term, whose weight of 1 leaves costs that are integers integers.

    Raises InputError for a product on a pipeline.
    """
    if goal.product:
        if is_pipelined(machine):
            raise InputError("minimize: edp of a pipeline is no product of sums; minimise interval or energy")
        terms = tuple(Term(quantity.column) for quantity, _ in goal.terms)
    else:
        whole = goal_units(goal, machine)
        scales = ((q, w * whole / q.in_column(machine)) for q, w in goal.terms)
        terms = tuple(term for q, scale in scales for term in terms_of(q, scale, machine))
    return Objective(terms, terms_of(goal.then, 1.0, machine), product=goal.product)


def goal_units(goal: Goal, machine: Machine) -> float:
    """How much of the problem's objective one unit of the goal is."""
    units = [quantity.in_column(machine) for quantity, _ in goal.terms]
    return math.prod(units) if goal.product else units[0]


def terms_of(quantity: Quantity, weight: float, machine: Machine) -> tuple[Term, ...]:
    """A quantity as terms of columns. A pipeline leaks for the time of an interval."""
    if quantity == ENERGY and is_pipelined(machine):
        leakage = sum(figure.value for figure in machine.leakage().values()) * 1e3 / machine.clock_mhz
        return (Term(quantity.column, weight), Term(LATENCY.column, weight * leakage, "max"))
    return (Term(quantity.column, weight, quantity.combine_on(machine)),)
