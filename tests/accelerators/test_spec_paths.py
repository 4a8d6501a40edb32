"""Fields of a spec by their path: found wherever the path is unambiguous, refused with a hint otherwise."""

from __future__ import annotations

import copy

import pytest

from archsim.accelerators.library import list_accelerators, load_accelerator, read_accelerator
from archsim.accelerators.spec_paths import place_of, value_at, with_values
from archsim.errors import InputError

SPEC = {
    "array": {"rows": 4, "mac": {"accumulator_bits": 32}},
    "memories": [
        {"kind": "dram", "device": "lpddr4"},
        {"kind": "sram", "name": "weights", "capacity_kib": 64},
        {"kind": "sram", "name": "sums", "capacity_kib": 16},
    ],
}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("array.rows", ("array", "rows")),
        ("memories.weights.capacity_kib", ("memories", 1, "capacity_kib")),
        ("weights.capacity_kib", ("memories", 1, "capacity_kib")),
        ("memories.2.capacity_kib", ("memories", 2, "capacity_kib")),
        ("dram.device", ("memories", 0, "device")),
        ("dram.bandwidth_gb_s", ("memories", 0, "bandwidth_gb_s")),  # left out, yet a field
        ("accumulator_bits", ("array", "mac", "accumulator_bits")),
        ("array.cores", ("array", "cores")),
    ],
)
def test_places(path: str, place: tuple[str | int, ...]) -> None:
    assert place_of(SPEC, path) == place


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("capacity_kib", "memories.1.capacity_kib, memories.2.capacity_kib"),  # which of the two?
        ("sram.capacity_kib", "leads to no field"),  # two are of that kind
        ("weihgts.capacity_kib", "did you mean memories.weights.capacity_kib"),
        ("array.mac.foo.bar", "leads to no field"),
        ("array..rows", "empty part"),
        ("", "empty part"),
        ("memories.9.capacity_kib", "leads to no field"),
    ],
)
def test_refused(path: str, message: str) -> None:
    with pytest.raises(InputError, match="hardware path") as caught:
        place_of(SPEC, path)
    assert message in str(caught.value)


def test_with_values_changes_a_copy_only() -> None:
    before = copy.deepcopy(SPEC)
    changed = with_values(SPEC, {"array.rows": 8, "sums.capacity_kib": 32, "array.cores": 2})
    assert before == SPEC
    assert value_at(changed, "array.rows") == 8
    assert value_at(changed, "memories.sums.capacity_kib") == 32
    assert value_at(changed, "array.cores") == 2
    assert value_at(SPEC, "array.cores") is None


@pytest.mark.parametrize("name", list_accelerators())
def test_no_values_no_change(name: str) -> None:
    spec = read_accelerator(name)
    assert with_values(spec, {}) == spec
    path = "clock_mhz" if "clock_mhz" in spec else "technology.clock_mhz"
    assert load_accelerator(with_values(spec, {path: 123.0})).clock_mhz == 123.0
