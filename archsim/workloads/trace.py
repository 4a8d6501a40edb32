"""archsim's layer trace: a workload as one CSV file, one row a layer, in execution order.

    # archsim.trace/1
    # workload: two-layers
    # outputs: fc.out
    name,operator,inputs,weights,outputs,B,G,K,C,P,Q,R,S,stride,...
    conv1,conv,input:1x3x32x32,conv1.weight:16x3x3x3;conv1.bias:16,conv1.out:1x16x32x32,1,1,16,3,32,32,3,3,1,...

`COLUMNS` lists the columns. Only `name` and `operator` are required; a contraction also needs one or more
of its loops. What is left out has a default: tensors are chained (`archsim.workloads.trace_defaults`), loops,
stride and dilation are 1, padding 0, input_size the smallest the window needs, ops none, precision w8a8,
densities 1. How a cell is written: `archsim.workloads.trace_cells`. Lines that start with `#` are comments,
of which `# workload:`, `# outputs:` (tensors that leave the network, even if a layer reads them) and
`# warning:` (any number of times) carry meaning.

`write_trace` writes every column, and `read_trace` gives back an equal Workload.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from archsim.errors import InputError
from archsim.workloads import trace_cells as cells
from archsim.workloads.layer import OPERATOR_KINDS, Contraction, Layer
from archsim.workloads.precision import Precision
from archsim.workloads.trace_defaults import Chain
from archsim.workloads.trace_files import read_text, write_text
from archsim.workloads.workload import Workload

VERSION = "archsim.trace/1"
LOOPS = ("B", "G", "K", "C", "P", "Q", "R", "S")
_GEOMETRY = ("stride", "dilation", "padding", "input_size", "transposed")
COLUMNS = (
    *("name", "operator", "inputs", "weights", "outputs"),
    *LOOPS,
    *_GEOMETRY,
    *("ops", "precision", "weight_density", "activation_density", "fused"),
)

_VERSION_LINE = re.compile(r"# ?(archsim\.trace/.*?)\s*")
_DIRECTIVE = re.compile(r"# ?(workload|outputs|warning):(.*)")
_Value = TypeVar("_Value")


def read_trace(path: str | Path) -> Workload:
    """Read a layer trace. Raises InputError naming file, line and column of the first mistake."""
    path = Path(path)
    header, rows = _split_lines(path, read_text(path))
    chain, layers = Chain(), []
    for row in rows:
        layer = row.located(lambda row=row: _read_layer(row, chain))
        chain.append(layer)
        layers.append(layer)
    try:
        return Workload.from_layers(header.workload, layers, header.outputs, header.warnings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def is_trace(path: str | Path) -> bool:
    """Whether a CSV file is an archsim trace, by its version comment or the columns in its header."""
    path = Path(path)
    for line in read_text(path).split("\n"):
        if _VERSION_LINE.match(line):
            return True
        if line.strip(" \t\r,") and not line.startswith("#"):
            names = {name.strip() for name in line.split(",")} - {""}
            return "operator" in names or names <= set(COLUMNS)
    return False


def write_trace(workload: Workload, path: str | Path, *, about: Iterable[str] = ()) -> None:
    """Write a layer trace: a temporary file beside `path`, then renamed. `about`: comments for its head.

    Raises InputError when a layer's tensors do not fit a CSV cell (`csv.field_size_limit`).
    """
    text = io.StringIO()
    text.write(f"# {VERSION}\n")
    text.writelines(f"#   {line}\n" for comment in about for line in comment.splitlines())
    text.write(f"# workload: {cells.write_word(workload.name)}\n")
    text.write(f"# outputs: {cells.write_words(tensor.name for tensor in workload.outputs)}\n")
    text.writelines(f"# warning: {cells.write_word(warning)}\n" for warning in workload.warnings)
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for layer in workload.layers:
        row = _write_layer(layer)
        for column, cell in row.items():
            if len(cell) > csv.field_size_limit():
                raise InputError(
                    f"layer {layer.name!r}: its {column} take {len(cell)} characters; "
                    f"a trace's cell holds at most {csv.field_size_limit()}"
                )
        writer.writerow(row)
    write_text(Path(path), text.getvalue())


@dataclass(frozen=True, slots=True)
class _Row:
    """One line's cells by column, and where it is."""

    path: Path
    line: int
    cells: Mapping[str, str]

    def get(self, column: str, read: Callable[[str], _Value], default: _Value) -> _Value:
        """The column's value; `default` where the cell is empty or the column absent."""
        text = self.cells.get(column, "")
        if not text:
            return default
        try:
            return read(text)
        except InputError as error:
            raise InputError(f"column {column}: {_shorten(text)} {error}") from None

    def located(self, read: Callable[[], _Value]) -> _Value:
        try:
            return read()
        except InputError as error:
            raise InputError(f"{self.path}, line {self.line}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Header:
    workload: str
    outputs: tuple[str, ...]
    warnings: tuple[str, ...]


def _split_lines(path: Path, text: str) -> tuple[_Header, list[_Row]]:
    workload, outputs, warnings = path.stem, (), []
    columns: list[str] | None = None
    rows = []
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.removesuffix("\r")
        where = _Row(path, number, {})
        if line.startswith("#"):
            directive = where.located(lambda line=line: _read_directive(line))
            if directive is not None:
                key, words = directive
                workload = words[0] if key == "workload" else workload
                outputs = words if key == "outputs" else outputs
                warnings += words if key == "warning" else ()
        elif line.strip(" \t,"):
            values = where.located(lambda line=line: _read_record(line))
            if columns is None:
                columns = where.located(lambda values=values: _check_columns(values))
            else:
                named = where.located(lambda values=values, columns=columns: _name_cells(values, columns))
                rows.append(_Row(path, number, named))
    if columns is None:
        raise InputError(f"{path}: there is no header line; it names the columns, at least name,operator")
    return _Header(workload, outputs, tuple(warnings)), rows


def _read_directive(line: str) -> tuple[str, tuple[str, ...]] | None:
    version = _VERSION_LINE.fullmatch(line)
    if version is not None and version[1] != VERSION:
        raise InputError(f"the format is {_shorten(version[1])}; this archsim reads {VERSION}")
    match = _DIRECTIVE.fullmatch(line)
    if match is None:
        return None
    key, value = match[1], match[2].strip()
    try:
        return key, cells.read_words(value) if key == "outputs" else (cells.read_word(value),)
    except InputError as error:
        raise InputError(f"# {key}: {_shorten(value)} {error}") from None


def _read_record(line: str) -> list[str]:
    try:
        (record,) = csv.reader([line], strict=True, skipinitialspace=True)
    except (csv.Error, ValueError) as error:
        raise InputError(f"is not a CSV record: {error}") from None
    return [value.strip() for value in record]


def _check_columns(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names.pop()
    for name in names:
        if name not in COLUMNS:
            raise InputError(f"there is no column {_shorten(name)}; allowed: {', '.join(COLUMNS)}")
        if names.count(name) > 1:
            raise InputError(f"column {name!r} is there twice")
    for required in ("name", "operator"):
        if required not in names:
            raise InputError(f"column {required!r} is missing; only name and operator are required")
    return names


def _name_cells(values: list[str], columns: list[str]) -> dict[str, str]:
    if any(values[len(columns) :]):
        raise InputError(f"{len(values)} cells stand under {len(columns)} columns")
    return dict(zip(columns, values, strict=False))


def _read_layer(row: _Row, chain: Chain) -> Layer:
    name = row.get("name", cells.read_word, "")
    operator = row.get("operator", str, "")
    if "name" not in row.cells or not row.cells["name"]:
        raise InputError("the layer has no name")
    if operator not in OPERATOR_KINDS:
        raise InputError(
            f"column operator: {_shorten(operator)} is not known; allowed: {', '.join(OPERATOR_KINDS)}"
        )
    contraction = _read_contraction(row, operator)
    inputs = row.get("inputs", cells.read_tensors, None)
    weights = row.get("weights", cells.read_tensors, None)
    outputs = row.get("outputs", cells.read_tensors, None)
    tensors = chain.complete(name, operator, contraction, inputs, weights, outputs)
    return Layer(
        name,
        operator,
        inputs=tensors.inputs,
        outputs=tensors.outputs,
        weights=tensors.weights,
        contraction=contraction,
        ops=row.get("ops", cells.read_counts, {}),
        precision=row.get("precision", _read_precision, Precision()),
        weight_density=row.get("weight_density", cells.read_share, 1.0),
        activation_density=row.get("activation_density", cells.read_share, 1.0),
        fused=row.get("fused", cells.read_words, ()),
    )


def _read_contraction(row: _Row, operator: str) -> Contraction | None:
    given = [column for column in (*LOOPS, *_GEOMETRY) if row.cells.get(column)]
    if OPERATOR_KINDS[operator] != "contraction":
        if given:
            raise InputError(f"column {given[0]}: a {operator} layer has no loops; leave the cell empty")
        return None
    if not any(column in LOOPS for column in given):
        raise InputError(
            f"a {operator} layer needs its loops: columns {', '.join(LOOPS)} (those left out are 1)"
        )
    loops = {loop: row.get(loop, cells.read_integer, 1) for loop in LOOPS}
    return Contraction(
        **loops,
        stride=row.get("stride", cells.read_pair, (1, 1)),
        dilation=row.get("dilation", cells.read_pair, (1, 1)),
        padding=row.get("padding", cells.read_padding, (0, 0, 0, 0)),
        input_size=row.get("input_size", cells.read_pair, (0, 0)),
        transposed=row.get("transposed", cells.read_flag, operator == "conv_transpose"),
    )


def _read_precision(cell: str) -> Precision:
    try:
        return Precision.parse(cell)
    except InputError as error:
        raise InputError(f"is not a precision: {error}") from None


def _write_layer(layer: Layer) -> dict[str, str]:
    row = {
        "name": cells.write_word(layer.name),
        "operator": layer.operator,
        "inputs": cells.write_tensors(layer.inputs),
        "weights": cells.write_tensors(layer.weights),
        "outputs": cells.write_tensors(layer.outputs),
        "ops": cells.write_counts(layer.ops),
        "precision": layer.precision.label,
        "weight_density": repr(float(layer.weight_density)),
        "activation_density": repr(float(layer.activation_density)),
        "fused": cells.write_words(layer.fused),
    }
    loops = layer.contraction
    if loops is not None:
        row |= {loop: str(getattr(loops, loop)) for loop in LOOPS}
        for column in ("stride", "dilation", "padding", "input_size"):
            values = getattr(loops, column)
            same = len(set(values)) == 1
            row[column] = str(values[0]) if same else cells.write_extent(values)
        row["transposed"] = str(loops.transposed).lower()
    return row


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
