"""A run read back from the file it was written to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from archsim.errors import InputError
from archsim.reports.export import RUN_KEY
from archsim.run import ENERGY_COLUMNS, SCHEMA, Assumption, LayerRun, ResourceUse, Roofline, Run, Totals

Record = TypeVar("Record", LayerRun, Totals, Assumption, Roofline)
_NUMBERS = [name for name in ENERGY_COLUMNS if name not in ("layer", "component", "action", "source")]


def read_run(path: str | Path) -> Run:
    """The run in a .json or .parquet file of `archsim run`; its timeline is not in there.

    Raises InputError for a file that is missing, of another kind, or incomplete.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .json or .parquet file of `archsim run`")
    document = _of_parquet(path) if path.suffix == ".parquet" else _of_json(path)
    if document.get("schema") != SCHEMA:
        raise InputError(
            f"{path}: is no run: its schema is {document.get('schema')!r}, a run's is {SCHEMA!r}; "
            "`archsim run … --json FILE` writes one"
        )
    try:
        return _run(document)
    except KeyError as error:
        raise InputError(f"{path}: is not whole: {error.args[0]!r} is missing; write it anew") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot be understood: {' '.join(str(error).split())}") from None


def is_run(path: str | Path) -> bool:
    """Whether a file is to be read by `read_run`: every .json, and a .parquet that carries a run."""
    path = Path(path).expanduser()
    if path.suffix == ".json" or not path.is_file():
        return path.suffix == ".json"
    return path.suffix == ".parquet" and RUN_KEY in _parquet_metadata(path)


def _parquet_metadata(path: Path) -> Mapping[bytes, bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: is no Parquet file: {' '.join(str(error).split())}") from None


def _of_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: is no JSON: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{path}: is no run: a JSON object is expected")
    return document


def _of_parquet(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    told = _parquet_metadata(path).get(RUN_KEY)
    if told is None:
        raise InputError(f"{path}: holds no run; `archsim run … --parquet FILE` writes one")
    return json.loads(told) | {"energy": pq.read_table(path).to_pandas()}


def _run(document: dict[str, Any]) -> Run:
    import pandas as pd

    energy = pd.DataFrame(document["energy"], columns=list(ENERGY_COLUMNS))
    energy[_NUMBERS] = energy[_NUMBERS].astype(float)
    return Run(
        workload=str(document["workload"]),
        accelerator=str(document["accelerator"]),
        layers=tuple(_record(LayerRun, layer) for layer in document["layers"]),
        totals=_record(Totals, document["totals"]),
        energy=energy,
        area_mm2={str(name): float(area) for name, area in document["area_mm2"].items()},
        memory=tuple((row["layer"], row["live_bytes"]) for row in document["memory"]),
        peak_memory_layer=document["peak_memory_layer"],
        assumptions=tuple(_record(Assumption, row) for row in document["assumptions"]),
        roofline=_record(Roofline, document["roofline"]),
        resources=tuple(_resource(row) for row in document["resources"]),
        composition=document["composition"],
        settings=document["settings"],
        warnings=tuple(document["warnings"]),
    )


def _record(kind: type[Record], row: dict[str, Any]) -> Record:
    """A dataclass of a JSON object; keys that it does not know are of a later version and left out."""
    given = {}
    for field in fields(kind):
        if field.name in row:
            value = row[field.name]
            given[field.name] = tuple(value) if field.name == "fused" else value
        elif field.default is MISSING:
            raise KeyError(field.name)
    return kind(**given)


def _resource(row: dict[str, Any]) -> ResourceUse:
    """JSON has no infinity: a capacity without limit is null."""
    capacity = math.inf if row["capacity"] is None else row["capacity"]
    return ResourceUse(row["name"], row["used"], capacity)
