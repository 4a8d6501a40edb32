"""The search over points and rows against every plan there is, with tables whose cycles are too low."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, given, settings
from made_up_machine import Case, cases

from archsim.dse.conflict import explain
from archsim.dse.explore import Explorer, Progress
from archsim.dse.fronts import front
from archsim.dse.quantities import DRAM, ENERGY, LATENCY

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def explorer(case: Case) -> Explorer:
    return Explorer({}, case.points)


@QUICK
@given(cases())
def test_the_best_plan_is_found_and_proven(case: Case) -> None:
    found = explorer(case).search(case.formulation)
    plans = list(case.plans())
    if not plans:
        assert found.best is None
        assert found.bound == math.inf
        return
    assert found.best is not None
    assert found.best.rows is not None
    best = min(case.goal_of(used) for _, _, used in plans)
    assert found.best.value == pytest.approx(best, rel=1e-9)
    assert found.bound <= best * (1 + 1e-9)
    assert found.gap <= 1e-6
    used = case.used(found.best.point, found.best.rows)
    assert case.goal_of(used) == pytest.approx(found.best.value, rel=1e-12)


@QUICK
@given(cases())
def test_among_equal_plans_the_second_goal_decides(case: Case) -> None:
    if len(case.formulation.goal.terms) > 1:
        return
    found = explorer(case).search(case.formulation)
    plans = list(case.plans())
    if found.best is None:
        return
    best = min(case.goal_of(used) for _, _, used in plans)
    then = case.formulation.goal.then.name
    least = min(used[then] for _, _, used in plans if case.goal_of(used) <= best * (1 + 1e-9))
    assert found.best.then == pytest.approx(least, rel=1e-6)


@QUICK
@given(cases())
def test_a_gap_is_kept(case: Case) -> None:
    found = explorer(case).search(case.formulation, gap=0.2)
    plans = [case.goal_of(used) for _, _, used in case.plans()]
    assert (found.best is None) == (not plans)
    if found.best is not None:
        assert found.bound <= min(plans) * (1 + 1e-9)
        assert found.best.value * (1 - 0.2) <= min(plans) * (1 + 1e-9)


@settings(QUICK, max_examples=60)
@given(cases())
def test_conflicts_are_real_and_cannot_be_smaller(case: Case) -> None:
    if any(True for _ in case.plans()):
        return
    conflict = explain(explorer(case), case.formulation)
    assert conflict.proven
    limits = [move.limit for move in conflict.moves]
    formulation = case.formulation
    assert not list(Case(formulation.with_limits(*limits), case.points).plans())
    for move in conflict.moves:
        fewer = [limit for limit in limits if limit is not move.limit]
        assert list(Case(formulation.with_limits(*fewer), case.points).plans())
        others = [limit for limit in formulation.limits if limit is not move.limit]
        possible = [
            used[move.limit.quantity.name]
            for _, _, used in Case(formulation.with_limits(*others), case.points).plans()
        ]
        assert (move.least is None) == (not possible)
        if move.least is not None:
            assert move.least == pytest.approx(min(possible), rel=1e-6)
    assert conflict.sentences()


def beats(plan: tuple[float, float], point: tuple[float, float]) -> bool:
    """By more than what counts as equal."""
    no_worse = all(a <= b * (1 + 1e-9) for a, b in zip(plan, point, strict=True))
    return no_worse and any(a < b * (1 - 1e-6) for a, b in zip(plan, point, strict=True))


@settings(QUICK, max_examples=40)
@given(cases())
def test_points_of_a_front_are_undominated(case: Case) -> None:
    found = front(explorer(case), case.formulation, (LATENCY, ENERGY), 30)
    plans = [(used["latency_ms"], used["energy_mj"]) for _, _, used in case.plans()]
    assert bool(found.points) == bool(plans)
    for point in found.points:
        x, y = point.values
        assert point.proven
        assert not any(beats(plan, (x, y)) for plan in plans)
    if plans:
        assert found.points[0].values[0] == pytest.approx(min(x for x, _ in plans))
        assert found.points[-1].values[1] == pytest.approx(min(y for _, y in plans))


@settings(QUICK, max_examples=30)
@given(cases())
def test_three_quantities(case: Case) -> None:
    found = front(explorer(case), case.formulation, (LATENCY, ENERGY, DRAM), 12)
    names = ("latency_ms", "energy_mj", "dram_mb")
    plans = [tuple(used[name] for name in names) for _, _, used in case.plans()]
    assert bool(found.points) == bool(plans)
    for i, name in enumerate(names):
        if plans:
            assert min(point.values[i] for point in found.points) == pytest.approx(
                min(p[i] for p in plans)
            ), name


@settings(QUICK, max_examples=5)
@given(cases())
def test_ctrl_c_at_once_proves_nothing_false(case: Case) -> None:
    def interrupt(progress: object) -> None:
        raise KeyboardInterrupt

    search = explorer(case)
    search.on_progress = interrupt
    found = search.search(case.formulation)
    plans = [case.goal_of(used) for _, _, used in case.plans()]
    assert found.interrupted or not plans
    assert found.bound <= min(plans, default=math.inf) * (1 + 1e-9)


@settings(QUICK, max_examples=20)
@given(cases())
def test_ctrl_c_later_gives_the_incumbent(case: Case) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.incumbent is not None:
            raise KeyboardInterrupt

    search = explorer(case)
    search.on_progress = interrupt
    found = search.search(case.formulation)
    plans = [case.goal_of(used) for _, _, used in case.plans()]
    assert (found.best is None) == (not plans)
    if found.best is not None:
        assert found.interrupted
        assert found.bound <= min(plans) * (1 + 1e-9)
        assert found.best.value >= min(plans) * (1 - 1e-9)


@settings(QUICK, max_examples=5)
@given(cases())
def test_no_time_no_proof(case: Case) -> None:
    found = explorer(case).search(case.formulation, time_limit_s=0.0)
    plans = [case.goal_of(used) for _, _, used in case.plans()]
    assert found.best is None
    assert found.bound <= min(plans, default=math.inf) * (1 + 1e-9)
    assert not found.interrupted
