"""A run read back from the file it was written to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from archsim.errors import InputError
from archsim.json_input import checked_document, read_document
from archsim.reports.export import RUN_KEY
from archsim.run import ENERGY_COLUMNS, SCHEMA, Assumption, LayerRun, ResourceUse, Roofline, Run, Totals
from archsim.violations import place_in, said

if TYPE_CHECKING:
    import pandas as pd

_MADE_BY = "archsim run … --json FILE (or --parquet)"
_TEXTS = ("layer", "component", "action", "source")
_NUMBERS = [name for name in ENERGY_COLUMNS if name not in _TEXTS]


@dataclass
class _Live:
    layer: str
    live_bytes: int


def read_run(path: str | Path) -> Run:
    """The run in a .json or .parquet file of `archsim run`; its timeline is not in there.

    Raises InputError for a file that is missing, of another kind, or incomplete.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise InputError(f"{path}: no such file; give a .json or .parquet file of `archsim run`")
    if path.suffix == ".parquet":
        document = checked_document(_of_parquet(path), SCHEMA, "run", where=str(path), made_by=_MADE_BY)
    elif path.suffix == ".json":
        document = read_document(path, SCHEMA, "run", made_by=_MADE_BY)
    else:
        raise InputError(
            f"{path}: is no run: its name ends in neither .json nor .parquet, as `{_MADE_BY}` writes"
        )
    try:
        return _run(document)
    except KeyError as error:
        raise InputError(f"{path}: is not whole: {error.args[0]!r} is missing; write it anew") from None
    except InputError as error:
        raise InputError(f"{path}: {error}; write it anew") from None


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


def _of_parquet(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    told = _parquet_metadata(path).get(RUN_KEY)
    if told is None:
        raise InputError(f"{path}: holds no run; `archsim run … --parquet FILE` writes one")
    return json.loads(told) | {"energy": pq.read_table(path).to_pandas()}


def _run(document: dict[str, Any]) -> Run:
    """Raises KeyError for a key that is missing, InputError for one of another type."""

    def read(kind: Any, key: str) -> Any:
        return _validated(kind, document[key], key)

    limited = [
        {**use, "capacity": math.inf} if isinstance(use, dict) and use.get("capacity", 0) is None else use
        for use in read(list[Any], "resources")
    ]  # JSON has no infinity: a capacity without limit is null
    memory = read(list[_Live], "memory")
    return Run(
        workload=read(str, "workload"),
        accelerator=read(str, "accelerator"),
        layers=read(tuple[LayerRun, ...], "layers"),
        totals=read(Totals, "totals"),
        energy=_energy(document["energy"]),
        area_mm2=read(dict[str, float], "area_mm2"),
        memory=tuple((row.layer, row.live_bytes) for row in memory),
        peak_memory_layer=read(str, "peak_memory_layer"),
        assumptions=read(tuple[Assumption, ...], "assumptions"),
        roofline=read(Roofline, "roofline"),
        resources=_validated(tuple[ResourceUse, ...], limited, "resources"),
        composition=read(Literal["sequential", "pipelined"], "composition"),
        settings=read(dict[str, Any], "settings"),
        warnings=read(tuple[str, ...], "warnings"),
    )


def _energy(given: Any) -> pd.DataFrame:
    import pandas as pd

    rows = given if isinstance(given, pd.DataFrame) else _validated(list[dict[str, Any]], given, "energy")
    try:
        energy = pd.DataFrame(rows, columns=list(ENERGY_COLUMNS))
        energy[_NUMBERS] = energy[_NUMBERS].astype(float)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"energy: {' '.join(str(error).split())}") from None
    for name in _TEXTS:
        if not all(isinstance(value, str) for value in energy[name]):
            raise InputError(f"energy: {name} has an entry that is no text")
    return energy


def _validated(kind: Any, value: Any, key: str) -> Any:
    """`value` as a `kind`; keys that a dataclass does not know are of a later version and left out."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, (key, *place_in(value, first))))
        raise InputError(f"{place}: {said(first)}") from None
