"""A guided sample: repeatable, resumable, and better than as many random points."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from sweep_cases import table, tiny_sweep

from archsim.dse.sweep.guided import guided
from archsim.dse.sweep.outcome import FAILED, OK, Outcome, packed, unpacked
from archsim.dse.sweep.run import sweep
from archsim.dse.sweep.sampling import sampled
from archsim.dse.sweep.space import Space
from archsim.dse.sweep.sweep import TOTALS, Sample, Sweep

pytest.importorskip("optuna")

SIZES = {f"array.x{i}": list(range(1, 41)) for i in range(4)}


def model(space: Space, number: int) -> Outcome:
    """A made-up machine: what is fast is not thrifty, and a corner fails."""
    place = space.places([number])[0][2:6].tolist()
    if place[0] > 36:
        return Outcome(number, FAILED, error="too large")
    latency = 1 + sum((40 - x) ** 2 for x in place)
    energy = 1 + sum((x - 5 * i) ** 2 for i, x in enumerate(place))
    totals = dict.fromkeys(TOTALS, 1.0) | {"latency_ms": latency, "energy_mj": energy, "area_mm2": sum(place)}
    return Outcome(number, OK, totals)


def made_up(**changes) -> Sweep:
    return Sweep.model_validate(
        {"workload": "resnet8", "accelerator": "systolic-32-edge", "hardware": SIZES, **changes}
    )


def run(asked: Sweep, points: int) -> list[Outcome]:
    space = Space.of(asked)
    rounds = guided(space, asked, points)
    done: list[Outcome] = []
    numbers = next(rounds)
    while True:
        done += [model(space, int(number)) for number in numbers]
        known = unpacked(packed(done))
        try:
            numbers = rounds.send(lambda known=known: known)
        except StopIteration:
            return done


def best(outcomes: list[Outcome]) -> float:
    return min(o.totals["energy_mj"] for o in outcomes if o.totals)


def test_points_are_distinct_and_the_same_again() -> None:
    first, again = (run(made_up(seed=3), 230) for _ in range(2))
    assert len({outcome.point for outcome in first}) == len(first) == 230
    assert first == again
    assert first != run(made_up(seed=4), 230)


def test_it_finds_better_points_than_chance() -> None:
    asked = made_up(goals=["energy_mj"])
    space = Space.of(asked)
    for seed in (1, 2, 3):
        chance = [model(space, int(n)) for n in sampled(space, Sample("random", 600), seed)]
        assert best(run(asked.model_copy(update={"seed": seed}), 600)) < best(chance)


def test_it_keeps_to_budgets() -> None:
    found = run(made_up(budgets={"area_mm2": 40}), 600)
    late = [o.totals["area_mm2"] for o in found[-100:] if o.totals]
    early = [o.totals["area_mm2"] for o in found[:100] if o.totals]
    assert sum(a <= 40 for a in late) > 2 * sum(a <= 40 for a in early)


def test_a_space_that_is_covered_is_a_grid(tmp_path: Path) -> None:
    sweep(tiny_sweep(tmp_path, sample="guided:99"), tmp_path / "g.sweep", workers=1)
    sweep(tiny_sweep(tmp_path), tmp_path / "t.sweep", workers=1)
    pd.testing.assert_frame_equal(table(tmp_path / "g.sweep"), table(tmp_path / "t.sweep"))


def test_a_resumed_sweep_goes_the_same_way(tmp_path: Path) -> None:
    hardware = {"array.rows": list(range(4, 20)), "buffer.capacity_kib": [16, 24, 32]}
    asked = tiny_sweep(tmp_path, hardware=hardware, names={}, sample="guided:60", bits=["w8a8", "w4a8"])
    sweep(asked, tmp_path / "whole.sweep", workers=1)

    def stop(progress) -> None:
        if progress.done:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        sweep(asked, tmp_path / "parts.sweep", workers=1, on_progress=stop)
    sweep(asked, tmp_path / "parts.sweep", workers=2, resume=True)
    assert len(table(tmp_path / "whole.sweep")) == 60
    pd.testing.assert_frame_equal(table(tmp_path / "parts.sweep"), table(tmp_path / "whole.sweep"))
