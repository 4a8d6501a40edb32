"""Maps of weak cells: their statistics, and that lower voltages only add faults."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from archsim.errors import InputError
from archsim.numerics.faults.cells import DrawnChip, FaultModel, Faults, Memory, Supply

MEMORY = Memory("weights", words=4096, word_bits=64)


def faulty(chip: DrawnChip, ber: float, memory: Memory = MEMORY) -> Faults:
    return chip.faults(memory, memory.words, Supply({memory.name: (ber,)}))


def cells(found: Faults) -> dict[tuple[int, int], int | None]:
    values = [None] * len(found) if found.value is None else found.value.tolist()
    return dict(zip(zip(found.word.tolist(), found.bit.tolist(), strict=True), values, strict=True))


@pytest.mark.parametrize("ber", [1e-4, 1e-2, 0.2])
def test_the_number_of_faults_is_binomial(ber: float) -> None:
    size = MEMORY.words * MEMORY.word_bits
    for number in range(5):
        count = len(faulty(DrawnChip(FaultModel("flip"), number), ber))
        assert binom.ppf(1e-5, size, ber) <= count <= binom.ppf(1 - 1e-5, size, ber)


def test_every_bit_and_array_has_its_share() -> None:
    found = faulty(DrawnChip(FaultModel()), 0.2)
    for place, bins in ((found.bit, 64), (found.word // MEMORY.array_rows, 8)):
        counts = np.bincount(place, minlength=bins)
        expected = len(found) / bins
        assert ((counts - expected) ** 2 / expected).sum() < 2 * bins + 30  # chi-square


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from([0.0, 0.3, 1.0]), st.integers(0, 99), st.booleans())
def test_faults_stay_where_the_voltage_falls(
    first: float, second: float, share: float, number: int, ecc: bool
) -> None:
    memory = Memory("weights", 40, 16, ecc=ecc, array_rows=16)
    chip = DrawnChip(FaultModel("stuck", column_share=share), number)
    few, many = (cells(faulty(chip, ber, memory)) for ber in sorted((first, second)))
    assert few.items() <= many.items()


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
@pytest.mark.parametrize("ber", [0.01, 0.1])
def test_columns_take_their_share_and_the_rate_stays(share: float, ber: float) -> None:
    memory = Memory("weights", words=64 * 2000, word_bits=16, array_rows=64)
    found = faulty(DrawnChip(FaultModel(column_share=share)), ber, memory)
    columns = 2000 * 16
    assert len(found) / (memory.words * 16) == pytest.approx(ber, rel=0.15)
    column = found.word // 64 * 16 + found.bit
    full = (np.bincount(column, minlength=columns) == 64).sum()
    assert full / columns == pytest.approx(share * ber, rel=0.3)


def test_a_column_is_stuck_at_one_value() -> None:
    memory = Memory("weights", words=64, word_bits=256, array_rows=64)
    found = faulty(DrawnChip(FaultModel(column_share=1.0)), 0.2, memory)
    assert found.value is not None
    for column in np.unique(found.bit):
        assert len(set(found.value[found.bit == column].tolist())) == 1


@pytest.mark.parametrize("ones", [0.0, 0.3, 1.0])
def test_share_of_cells_stuck_at_one(ones: float) -> None:
    found = faulty(DrawnChip(FaultModel(stuck_at_one=ones)), 0.1)
    assert found.value is not None
    assert found.value.mean() == pytest.approx(ones, abs=0.02)


def test_chips_seeds_and_memories_differ_and_repeat() -> None:
    made = {
        key: cells(faulty(DrawnChip(FaultModel(), number, seed), 0.01, Memory(name, 512, 64)))
        for key in [(0, 0, "a"), (1, 0, "a"), (0, 1, "a"), (0, 0, "b")]
        for number, seed, name in [key]
    }
    assert len({frozenset(found.items()) for found in made.values()}) == 4
    assert cells(faulty(DrawnChip(FaultModel()), 0.01, Memory("a", 512, 64))) == made[0, 0, "a"]


def test_a_chip_does_not_depend_on_what_is_asked() -> None:
    chip, supply = DrawnChip(FaultModel()), Supply({"weights": (0.02,)})
    whole = cells(chip.faults(MEMORY, 4096, supply))
    part = cells(chip.faults(MEMORY, 700, supply))
    assert part == {place: value for place, value in whole.items() if place[0] < 700}
    checked = cells(chip.faults(Memory("weights", 4096, 64, ecc=True), 4096, supply))
    assert whole == {place: value for place, value in checked.items() if place[1] < 64}
    assert any(bit >= 64 for _, bit in checked)


def test_memories_at_their_safe_voltage_do_not_fail() -> None:
    assert not len(DrawnChip(FaultModel()).faults(MEMORY, 4096, Supply({"other": (0.5,)})))


def test_bad_models_and_rates() -> None:
    with pytest.raises(InputError, match=r"column_share is 1\.5"):
        FaultModel(column_share=1.5)
    with pytest.raises(InputError, match="from 0 to 1"):
        Supply({"weights": (1.01,)})
    with pytest.raises(InputError, match="at least 1"):
        Memory("weights", 0, 64)
