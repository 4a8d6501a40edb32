"""The pages of the accelerator YAML say of every key what the schema says."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from archsim.cli.schema import accelerator_schema
from archsim.components.dram import DRAM_KINDS
from archsim.components.fpga import DEVICES

DOCS = Path(__file__).parents[2] / "docs"
ROOT = "(top level)"
# family -> its page, and per heading the schema's definitions whose keys stand below it
PAGES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "systolic": (
        "accelerator-yaml.md",
        {
            "Top level": (ROOT,),
            "`technology`": ("Technology",),
            "`array`": ("Array",),
            "`array.unroll`": ("Unroll",),
            "`array.mac`": ("Mac",),
            "`memories`: `kind: dram`": ("Dram",),
            "`memories`: `kind: sram` and `kind: register`": ("Sram", "Register"),
            "`vector_unit`": ("VectorUnit",),
        },
    ),
    "cluster": (
        "cluster.md",
        {
            "Top level": (ROOT,),
            "`technology`": ("Technology",),
            "`cores`": ("Cores",),
            "`engine`": ("Engine",),
            "`l1`": ("L1",),
            "`dma`": ("Dma",),
            "`l2`": ("L2",),
            "`l3`": ("L3",),
            "`uncore`": ("Uncore",),
            "`overheads`": ("Overheads",),
            "`operating`": ("Operating",),
            "`operating.points`": ("FrequencyPoint",),
            "`operating.body_bias`": ("BodyBias",),
            "`operating_point`": ("OperatingPoint",),
        },
    ),
    "crossbar": (
        "crossbar.md",
        {
            "Top level": (ROOT,),
            "`technology`": ("Technology",),
            "`array`": ("Array",),
            "`array.cell`": ("Cell",),
            "`dac`": ("Dac",),
            "`adc`": ("Adc",),
            "`adc.measured`": ("Measured",),
            "`sample_hold` and `adder_tree`": ("Logic",),
            "`shift_add`": ("ShiftAdd",),
            "`tile`": ("Tile",),
            "`tile.input_register` and `tile.output_register`": ("Store",),
            "`tile.buffer`": ("Buffer",),
            "`network`": ("Network",),
            "`vector_unit`": ("VectorUnit",),
            "`offchip`": ("OffChip",),
            "`noise`": ("Noise",),
            "`operating`": ("Operating",),
            "`operating.points`": ("FrequencyPoint",),
            "`operating.body_bias`": ("BodyBias",),
            "`operating_point`": ("OperatingPoint",),
        },
    ),
    "dataflow": (
        "dataflow.md",
        {
            "Top level": (ROOT,),
            "`device`": ("CustomDevice",),
            "`device`: standard cells": ("AsicDevice",),
            "`usable`": ("Usable",),
            "`reserved`": ("Reserved",),
            "`folding`": ("Folding",),
            "`host`": ("Host",),
        },
    ),
    "overlay": (
        "overlay.md",
        {
            "Top level": (ROOT,),
            "`engine`": ("Engine",),
            "`narrow_rows`": ("NarrowRows",),
            "`buffers`": ("Buffers",),
            "`memory`": ("Memory",),
            "`host`": ("Host",),
        },
    ),
}

# keys that several families share have a page of their own: heading by definition
SHARED_PAGE = "low-voltage.md"
SHARED = {
    "LowVoltage": "`low_voltage`",
    "Rail": "`low_voltage.rail`",
    "MeasuredRate": "`low_voltage.measured`",
}


@dataclass(frozen=True)
class Row:
    """A line of a table: one key, what may be given, what is taken when it is left out."""

    key: str
    value: str
    default: str


def page(family: str) -> str:
    return (DOCS / PAGES[family][0]).read_text()


def definitions(family: str) -> dict[str, dict[str, Any]]:
    schema = accelerator_schema(family)
    return {**schema["$defs"], ROOT: schema}


def rows(family: str, section: str, owner: str) -> list[Row]:
    """The rows of a section that apply to `owner` (all of them, or those under `For <owner> only`)."""
    whole = (DOCS / SHARED_PAGE).read_text() if owner in SHARED else page(family)
    text = whole.split(f"\n## {section}\n")[1].split("\n## ")[0]
    common, *special = re.split(r"\nFor `(\w+)` only:\n", text)
    only = dict(zip(special[::2], special[1::2], strict=True))
    table = common + only.get(owner.lower(), "")
    cells = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| .+ \|$", table, flags=re.MULTILINE)
    return [Row(*line) for line in cells]


CASES = [
    (family, section, owner)
    for family, (_, sections) in PAGES.items()
    for section, owners in sections.items()
    for owner in owners
] + [("systolic", section, owner) for owner, section in SHARED.items()]


@pytest.mark.parametrize("family", PAGES)
def test_every_definition_and_heading_is_covered(family: str) -> None:
    sections = PAGES[family][1]
    assert {owner for owners in sections.values() for owner in owners} == set(definitions(family)) - set(
        SHARED
    )
    assert re.findall(r"^## (.+)$", page(family), flags=re.MULTILINE) == list(sections)


@pytest.mark.parametrize(("family", "section", "owner"), CASES)
def test_the_page_has_the_keys_of_the_schema(family: str, section: str, owner: str) -> None:
    said = sorted(row.key for row in rows(family, section, owner))
    assert said == sorted(definitions(family)[owner]["properties"])


@pytest.mark.parametrize(("family", "section", "owner"), CASES)
def test_the_page_has_the_defaults_of_the_schema(family: str, section: str, owner: str) -> None:
    definition = definitions(family)[owner]
    for row in rows(family, section, owner):
        said = row.default
        assert (said == "required") == (row.key in definition.get("required", ())), row
        default = definition["properties"][row.key].get("default")
        if default is not None:
            assert said.strip("`") == json.dumps(default), row


@pytest.mark.parametrize(("family", "section", "owner"), CASES)
def test_the_page_has_the_allowed_words_of_the_schema(family: str, section: str, owner: str) -> None:
    for row in rows(family, section, owner):
        allowed = _words(definitions(family)[owner]["properties"][row.key])
        said = set(re.findall(r"`([^`]+)`", row.value))
        if row.key == "device":
            allowed = set(DEVICES if owner == ROOT else DRAM_KINDS)
        if row.key == "kind" and owner in ("Sram", "Register"):
            said = {owner.lower()} & said
        assert said == allowed, row


def _words(part: Any) -> set[str]:
    """Every word that a schema allows as a value: its enums and constants, not the names of its keys."""
    if isinstance(part, list):
        return set().union(*map(_words, part)) if part else set()
    if not isinstance(part, dict):
        return set()
    own = set(part.get("enum", ())) | ({part["const"]} if "const" in part else set())
    return own.union(*(_words(value) for key, value in part.items() if key != "propertyNames"))


def test_default_cycles_of_the_vector_unit() -> None:
    from archsim.accelerators.systolic.spec import VectorUnit

    (said,) = [row.default for row in rows("systolic", "`vector_unit`", "VectorUnit") if row.key == "cycles"]
    assert yaml.safe_load(said.strip("`")) == VectorUnit(lanes=1).cycles


@pytest.mark.parametrize(
    ("family", "name"),
    [
        ("systolic", "my-edge"),
        ("cluster", "my-cluster"),
        ("crossbar", "my-crossbar"),
        ("dataflow", "my-pipeline"),
        ("overlay", "my-engine"),
    ],
)
def test_the_example_runs(archsim, tmp_path: Path, tiny_trace: Path, family: str, name: str) -> None:
    example = re.findall(r"```yaml\n(.*?)```", page(family), flags=re.DOTALL)[0]
    (tmp_path / "my.yaml").write_text(example)
    assert archsim("show", tmp_path / "my.yaml").exit_code == 0
    result = archsim("run", tiny_trace, "--on", tmp_path / "my.yaml")
    assert result.exit_code == 0
    assert name in result.stdout
