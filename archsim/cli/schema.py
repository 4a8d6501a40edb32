"""`archsim schema`: the YAML of accelerators, studies and sweeps as JSON Schema, for editors."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from archsim.errors import InputError

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class What(StrEnum):
    accelerator = "accelerator"
    study = "study"
    sweep = "sweep"


def schema(
    what: Annotated[What, typer.Argument(help="Whose YAML.")] = What.accelerator,
    family: Annotated[
        str | None, typer.Option("--family", metavar="FAMILY", help="One family only, such as systolic.")
    ] = None,
) -> None:
    """Print the JSON Schema of a YAML, for use by an editor that checks and completes."""
    if what is What.accelerator:
        found = accelerator_schema(family)
    elif family is not None:
        raise InputError(f"--family: a {what.value} has none")
    else:
        found = {"$schema": DIALECT, **_model(what).model_json_schema()}
    typer.echo(json.dumps(found, indent=2))


def _model(what: What) -> Any:
    from archsim.dse.study import Study
    from archsim.dse.sweep.sweep import Sweep

    return {What.study: Study, What.sweep: Sweep}[what]


def accelerator_schema(family: str | None = None) -> dict[str, Any]:
    """The schema of one family's YAML, or of all, told apart by `family`. InputError: no such family."""
    from pydantic.json_schema import models_json_schema

    from archsim.accelerators.families import FAMILIES, has_family, spec_model

    if family is not None:
        if not has_family(family):
            raise InputError(f"--family {family!r} is not known; allowed: {', '.join(FAMILIES)}")
        return {"$schema": DIALECT, **spec_model(family).model_json_schema()}
    models = {name: spec_model(name) for name in FAMILIES}
    references, definitions = models_json_schema([(model, "validation") for model in models.values()])
    places = {name: references[model, "validation"]["$ref"] for name, model in models.items()}
    return {
        "$schema": DIALECT,
        "title": "archsim accelerator",
        "oneOf": [{"$ref": place} for place in places.values()],
        "discriminator": {"propertyName": "family", "mapping": places},
        **definitions,
    }
