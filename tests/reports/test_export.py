"""JSON, CSV and Parquet carry the same numbers, are strictly valid, and appear whole or not at all."""

from __future__ import annotations

import csv
import json
import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from archsim.errors import InputError
from archsim.reports.export import plain, write_csv, write_json, write_layers_csv, write_parquet
from archsim.run import ENERGY_COLUMNS

WRITERS = [write_json, write_csv, write_layers_csv, write_parquet]


def refuse_constant(name):
    raise AssertionError(f"{name} is not JSON")


def read_strict(path):
    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)


def read_csv(path):
    """Every cell exactly as written: numbers by Python's own reading, which loses no digit."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return pd.DataFrame([{key: number_or_text(cell) for key, cell in row.items()} for row in rows])


def number_or_text(cell):
    try:
        return float(cell)
    except ValueError:
        return cell


def test_json_is_the_documented_object(run, tmp_path):
    write_json(run, tmp_path / "run.json")
    document = read_strict(tmp_path / "run.json")
    assert document["schema"] == "archsim.run/1"
    assert [layer["name"] for layer in document["layers"]] == [layer.name for layer in run.layers]
    assert document["totals"]["energy_mj"] == run.totals.energy_mj
    assert document["layers"][0]["mapping"]["tile"]["C"] == 128
    assert set(document["energy"][0]) == set(ENERGY_COLUMNS)


def test_every_format_has_the_same_energy_table(run, tmp_path):
    write_json(run, tmp_path / "run.json")
    write_csv(run, tmp_path / "run.csv")
    write_parquet(run, tmp_path / "run.parquet")
    expected = run.energy.reset_index(drop=True)
    tables = (
        pd.DataFrame(read_strict(tmp_path / "run.json")["energy"]),
        read_csv(tmp_path / "run.csv"),
        pd.read_parquet(tmp_path / "run.parquet"),
    )
    for table in tables:
        assert list(table.columns) == list(ENERGY_COLUMNS)
        for column in ENERGY_COLUMNS:
            assert table[column].tolist() == expected[column].tolist()


def test_layer_table_round_trips(run, tmp_path):
    write_layers_csv(run, tmp_path / "layers.csv")
    table = read_csv(tmp_path / "layers.csv")
    assert table["name"].tolist() == [layer.name for layer in run.layers]
    assert table["energy_pj"].tolist() == [layer.energy_pj for layer in run.layers]
    assert [json.loads(cell) for cell in table["fused"]] == [list(layer.fused) for layer in run.layers]
    assert json.loads(table["mapping"][0])["order"] == ["K", "P", "C"]


def test_not_a_number_becomes_null(run, tmp_path):
    energy = run.energy.copy()
    energy.loc[0, "unit_energy_pj"] = np.nan
    odd = replace(
        run, energy=energy, totals=replace(run.totals, tops_per_w=math.inf), settings={"ber": float("nan")}
    )
    write_json(odd, tmp_path / "run.json")
    document = read_strict(tmp_path / "run.json")
    assert document["totals"]["tops_per_w"] is None
    assert document["settings"]["ber"] is None
    assert document["energy"][0]["unit_energy_pj"] is None
    assert document["energy"][1]["unit_energy_pj"] == energy["unit_energy_pj"][1]


def test_plain_knows_what_results_are_made_of():
    value = {1: np.int32(3), "a": (np.float64(0.5), np.bool_(True)), "b": np.arange(2), "c": {"y", "x"}}
    assert plain(value) == {"1": 3, "a": [0.5, True], "b": [0, 1], "c": ["x", "y"]}
    assert plain([np.float32("inf"), pd.NA, pd.NaT, Path("a/b")]) == [None, None, None, "a/b"]
    with pytest.raises(TypeError, match="object"):
        plain(object())


@pytest.mark.parametrize("write", WRITERS)
def test_missing_folder_is_named(run, tmp_path, write):
    with pytest.raises(InputError, match=r"nowhere does not exist.*mkdir -p"):
        write(run, tmp_path / "nowhere" / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS)
def test_folder_and_file_mixed_up(run, tmp_path, write):
    (tmp_path / "file").write_text("kept")
    with pytest.raises(InputError, match="is not a folder"):
        write(run, tmp_path / "file" / "out")
    with pytest.raises(InputError, match="it is a folder"):
        write(run, tmp_path)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
@pytest.mark.parametrize("write", WRITERS)
def test_read_only_folder_stays_empty(run, tmp_path, write):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    with pytest.raises(InputError, match=r"locked.*Permission denied"):
        write(run, folder / "out")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("write", WRITERS)
def test_a_failed_write_leaves_the_old_file(run, tmp_path, write, monkeypatch):
    target = tmp_path / "out"
    target.write_text("old")

    def full_disk(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        write(run, target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("write", WRITERS)
def test_a_second_write_replaces_the_first(run, make_run, tmp_path, write):
    target, link = tmp_path / "out", tmp_path / "link"
    link.symlink_to(target)
    write(make_run(3), target)
    before = target.read_bytes()
    write(run, link)
    assert target.read_bytes() != before
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [link, target]


def test_a_device_is_written_in_place(run):
    null = Path(os.devnull)
    write_json(run, null)
    assert not null.is_file()
