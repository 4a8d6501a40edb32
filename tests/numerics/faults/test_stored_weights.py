"""Weights through weak cells: against bits one by one, closed forms, and figures measured apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.numerics.faults.addresses import Placed, Region, allocate
from archsim.numerics.faults.cells import DrawnChip, FaultModel, Faults, Memory, Supply
from archsim.numerics.faults.encoding import ENCODINGS, Encoding, from_bits, to_bits
from archsim.numerics.faults.secded import check_bits, check_matrix, checked
from archsim.numerics.faults.stored_weights import StoredWeights, read_words
from archsim.numerics.quantised_network import with_codes
from tests.numerics.twin_cases import inputs_of, matmul, whole_weights


@given(st.integers(1, 16), st.sampled_from(ENCODINGS), st.data())
def test_encodings_turn_back(bits: int, encoding: Encoding, data: st.DataObject) -> None:
    highest = max(1, 2 ** (bits - 1) - 1)
    codes = np.array(data.draw(st.lists(st.integers(-highest, highest), min_size=1)))
    codes = np.where(codes == 0, 1, np.sign(codes)) if bits == 1 else codes
    stored = to_bits(codes, bits, encoding)
    assert stored.max() < 2**bits
    assert from_bits(stored, bits, encoding).tolist() == codes.tolist()


# Measured apart from archsim: rms error over the rms of Gaussian weights, 8 bits, 1 % of bits flipped
@pytest.mark.parametrize(
    ("encoding", "apart"), [("twos_complement", 0.582), ("sign_magnitude", 0.356), ("offset", 0.582)]
)
def test_error_of_flips_by_encoding(encoding: Encoding, apart: float) -> None:
    assert relative_error(FaultModel("flip"), encoding) == pytest.approx(apart, rel=0.06)


# the same source for cells stuck at 0 or 1: 0.415 in two's complement, and .501 % flipped bits
def test_error_of_stuck_cells() -> None:
    assert relative_error(FaultModel("stuck"), "twos_complement") == pytest.approx(0.415, rel=0.06)


def relative_error(model: FaultModel, encoding: Encoding) -> float:
    """Of a million normal weights, the largest of them at the highest code, through 1 % faulty cells."""
    weights = np.random.default_rng(0).standard_normal(2**20)
    codes = np.rint(weights / np.abs(weights).max() * 127).astype(np.int64)
    memory = Memory("weights", 2**17, 64)
    region = Region(memory, codes.size, 8)
    faults = DrawnChip(model).faults(memory, memory.words, Supply({"weights": (0.01,)}))
    seen, flips = read_words(to_bits(codes, 8, encoding), region, faults)
    assert flips.rate == pytest.approx(0.01 if model.kind == "flip" else 0.005, rel=0.03)
    error = from_bits(seen, 8, encoding) - codes
    return float(np.sqrt((error**2).mean() / (codes**2).mean()))


@settings(max_examples=150, deadline=None)
@given(
    bits=st.integers(1, 9), word_bits=st.sampled_from([9, 16, 20]), numbers=st.integers(1, 60),
    words=st.integers(1, 12), start=st.integers(0, 11), ecc=st.booleans(), protected=st.integers(0, 2),
    kind=st.sampled_from(["stuck", "flip"]), bers=st.lists(st.floats(0, 0.6), min_size=1, max_size=3),
    chip=st.integers(0, 50), tile=st.one_of(st.none(), st.integers(1, 20)), buffers=st.integers(1, 3),
)  # fmt: skip
def test_against_bits_one_by_one(
    bits: int, word_bits: int, numbers: int, words: int, start: int, ecc: bool, protected: int,
    kind: str, bers: list[float], chip: int, tile: int | None, buffers: int,
) -> None:  # fmt: skip
    memory = Memory("m", words, word_bits, ecc, protected, array_rows=5)
    region = Region(memory, numbers, bits, start % words)
    if tile is not None and buffers <= words:
        region = Region(memory, numbers, bits, 0, tile, buffers)
    stored = np.random.default_rng(chip).integers(0, 2**bits, numbers).astype(np.uint32)
    faults = DrawnChip(FaultModel(kind), chip).faults(memory, words, Supply({"m": tuple(bers)}))  # pyright: ignore[reportArgumentType]
    seen, flips = read_words(stored, region, faults)
    expected = bit_by_bit(stored.tolist(), region, faults)
    assert seen.tolist() == expected
    assert flips.flipped == sum((a ^ b).bit_count() for a, b in zip(stored.tolist(), expected, strict=True))


def bit_by_bit(stored: list[int], region: Region, faults: Faults) -> list[int]:
    """The same with Python's integers: a word at a time, all its cells in turn."""
    memory, per_word = region.memory, region.memory.word_bits // region.bits
    values = [None] * len(faults) if faults.value is None else faults.value.tolist()
    at = {(w, b): v for w, b, v in zip(faults.word.tolist(), faults.bit.tolist(), values, strict=True)}
    seen: list[int] = []
    for first in range(0, len(stored), region.tile):
        part, size = first // region.tile % region.buffers, memory.words // region.buffers
        tile = stored[first : first + region.tile]
        for word in range(-(-len(tile) // per_word)):
            held = tile[word * per_word : (word + 1) * per_word]
            physical = part * size + (region.start + word) % size
            broken = {bit: value for (where, bit), value in at.items() if where == physical}
            seen += word_by_bits(held, region, broken)
    return seen


def word_by_bits(held: list[int], region: Region, broken: dict[int, int | None]) -> list[int]:
    memory = region.memory
    cells = [number >> k & 1 for number in held for k in range(region.bits)]
    cells += [0] * (memory.word_bits - len(cells))
    if memory.ecc:
        matrix = check_matrix(memory.word_bits).tolist()
        checks = range(memory.cells_per_word - memory.word_bits)
        cells += [sum(c * row[k] for c, row in zip(cells, matrix, strict=False)) % 2 for k in checks]
    read = list(cells)
    for place, value in broken.items():
        slot, k = divmod(place, region.bits)
        safe = slot < len(held) and place < memory.word_bits and k >= region.bits - memory.protected_bits
        if not safe:
            read[place] = 1 - cells[place] if value is None else value
    if memory.ecc and sum(a != b for a, b in zip(cells, read, strict=True)) == 1:
        read = cells
    return [sum(read[slot * region.bits + k] << k for k in range(region.bits)) for slot in range(len(held))]


def test_layers_that_fit_lie_behind_each_other() -> None:
    memory = Memory("m", 10, 64)
    regions = allocate({"a": (Placed(memory), 9, 8), "b": (Placed(memory), 4, 16)})
    assert [(r.start, r.words, r.reach) for r in regions.values()] == [(0, 2, 2), (2, 1, 3)]


def test_a_layer_that_does_not_fit_meets_the_same_cells_again() -> None:
    memory = Memory("m", 4, 16)
    regions = allocate({"a": (Placed(memory), 3, 8), "b": (Placed(memory), 20, 8)})
    assert [(r.start, r.words) for r in regions.values()] == [(0, 2), (0, 10)]
    cell = Faults(np.array([1]), np.array([3]), None)
    stored = np.zeros(20, np.uint32)
    seen, flips = read_words(stored, regions["b"], cell)
    assert np.nonzero(seen)[0].tolist() == [2, 10, 18]
    assert set(seen[seen > 0].tolist()) == {8}
    assert flips.flipped == 3


def test_numbers_wider_than_a_word() -> None:
    with pytest.raises(InputError, match="16 bits does not fit the 8-bit words"):
        allocate({"a": (Placed(Memory("m", 4, 8)), 3, 16)})
    with pytest.raises(InputError, match="two memories are named 'm'"):
        allocate({"a": (Placed(Memory("m", 4, 8)), 3, 8), "b": (Placed(Memory("m", 5, 8)), 3, 8)})


@pytest.mark.parametrize(("data_bits", "expected"), [(8, 5), (16, 6), (32, 7), (64, 8), (128, 9)])
def test_check_bits_of_secded(data_bits: int, expected: int) -> None:
    assert check_bits(data_bits) == expected
    matrix = check_matrix(data_bits)
    assert len({tuple(row) for row in matrix.tolist()}) == data_bits
    # a data bit and its check bits make an even number of at least four: no three flips look like none
    ones = 1 + matrix.sum(axis=1, dtype=int)
    assert (ones % 2 == 0).all()
    assert ones.min() == 4
    one = np.zeros((1, data_bits), np.uint8)
    one[0, 3] = one[0, 5] = 1
    assert checked(one)[0].tolist() == (matrix[3] ^ matrix[5]).tolist()


@pytest.mark.parametrize("kind", ["flip", "stuck"])
@pytest.mark.parametrize("ber", [1e-3, 4e-3, 2e-2])
def test_words_fail_as_the_closed_form_says(kind: str, ber: float) -> None:
    """Of 72 cells two or more flip with probability 1 - (1-p)^72 - 72·p·(1-p)^71. With stuck cells the flip
    rate p of random data, check bits and all, is half the BER.
    """
    memory = Memory("weights", 40_000, 64, ecc=True)
    region = Region(memory, 320_000, 8)
    stored = np.random.default_rng(1).integers(0, 256, 320_000).astype(np.uint32)
    faults = DrawnChip(FaultModel(kind), 3).faults(memory, memory.words, Supply({"weights": (ber,)}))  # pyright: ignore[reportArgumentType]
    seen, flips = read_words(stored, region, faults)
    rate = ber if kind == "flip" else ber / 2
    wrong = (seen ^ stored).reshape(-1, 8).any(axis=1).sum()
    expected = (1 - (1 - rate) ** 72 - 72 * rate * (1 - rate) ** 71) * memory.words
    in_check_bits_only = (8 * 7 / 2) / (72 * 71 / 2)  # of the failing words, which then read right
    assert wrong == pytest.approx(expected * (1 - in_check_bits_only), abs=5 * np.sqrt(expected) + 1)
    single = 72 * rate * (1 - rate) ** 71 * memory.words
    assert flips.corrected_words == pytest.approx(single, abs=5 * np.sqrt(single))


def test_protected_bits_bound_the_error() -> None:
    memory = Memory("m", 2000, 64, protected_bits=3)
    codes = np.random.default_rng(0).integers(-127, 128, 16_000)
    faults = DrawnChip(FaultModel("flip")).faults(memory, 2000, Supply({"m": (0.05,)}))
    seen, _ = read_words(to_bits(codes, 8, "twos_complement"), Region(memory, codes.size, 8), faults)
    error = np.abs(from_bits(seen, 8, "twos_complement") - codes)
    assert 0 < error.max() < 32


def test_faults_of_the_memories_that_weights_pass_add_up(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    network = matmul(tmp_path, whole_weights(rng, 8, 20, 60), inputs_of(rng, 8, 4, 60), 8, 8)
    outer, inner = Memory("outer", 200, 64), Memory("inner", 60, 32)
    passed = [Placed(outer), Placed(inner, tile_numbers=100, buffers=2)]
    supply = Supply({"outer": (0.02,), "inner": (0.01, 0.05)})
    chip = DrawnChip(FaultModel("flip"), 2)
    both = StoredWeights(network, {"fc": passed}).read(chip, supply)
    one = StoredWeights(network, {"fc": passed[:1]}).read(chip, supply)
    then = StoredWeights(with_codes(network, one.codes), {"fc": passed[1:]}).read(chip, supply)
    assert (both.codes["fc"] == then.codes["fc"]).all()
    assert both.flips.stored == 20 * 60 * 8
    assert both.flips.rate == pytest.approx(0.02 + 0.03, abs=0.012)
    assert not StoredWeights(network, {}).read(chip, supply).codes
