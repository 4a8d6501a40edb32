"""A run as JSON, CSV and Parquet: the same keys and the same numbers in each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from archsim.atomic import whole_file
from archsim.run import Run

RUN_KEY = b"archsim.run"
"""Under which a Parquet file carries the run that its energy table is of."""


def plain(value: Any) -> Any:
    """`value` in the types that strict JSON knows.

    numpy and pandas scalars become Python's, tuples, sets and arrays lists, keys strings; NaN, infinity and
    missing values become None, because JSON has no word for them.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(value)]
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars, pandas series
        return plain(value.tolist())
    if isinstance(value, Path):
        return str(value)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    raise TypeError(f"a {type(value).__name__} has no form in JSON: {value!r}")


def write_json(run: Run, path: str | Path) -> None:
    """Write the documented object `archsim.run/1`, a line a record. Raises InputError as `whole_file`."""
    text = document_text(plain(run.to_dict()))
    with whole_file(path) as file:
        file.write_text(text, encoding="utf-8")


def write_csv(run: Run, path: str | Path) -> None:
    """Write the energy table, a row per layer × component × action. Raises InputError as `whole_file`."""
    with whole_file(path) as file:
        run.energy.to_csv(file, index=False, lineterminator="\n")


def write_layers_csv(run: Run, path: str | Path) -> None:
    """Write the layer table, a row a layer; `mapping`, `fused` and `loops` are JSON in their cell.

    Raises InputError as `whole_file`.
    """
    table = run.layer_table()
    for column in ("mapping", "fused", "loops"):
        table[column] = [json.dumps(plain(cell), allow_nan=False) for cell in table[column]]
    with whole_file(path) as file:
        table.to_csv(file, index=False, lineterminator="\n")


def write_parquet(run: Run, path: str | Path) -> None:
    """Write the energy table as Parquet (zstd), all else of the run in the file's metadata.

    Raises InputError as `whole_file`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    others = {key: value for key, value in run.to_dict().items() if key != "energy"}
    table = pa.Table.from_pandas(run.energy, preserve_index=False)
    told = json.dumps(plain(others), allow_nan=False).encode()
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), RUN_KEY: told})
    with whole_file(path) as file:
        pq.write_table(table, file, compression="zstd")


def document_text(document: dict[str, Any]) -> str:
    """JSON with a line per key and per record: small, yet readable and comparable line by line."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value:
            text = "[\n" + ",\n".join(f"  {_compact(item)}" for item in value) + "\n ]"
        else:
            text = _compact(value)
        lines.append(f" {_compact(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: Any) -> str:
    return json.dumps(value, allow_nan=False)
