"""SCALE-Sim's topology CSV files (github.com/scalesim-project/SCALE-Sim, v3), read and written.

    conv: layer name, IFMAP height, width, filter height, width, channels, filters, stride, [N:M,]
    gemm: layer name, M, N, K, [N:M,]

The first line is a header that SCALE-Sim skips; columns are told by their position. A convolution has no
padding (its ifmap is padded already) and one stride, and its ofmap is rounded *up*:
P = ceil((H - R + stride) / stride). A conv layer with `DP` in its name is depthwise: every channel is
convolved by itself. N:M is the weights' structured sparsity, N non-zero of every M. SCALE-Sim drops what
follows the last comma; archsim takes a size or N:M there and passes over other words and `#` comments. As
there is no graph, archsim chains the layers in the file's order.

Written files end every line with a comma, without which SCALE-Sim loses the last number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

from archsim.errors import InputError
from archsim.workloads.exportable import exportable
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.layer_names import Names
from archsim.workloads.trace_cells import read_integer
from archsim.workloads.trace_defaults import Chain
from archsim.workloads.trace_files import read_text, write_text
from archsim.workloads.workload import Workload

Topology = Literal["conv", "gemm"]

_CONV_SIZES = (
    *("IFMAP height", "IFMAP width", "Filter height", "Filter width"),
    *("Channels", "Num filter", "Strides"),
)
_SIZES: dict[str, tuple[str, ...]] = {"conv": _CONV_SIZES, "gemm": ("M", "N", "K")}
_CHAINED = "a SCALE-Sim topology has no graph: its layers are chained in the order of the file"
_SPARSITY = re.compile(r"([0-9]{1,6})\s*:\s*([0-9]{1,6})")
_DEPTHWISE = "DP"
_LARGEST_BLOCK = 64  # of an N:M sparsity that is written


def detect_topology(path: str | Path) -> Topology:
    """`conv` if 7 sizes follow the first layer's name, `gemm` if 3. Raises InputError otherwise."""
    path = Path(path)
    _, rows = _table(path)
    line, cells = rows[0]
    sizes = [cell for cell in cells[1:] if cell and ":" not in cell]
    if len(sizes) == 3:
        return "gemm"
    if len(sizes) >= 7:
        return "conv"
    raise InputError(
        f"{path}, line {line}: {len(sizes)} sizes follow the layer's name; a SCALE-Sim topology has "
        f"7 ({', '.join(_SIZES['conv'])}) or 3 (M, N, K)"
    )


def read_scalesim(path: str | Path, topology: Topology | None = None) -> Workload:
    """Read a topology, its kind detected unless given; the workload is named after the file.

    Raises InputError naming file, line and column of the first mistake.
    """
    path = Path(path)
    topology = topology or detect_topology(path)
    header, rows = _table(path)
    chain, names, layers, warnings = Chain(), Names(), [], [_CHAINED]
    for line, cells in rows:
        try:
            loops, density = _read_row(header, cells, topology)
            name = names.unique(cells[0])
            if name != cells[0]:
                warnings.append(f"line {line}: there is a layer {cells[0]} already; this one becomes {name}")
            tensors = chain.complete(name, topology, loops, None, None, None)
            layer = Layer(
                name,
                topology,
                tensors.inputs,
                tensors.outputs,
                tensors.weights,
                loops,
                weight_density=density,
            )
        except InputError as error:
            raise InputError(f"{path}, line {line}: {error}") from None
        chain.append(layer)
        layers.append(layer)
    return Workload.from_layers(path.stem, layers, warnings=warnings)


def write_scalesim(workload: Workload, path: str | Path, topology: Topology = "conv") -> tuple[str, ...]:
    """Write the workload's contractions as a topology; returns a warning for all that it cannot express.

    One row a group, but a depthwise convolution is one `DP` row in a conv topology. The ifmap is as large as
    the windows need, so that SCALE-Sim's rounding up finds the same ofmap.
    Raises InputError when no layer can be expressed.
    """
    names, rows = Names(), []
    layers, warnings = exportable(workload, _obstacle if topology == "conv" else None)
    for layer, loops in layers:
        sparsity, exact = _sparsity(layer.weight_density)
        if not exact:
            warnings.append(
                f"layer {layer.name}: weight density {layer.weight_density} is written as {sparsity}"
            )
        sizes = _conv_rows(loops) if topology == "conv" else _gemm_rows(loops)
        rows += [(names.unique(_sanitise(layer.name) + suffix), *row, sparsity) for suffix, row in sizes]
    if not rows:
        raise InputError(f"workload {workload.name!r} has no layer that a {topology} topology can hold")
    header = ("Layer name", *_SIZES[topology], "Sparsity")
    if all(row[-1] == "1:1" for row in rows):
        header, rows = header[:-1], [row[:-1] for row in rows]
    write_text(Path(path), "".join(",".join(map(str, row)) + ",\n" for row in [header, *rows]))
    return tuple(warnings)


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header's cells, and (line number, cells) of every layer."""
    lines = [
        (number, _cells(line))
        for number, line in enumerate(read_text(path).split("\n"), start=1)
        if line.strip(" \t\r,")
    ]
    if len(lines) < 2:
        raise InputError(f"{path}: no layer; a SCALE-Sim topology is a header line and one line a layer")
    return lines[0][1], lines[1:]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("," if "," in line else "\t")]


def _read_row(header: Sequence[str], cells: Sequence[str], topology: Topology) -> tuple[Contraction, float]:
    """(loops, weight density) of a layer."""
    names = _SIZES[topology]
    if not cells[0]:
        raise InputError("the layer has no name")
    if len(cells) <= len(names):
        raise InputError(f"{len(cells) - 1} sizes follow the layer's name; {topology} has {', '.join(names)}")
    sizes = [_size(name, cell) for name, cell in zip(names, cells[1:], strict=False)]
    batch, stride, density = 1, sizes[-1], 1.0
    for title, cell in _extra_cells(header, cells, len(names) + 1):
        if "batch" in title:
            batch = _size("batch", cell)
        elif "stride" in title and topology == "conv":
            stride = _size("second stride", cell)
        else:
            density = _density(cell)
    if topology == "gemm":
        return Contraction(B=batch, P=sizes[0], K=sizes[1], C=sizes[2]), density
    return _conv_loops(sizes, stride, batch, depthwise=_DEPTHWISE in cells[0]), density


def _extra_cells(header: Sequence[str], cells: Sequence[str], first: int) -> Iterator[tuple[str, str]]:
    """(column title in lower case, cell) of the cells after the sizes, up to a comment."""
    for i, cell in enumerate(cells[first:], start=first):
        after_last_comma = i == len(cells) - 1
        if cell.startswith("#") or (after_last_comma and not cell[:1].isdigit()):
            return
        if cell:
            yield header[i].lower() if i < len(header) else "", cell


def _size(name: str, cell: str) -> int:
    try:
        size = read_integer(cell)
    except InputError as error:
        raise InputError(f"column {name}: {cell[:60]!r} {error}") from None
    if size < 1:
        raise InputError(f"column {name}: {cell!r} must be at least 1")
    return size


def _density(cell: str) -> float:
    match = _SPARSITY.fullmatch(cell)
    if match is None or not 0 < int(match[1]) <= int(match[2]):
        raise InputError(f"column Sparsity: {cell[:60]!r} is not N:M (N of M weights non-zero, as in 2:4)")
    return int(match[1]) / int(match[2])


def _conv_loops(sizes: Sequence[int], stride_columns: int, batch: int, depthwise: bool) -> Contraction:
    rows, columns, kernel_rows, kernel_columns, channels, filters, stride = sizes
    if kernel_rows > rows or kernel_columns > columns:
        raise InputError(
            f"the filter of {kernel_rows}x{kernel_columns} is larger than the IFMAP of {rows}x{columns}; "
            "the IFMAP must include its padding"
        )
    out_rows = -(-(rows - kernel_rows) // stride) + 1
    out_columns = -(-(columns - kernel_columns) // stride_columns) + 1
    return Contraction(
        B=batch,
        G=channels if depthwise else 1,
        K=filters,
        C=1 if depthwise else channels,
        P=out_rows,
        Q=out_columns,
        R=kernel_rows,
        S=kernel_columns,
        stride=(stride, stride_columns),
        # the last window may reach over the edge, as the ofmap is rounded up
        padding=(
            0,
            0,
            (out_rows - 1) * stride + kernel_rows - rows,
            (out_columns - 1) * stride_columns + kernel_columns - columns,
        ),
        input_size=(rows, columns),
    )


def _obstacle(loops: Contraction) -> str | None:
    """Why a conv topology cannot hold these loops."""
    if loops.transposed:
        return "a transposed convolution; a gemm topology can hold it"
    if loops.B > 1 and loops.R > 1:
        return f"a batch of {loops.B}; a gemm topology can hold it"
    if (loops.dilation[0] > 1 and loops.R > 1) or (loops.dilation[1] > 1 and loops.S > 1):
        return f"dilation {loops.dilation}; a gemm topology can hold it"
    if len(_strides(loops)) > 1:
        return f"strides {loops.stride} differ; a gemm topology can hold it"
    return None


def _strides(loops: Contraction) -> set[int]:
    """The strides that matter: there must be a second window to step to."""
    rows = loops.B * loops.P  # a batch, allowed with kernels of one row, stands below one another
    return {stride for stride, windows in zip(loops.stride, (rows, loops.Q), strict=True) if windows > 1}


def _conv_rows(loops: Contraction) -> Iterator[tuple[str, tuple[int, ...]]]:
    stride = max(_strides(loops), default=1)
    height = (loops.B * loops.P - 1) * stride + loops.R
    width = (loops.Q - 1) * stride + loops.S
    if loops.is_depthwise:
        yield f"_{_DEPTHWISE}", (height, width, loops.R, loops.S, loops.G, loops.K, stride)
        return
    for suffix in _groups(loops):
        yield suffix, (height, width, loops.R, loops.S, loops.C, loops.K, stride)


def _gemm_rows(loops: Contraction) -> Iterator[tuple[str, tuple[int, ...]]]:
    for suffix in _groups(loops):
        yield suffix, loops.gemm


def _groups(loops: Contraction) -> Iterable[str]:
    return (f"_g{group}" for group in range(loops.G)) if loops.G > 1 else ("",)


def _sanitise(name: str) -> str:
    """A name without the letters that mean something to SCALE-Sim."""
    return re.sub(r"[^A-Za-z0-9_.:/-]", "_", name).replace(_DEPTHWISE, _DEPTHWISE.lower()) or "_"


def _sparsity(density: float) -> tuple[str, bool]:
    """(N:M nearest to the density, whether it is the same)."""
    share = Fraction(density).limit_denominator(_LARGEST_BLOCK)
    share = max(share, Fraction(1, _LARGEST_BLOCK))
    return f"{share.numerator}:{share.denominator}", float(share) == density
