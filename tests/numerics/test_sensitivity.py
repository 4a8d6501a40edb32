"""The table: look-ups, sums, files there and back, and what is refused."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.numerics.sensitivity import Sensitivity
from archsim.numerics.sensitivity_files import read_sensitivity, write_sensitivity

TABLE = Sensitivity(
    {
        ("conv1", "weight", 4): 0.25,
        ("conv1", "weight", 8): 1e-3,
        ("conv1", "activation", 8): 2e-3,
        ("fc", "weight", 4): 0.5,
    },
    unit="nats",
    source="measured\non 8 images",
)
CSV = "layer,operand,bits,loss\nconv1,weight,4,0.25\n"

names = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12) | st.sampled_from(
    ["#comment", 'a"b', "a,b", "/layer 1/Conv", "'x'", "=1+1"]
)
keys = st.tuples(names, st.sampled_from(["weight", "activation"]), st.integers(1, 32))
tables = st.builds(
    Sensitivity,
    st.dictionaries(keys, st.floats(0, 1e300), min_size=1, max_size=20),
    unit=st.sampled_from(["loss", "KL divergence, nats"]),
    source=st.sampled_from(["", "by hand", "two\nlines", "# looks: like, a comment"]),
)


def test_look_ups_and_sums() -> None:
    assert TABLE.loss("conv1", "weight", 8) == 1e-3
    assert TABLE.layers == ("conv1", "fc")
    assert TABLE.bits("conv1", "weight") == (4, 8)
    assert TABLE.bits("fc", "activation") == ()
    assert TABLE.column("conv1", "weight", [8, 4]) == [1e-3, 0.25]
    assert TABLE.total([("conv1", "weight", 4), ("fc", "weight", 4)]) == 0.75
    assert pickle.loads(pickle.dumps(TABLE)) == TABLE


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("conv2", "weight", 4), ("no layer 'conv2'", "did you mean 'conv1'", "'fc'")),
        (("conv1", "weight", 6), ("no 6-bit weight loss", "4, 8 bits", "not invented")),
        (("fc", "activation", 4), ("no activation losses", "'fc'")),
        (("fc", "bias", 4), ("'bias'", "weight, activation")),
    ],
)
def test_what_is_missing_is_named(asked, said: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as refusal:
        TABLE.loss(*asked)
    for words in said:
        assert words in str(refusal.value)


@given(tables)
def test_files_give_back_an_equal_table(tmp_path_factory: pytest.TempPathFactory, table: Sensitivity) -> None:
    folder = tmp_path_factory.mktemp("tables")
    for name in ("table.csv", "table.json"):
        write_sensitivity(table, folder / name)
        again = read_sensitivity(folder / name)
        assert again == table
        assert list(again.losses) == list(table.losses)


def test_a_table_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        '# HAWQ-V3, from the notebook\n\nbits,loss , layer,operand\n4,1,"a,b", weight\n#x\n8, .5,c,weight\n'
    )
    table = read_sensitivity(path)
    assert table.losses == {("a,b", "weight", 4): 1.0, ("c", "weight", 8): 0.5}
    assert table.source == "HAWQ-V3, from the notebook\nx"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no header"),
        ("# only a comment\n", "no header"),
        ("layer,bits,loss\n", "columns must be layer,operand,bits,loss"),
        ("layer,operand,bits,loss\n", "at least one entry"),
        (CSV + "conv1,weight,8\n", "line 3: 3 cells"),
        (CSV + "conv1,weight,8,\n", "line 3: layer 'conv1': loss is ''"),
        (CSV + "conv1,weight,8,nan\n", "line 3: layer 'conv1': loss is nan"),
        (CSV + "conv1,weight,8,-1\n", "line 3: layer 'conv1': loss is -1.0"),
        (CSV + "conv1,weight,8.5,1\n", "line 3: layer 'conv1': bits is '8.5'"),
        (CSV + "conv1,weight,0,1\n", "line 3: layer 'conv1': bits is 0"),
        (CSV + "conv1,weights,8,1\n", "line 3: layer 'conv1': operand is 'weights'"),
        (CSV + " ,weight,8,1\n", "line 3: layer ' ' is no name"),
        (
            "# one\n" + CSV + "\nconv1,weight,4,1\n",
            "line 5: layer 'conv1', weight, 4 bits is there twice; first at line 3",
        ),
        (CSV + '"conv1,weight,8,1\n', "line 3:"),
    ],
)
def test_a_spoilt_csv(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "spoilt.csv"
    path.write_text(text)
    with pytest.raises(InputError) as refusal:
        read_sensitivity(path)
    assert said in str(refusal.value)
    assert "spoilt.csv" in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "archsim.run/1"}, "schema is 'archsim.run/1'"),
        ({"losses": {}}, "must be a list"),
        ({"losses": []}, "at least one entry"),
        ({"losses": [{"layer": "a"}]}, "losses[0]: an entry has exactly the keys"),
        (
            {"losses": [{"layer": "a", "operand": "weight", "bits": True, "loss": 1}]},
            "losses[0]: layer 'a': bits",
        ),
        ({"losses": [{"layer": 1, "operand": "weight", "bits": 1, "loss": 1}]}, "losses[0]: layer 1"),
        ({"losses": [{"layer": "a", "operand": [], "bits": 1, "loss": 1}]}, "operand is []"),
        ({"losses": [{"layer": "a", "operand": "weight", "bits": 1, "loss": "1"}]}, "loss is '1'"),
        ({"unit": 1}, "must be texts"),
    ],
)
def test_a_spoilt_json(tmp_path: Path, change: dict, said: str) -> None:
    path = tmp_path / "spoilt.json"
    write_sensitivity(TABLE, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError) as refusal:
        read_sensitivity(path)
    assert said in str(refusal.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, content, said in (
        ("a.txt", b"", ".csv or .json"),
        ("a.csv", b"\xff\xfe\x00", "UTF-8"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b"[]", "holds a list"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_sensitivity(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_sensitivity(tmp_path / "none.csv")
    with pytest.raises(InputError, match="rename it"):
        write_sensitivity(TABLE, tmp_path / "table.xlsx")


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), -1e-9, True, "1"])
def test_an_entry_that_is_not_valid(loss) -> None:
    with pytest.raises(InputError, match="finite number"):
        Sensitivity({("a", "weight", 4): loss})


def test_the_examples_of_the_documentation(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sensitivity.md").read_text()
    for language in ("csv", "json"):
        (example,) = re.findall(rf"```{language}\n(.*?)```", page, flags=re.DOTALL)
        path = tmp_path / f"example.{language}"
        path.write_text(example)
        table = read_sensitivity(path)
        assert table.loss("conv1", "weight", 4) == 0.000123
        assert table.source == "by hand"
