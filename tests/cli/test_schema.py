"""The JSON Schema says of a YAML what archsim itself says."""

from __future__ import annotations

import json

import pytest
import yaml

from archsim.accelerators.families import FAMILIES
from archsim.accelerators.library import accelerator_path, list_accelerators


def test_schema_is_one_of_the_families(archsim) -> None:
    schema = json.loads(archsim("schema").stdout)
    places = schema["discriminator"]["mapping"]
    assert schema["discriminator"]["propertyName"] == "family"
    assert list(places) == list(FAMILIES)
    assert schema["oneOf"] == [{"$ref": place} for place in places.values()]
    for family, place in places.items():
        definition = schema["$defs"][place.removeprefix("#/$defs/")]
        assert definition["properties"]["family"]["const"] == family
        assert definition["additionalProperties"] is False


@pytest.mark.parametrize("family", FAMILIES)
def test_schema_of_one_family(archsim, family: str) -> None:
    schema = json.loads(archsim("schema", "--family", family).stdout)
    assert schema["properties"]["family"]["const"] == family


@pytest.mark.parametrize("words", [[], ["--family", "systolic"]])
def test_every_reference_leads_somewhere(archsim, words: list[str]) -> None:
    schema = json.loads(archsim("schema", *words).stdout)

    def references(part) -> set[str]:
        if isinstance(part, list):
            return set().union(*map(references, part)) if part else set()
        if not isinstance(part, dict):
            return set()
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))

    assert references(schema) <= {f"#/$defs/{name}" for name in schema["$defs"]}


@pytest.mark.parametrize("name", list_accelerators())
def test_library_accelerators_use_only_keys_of_the_schema(archsim, name: str) -> None:
    data = yaml.safe_load(accelerator_path(name).read_text())
    schema = json.loads(archsim("schema", "--family", data["family"]).stdout)
    assert set(data) <= set(schema["properties"])
    assert set(schema["required"]) <= set(data)


def test_unknown_family_is_refused(refused) -> None:
    assert "allowed: systolic" in refused("schema", "--family", "analog")
