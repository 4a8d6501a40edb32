"""The grid: numbers, places, columns and fields of points agree; samples are distinct and repeatable."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweep_cases import tiny_sweep

from archsim.dse.sweep.files import load_sweep
from archsim.dse.sweep.rounds import points_of, rounds_of
from archsim.dse.sweep.sampling import sampled
from archsim.dse.sweep.space import Space
from archsim.dse.sweep.sweep import Sample
from archsim.errors import InputError

LEAST = {"workload": ["resnet8", "ds-cnn"], "accelerator": "systolic-32-edge"}


def space_of(**changes) -> Space:
    return Space.of(load_sweep({**LEAST, **changes}))


def test_every_combination_once(tmp_path) -> None:
    sweep = tiny_sweep(tmp_path)
    space = Space.of(sweep)
    designs = list(space.designs(range(space.size)))
    meant = product([8, 16], ["weight_stationary", "output_stationary"], [0.0625, 16, 32], ["w8a8", "w4a8"])
    assert [(*d.fields.values(), d.bits) for d in designs] == [(a, a, b, c, d) for a, b, c, d in meant]
    columns = space.columns(np.arange(space.size))
    assert set(columns) == {
        *("workload", "accelerator", "rows", "array.columns", "array.dataflow", "sram_kib", "bits")
    }
    assert columns["rows"].tolist() == [d.fields["array.rows"] for d in designs]
    assert columns["sram_kib"].dtype == float


def test_settings_set_fields_together() -> None:
    points = {
        "slow": {"technology.vdd_v": 0.6, "technology.clock_mhz": 100},
        "fast": {"technology.vdd_v": 0.8, "technology.clock_mhz": 400},
    }
    space = space_of(settings={"operating_point": points})
    assert [axis.name for axis in space.open_axes] == ["workload", "operating_point"]
    assert [design.fields for design in space.designs([0, 1])] == list(points.values())
    assert space.columns([0, 3])["operating_point"].tolist() == ["slow", "fast"]


def test_values_of_several_kinds_are_one_column_of_text() -> None:
    space = space_of(hardware={"dram.bandwidth_gb_s": [12.8, "unlimited"]})
    assert space.columns([0, 1])["dram.bandwidth_gb_s"].tolist() == ["12.8", "unlimited"]
    assert not space.axes[2].is_ordered


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_places_and_numbers_are_inverse(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))
    space = space_of(hardware={f"array.x{i}": list(range(1, n + 1)) for i, n in enumerate(sizes)})
    numbers = data.draw(st.lists(st.integers(0, space.size - 1), min_size=1, max_size=20))
    assert space.numbers(space.places(numbers)).tolist() == numbers


LARGE = {f"array.x{i}": list(range(100)) for i in range(7)}


@pytest.mark.parametrize("method", ["random", "sobol"])
@pytest.mark.parametrize("hardware", [{"array.rows": list(range(1, 501))}, LARGE])
def test_samples_are_distinct_and_repeatable(method: str, hardware: dict) -> None:
    space = space_of(hardware=hardware)
    sample = Sample.parse(f"{method}:300")
    found = sampled(space, sample, 1)
    assert len(np.unique(found)) == 300
    assert found.min() >= 0
    assert found.max() < space.size
    assert np.array_equal(found, sampled(space, sample, 1))
    assert not np.array_equal(found, sampled(space, sample, 2))


def test_a_sobol_sequence_spreads_over_every_axis() -> None:
    """256 points of a scrambled (t, m, s)-net: each of 16 equal parts of an axis holds 16, or nearly."""
    space = space_of(hardware={f"array.x{i}": list(range(16)) for i in range(4)})
    places = space.places(sampled(space, Sample("sobol", 256), 3))
    for axis in range(2, 6):
        counts = np.bincount(places[:, axis], minlength=16)
        assert abs(counts - 16).max() <= 1


def test_as_many_points_as_there_are_is_the_grid() -> None:
    space = space_of(hardware={"array.rows": [8, 16]})
    for method in ("grid", "random:4", "sobol:99"):
        assert sampled(space, Sample.parse(method), 0).tolist() == [0, 1, 2, 3]


def test_a_grid_that_is_too_large_asks_for_a_sample() -> None:
    sweep = load_sweep({**LEAST, "hardware": LARGE})
    with pytest.raises(InputError, match="take a sample"):
        rounds_of(Space.of(sweep), sweep)
    sampled_sweep = load_sweep({**LEAST, "hardware": LARGE, "sample": "random:9"})
    assert points_of(Space.of(sampled_sweep), sampled_sweep) == 9
