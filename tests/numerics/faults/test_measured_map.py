"""Fault maps of real chips: what a file may hold, and at which voltages it is believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archsim.errors import InputError
from archsim.numerics.faults.cells import Memory, Supply
from archsim.numerics.faults.measured_map import read_fault_map

MEMORY = Memory("weights", 32, 8)
CSV = """# a chip
word,bit,stuck_at,vdd_v
3,7,1,0.62
5,0,0,0.55
31,4,1,0.55
"""


def cells(path: Path, vdd: float, words: int = 32, memory: Memory = MEMORY) -> set[tuple[int, int, int]]:
    found = read_fault_map(path).faults(memory, words, Supply({}, vdd))
    assert found.value is not None
    return set(zip(found.word.tolist(), found.bit.tolist(), found.value.tolist(), strict=True))


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(CSV)
    assert read_fault_map(path).voltages == (0.62, 0.55)
    assert cells(path, 0.55) == {(3, 7, 1), (5, 0, 0), (31, 4, 1)}
    assert cells(path, 0.62) == {(3, 7, 1)}
    assert cells(path, 0.7) == set()
    assert cells(path, 0.55, words=6) == {(3, 7, 1), (5, 0, 0)}


@pytest.mark.parametrize("vdd", [0.6, 0.5])
def test_no_faults_are_invented(tmp_path: Path, vdd: float) -> None:
    path = tmp_path / "map.csv"
    path.write_text(CSV)
    with pytest.raises(InputError, match=r"holds at 0\.62, 0\.55 V and above the highest"):
        cells(path, vdd)


def test_maps_of_a_memory(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text("word,bit,stuck_at,vdd_v,memory\n3,7,1,0.6,weights\n3,7,0,0.6,inputs\n")
    assert cells(path, 0.6) == {(3, 7, 1)}
    assert cells(path, 0.6, memory=Memory("inputs", 32, 8)) == {(3, 7, 0)}


def test_npz_of_cells_and_of_whole_maps_agree(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lower = rng.random((2, 32, 8)) < 0.1  # stuck at 0, at 1
    lower[1] &= ~lower[0]
    upper = lower & (rng.random(lower.shape) < 0.4)
    zero, one = np.stack((upper[0], lower[0])), np.stack((upper[1], lower[1]))
    np.savez(tmp_path / "maps.npz", stuck_at_0=zero, stuck_at_1=one, vdd_v=np.array([0.6, 0.5]))
    value, word, bit = np.nonzero(lower)
    volts = np.where(upper[value, word, bit], 0.6, 0.5)
    np.savez(tmp_path / "cells.npz", word=word, bit=bit, stuck_at=value, vdd_v=volts)
    for vdd, count in ((0.6, upper.sum()), (0.5, lower.sum())):
        found = cells(tmp_path / "maps.npz", vdd)
        assert found == cells(tmp_path / "cells.npz", vdd)
        assert len(found) == count


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("word,bit,stuck_at,vdd_v\n", "no faulty cell"),
        ("word,bit,stuck_at,vdd_v\n1,2,3,0.5\n", "stuck at 3"),
        ("word,bit,stuck_at,vdd_v\n1,-2,1,0.5\n", "bit -2"),
        ("word,bit,stuck_at,vdd_v\n1,2,x,0.5\n", "line 2"),
        ("word,bit,vdd_v\n1,2,0.5\n", "word,bit,stuck_at,vdd_v"),
        ("word,bit,stuck_at,vdd_v\n1,2,1,0.5\n1,2,1,0.6\n", "a cell twice"),
        ("word,bit,stuck_at,vdd_v\n1,2,1,nan\n", "nan V"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_fault_map(path)


def test_what_is_no_map(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in \.csv or \.npz"):
        read_fault_map("map.txt")
    with pytest.raises(InputError, match="cannot be read"):
        read_fault_map(tmp_path / "none.csv")
    (tmp_path / "broken.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"broken\.npz"):
        read_fault_map(tmp_path / "broken.npz")
    np.savez(tmp_path / "a.npz", word=[1])
    with pytest.raises(InputError, match="no array 'bit'"):
        read_fault_map(tmp_path / "a.npz")


def test_a_map_of_another_memory(tmp_path: Path) -> None:
    path = tmp_path / "map.csv"
    path.write_text(CSV)
    with pytest.raises(InputError, match="has 20 words of 8 cells"):
        cells(path, 0.55, memory=Memory("weights", 20, 8))
    with pytest.raises(InputError, match="give --vdd"):
        read_fault_map(path).faults(MEMORY, 32, Supply({"weights": (0.1,)}))
