"""Sensitivity tables as CSV and JSON files; both give back an equal table.

    # archsim.sensitivity/1
    # unit: squared weight error per parameter
    # source: from weights alone
    layer,operand,bits,loss
    "conv1",weight,4,0.000123

In CSV the columns may stand in any order. Lines that start with `#` are comments: `# unit:` and `# source:`
(any number of lines) carry meaning; in a file without `# source:` the other comments are its source.

    {"schema": "archsim.sensitivity/1", "unit": …, "source": …,
     "losses": [{"layer": …, "operand": …, "bits": …, "loss": …}, …]}
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from archsim.atomic import whole_file
from archsim.errors import InputError
from archsim.json_input import read_document
from archsim.numerics.sensitivity import Key, Operand, Sensitivity, check_entry

SCHEMA = "archsim.sensitivity/1"
COLUMNS = ("layer", "operand", "bits", "loss")
SUFFIXES = (".csv", ".json")


def read_sensitivity(path: str | Path) -> Sensitivity:
    """The table in a .csv or .json file. Raises InputError, with the line or entry, for a bad one."""
    path = Path(path).expanduser()
    return {".csv": _read_csv, ".json": _read_json}[check_suffix(path)](path)


def write_sensitivity(table: Sensitivity, path: str | Path) -> None:
    """Write a .csv or .json file, whole or not at all. Raises InputError for another suffix, or no room."""
    text = {".csv": _csv_text, ".json": _json_text}[check_suffix(Path(path))](table)
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def check_suffix(path: Path) -> str:
    """The suffix that says the format. Raises InputError when it is none of these."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path}: a sensitivity table is a file whose name ends in {' or '.join(SUFFIXES)}; rename it"
        )
    return suffix


def _csv_text(table: Sensitivity) -> str:
    out = io.StringIO()
    out.write(f"# {SCHEMA}\n# unit: {table.unit}\n")
    out.writelines(f"# source: {line}\n" for line in table.source.splitlines())
    out.write(",".join(COLUMNS) + "\n")
    names = csv.writer(out, lineterminator="", quoting=csv.QUOTE_ALL)  # no name can look like a comment
    for (layer, operand, bits), loss in table.losses.items():
        names.writerow([layer])
        out.write(f",{operand},{bits},{loss!r}\n")
    return out.getvalue()


def _json_text(table: Sensitivity) -> str:
    entries = [dict(zip(COLUMNS, (*key, loss), strict=True)) for key, loss in table.losses.items()]
    content = {"schema": SCHEMA, "unit": table.unit, "source": table.source, "losses": entries}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _read_csv(path: Path) -> Sensitivity:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a .csv or .json file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    try:
        return _of_csv(text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _of_csv(text: str) -> Sensitivity:
    lines = text.splitlines()
    said = [line[1:].strip() for line in lines if line.startswith("#")]
    rows = _rows(lines)
    try:
        _, header = next(rows)
    except StopIteration:
        raise InputError(f"the file has no header; its columns are {','.join(COLUMNS)}") from None
    header = [title.strip() for title in header]
    if sorted(header) != sorted(COLUMNS):
        raise InputError(f"the header is {','.join(header)!r}; its columns must be {','.join(COLUMNS)}")
    entries = ((f"line {number}", _csv_entry(number, header, row)) for number, row in rows)
    unit = next((line.removeprefix("unit:") for line in said if line.startswith("unit:")), "loss")
    source = [line.removeprefix("source:").strip() for line in said if line.startswith("source:")]
    others = [line for line in said if line != SCHEMA and not line.startswith("unit:")]
    return Sensitivity(_collect(entries), unit, "\n".join(source or others))


def _rows(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            yield number, next(csv.reader([line], strict=True))
        except csv.Error as error:
            raise InputError(f"line {number}: {error}; quote names that hold commas or quotes") from None


def _csv_entry(number: int, header: list[str], row: list[str]) -> tuple[object, object, object, object]:
    if len(row) != len(header):
        raise InputError(f"line {number}: {len(row)} cells where the header has {len(header)} columns")
    cells = dict(zip(header, row, strict=True))
    bits, loss = cells["bits"].strip(), cells["loss"].strip()
    return cells["layer"], cells["operand"].strip(), _number(bits, int), _number(loss, float)


def _number(text: str, kind: type[int] | type[float]) -> object:
    """The number, or the text as it is: what reads the entry says what is wrong with it."""
    try:
        return kind(text)
    except ValueError:
        return text


def _read_json(path: Path) -> Sensitivity:
    content = read_document(path, SCHEMA, "sensitivity table", made_by="archsim sensitivity MODEL -o FILE")
    try:
        return _of_json(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _of_json(content: Mapping[str, Any]) -> Sensitivity:
    unit, source, losses = content.get("unit", "loss"), content.get("source", ""), content.get("losses")
    if not isinstance(unit, str) or not isinstance(source, str):
        raise InputError("unit and source must be texts")
    if not isinstance(losses, list):
        raise InputError(f"losses must be a list of entries with the keys {', '.join(COLUMNS)}")
    entries = ((f"losses[{index}]", _json_entry(index, entry)) for index, entry in enumerate(losses))
    return Sensitivity(_collect(entries), unit, source)


def _json_entry(index: int, entry: object) -> tuple[object, object, object, object]:
    if not isinstance(entry, dict) or sorted(entry) != sorted(COLUMNS):
        raise InputError(f"losses[{index}]: an entry has exactly the keys {', '.join(COLUMNS)}")
    return entry["layer"], entry["operand"], entry["bits"], entry["loss"]


def _collect(entries: Iterable[tuple[str, tuple[object, object, object, object]]]) -> dict[Key, float]:
    losses: dict[Key, float] = {}
    places: dict[Key, str] = {}
    for place, (layer, operand, bits, loss) in entries:
        try:
            check_entry(layer, operand, bits, loss)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
        key = (cast(str, layer), cast(Operand, operand), cast(int, bits))
        if key in losses:
            raise InputError(
                f"{place}: layer {key[0]!r}, {key[1]}, {key[2]} bits is there twice; first at {places[key]}"
            )
        losses[key], places[key] = float(cast(float, loss)), place
    return losses
