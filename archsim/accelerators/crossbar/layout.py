"""How a layer's matrix lies on arrays: columns of a weight, row blocks, column blocks, packed groups.

A weight of b bits takes

- offset            ceil(b / cell bits) cells, and one conversion each (or one for `summed_slices` of them)
- differential      ceil((b - 1) / cell bits) cells for each sign; conversions of both signs, or of their
                    difference
- twos_complement   a cell for the sign bit, and ceil((b - 1) / cell bits)

(the native, differential and bit-serial schemes of PIM-QAT, Jin et al. 2022, and ISAAC's offset).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from archsim.accelerators.crossbar.spec import Array, CrossbarSpec, Dac
from archsim.accelerators.machine import DoesNotFit
from archsim.workloads.layer import Layer

ROW_ORDERS = ("kernel", "channel")


@dataclass(frozen=True, slots=True)
class Product:
    """A contraction as products of matrices: `groups` times (windows × rows) · (rows × outputs).

    rows = channels × taps. `fresh_in_line`: the share of a window that the one before it in the line did not
    have; `fresh`: the share that no window before had.
    """

    windows: int
    groups: int
    channels: int
    taps: int
    outputs: int
    fresh_in_line: float
    fresh: float
    static: bool

    @property
    def rows(self) -> int:
        return self.channels * self.taps


def product_of(layer: Layer) -> Product:
    """Batch items are more windows; of two activations, one of which stands in the arrays, more groups.

    A transposed convolution makes R·S·K sums of every input pixel, which are then added up in place.
    """
    c = layer.contraction
    assert c is not None
    batch = c.B if layer.has_static_weights else 1
    groups = c.G * (1 if layer.has_static_weights else c.B)
    if c.transposed:
        return Product(batch * c.P * c.Q, groups, c.C, 1, c.K * c.R * c.S, 1.0, 1.0, layer.has_static_weights)
    windows, rows = batch * c.P * c.Q, c.C * c.R * c.S
    elements = c.input_elements / (c.B if not layer.has_static_weights else 1) / c.G
    return Product(
        windows=windows,
        groups=groups,
        channels=c.C,
        taps=c.R * c.S,
        outputs=c.K,
        fresh_in_line=min(1.0, c.stride[1] / c.S),
        fresh=min(1.0, elements / (windows * rows)),
        static=layer.has_static_weights,
    )


def weight_columns(array: Array, weight_bits: int) -> int:
    """Columns of one weight."""
    bits = array.cell.bits
    if array.weight_encoding == "offset":
        return ceil(weight_bits / bits)
    if array.weight_encoding == "differential":
        return 2 * max(1, ceil((weight_bits - 1) / bits))
    return 1 + ceil((weight_bits - 1) / bits)


def weight_conversions(array: Array, weight_bits: int) -> int:
    """Conversions of one weight's columns, for each slice of the inputs."""
    columns = weight_columns(array, weight_bits)
    if array.weight_encoding != "differential":
        return ceil(columns / array.summed_slices)
    each = ceil(columns / 2 / array.summed_slices)
    return each if array.subtract == "analog" else 2 * each


def slice_widths(dac: Dac) -> tuple[int, ...]:
    """Widths of input slices to choose from: powers of two, and all that the DAC can do."""
    return tuple(sorted({*(2**i for i in range(5) if 2**i < dac.bits), dac.bits}))


def slice_steps(dac: Dac, activation_bits: int, width: int) -> tuple[int, int]:
    """(slices of an input, steps of time of each slice)."""
    width = min(width, activation_bits)
    return ceil(activation_bits / width), 2**width - 1 if dac.kind == "pulse" else 1


@dataclass(frozen=True, slots=True)
class Layout:
    """A product on arrays in one row order.

    down × across arrays hold one group's matrix, `pack` groups share an array along its diagonal, `packs`
    arrays of that kind hold all groups. `rows_used`: of an array (the fullest).
    """

    order: str
    down: int
    across: int
    pack: int
    packs: int
    rows_used: int
    outputs_used: float  # weights side by side in an array, on average

    @property
    def arrays(self) -> int:
        return self.down * self.across * self.packs


def layout(product: Product, spec: CrossbarSpec, weight_bits: int, order: str, name: str) -> Layout:
    """Raises DoesNotFit (naming the layer) where not even one weight fits into the columns."""
    array = spec.array
    columns = weight_columns(array, weight_bits)
    beside = array.columns // columns
    if not beside:
        raise DoesNotFit(
            f"{spec.name}: layer {name!r}: a weight of {weight_bits} bits takes {columns} columns, and "
            f"array.columns is {array.columns}; give the array more, or the layer fewer bits"
        )
    if order == "kernel":
        down = ceil(product.rows / array.rows)
        used = min(product.rows, array.rows)
    elif product.channels >= array.rows:
        down = product.taps * ceil(product.channels / array.rows)
        used = min(product.channels, array.rows)
    else:
        taps = array.rows // product.channels
        down, used = ceil(product.taps / taps), min(taps, product.taps) * product.channels
    across = ceil(product.outputs / beside)
    pack = 1
    if down == across == 1:
        pack = min(array.rows // product.rows, beside // product.outputs, product.groups)
    return Layout(
        order=order,
        down=down,
        across=across,
        pack=pack,
        packs=ceil(product.groups / pack),
        rows_used=used * pack,
        outputs_used=product.outputs / across * pack,
    )


def layouts(product: Product, spec: CrossbarSpec, weight_bits: int, name: str) -> list[Layout]:
    """In every row order that the array allows; those of a product without taps are all alike."""
    orders = ROW_ORDERS if spec.array.row_order == "any" else (spec.array.row_order,)
    if product.taps == 1:
        orders = orders[:1]
    return [layout(product, spec, weight_bits, order, name) for order in orders]


def lossless_bits(spec: CrossbarSpec, rows: int, slice_bits: int) -> int:
    """ADC bits at which the largest sum of a column is told apart from the next smaller one.

    Sum of `rows` products of a slice and a cell's level: rows (2^slice - 1) (2^cell - 1) and zero, half of it
    where columns may be flipped (ISAAC, section V). Columns added in analog count by their weights.
    """
    cells = 2 ** (spec.array.cell.bits * spec.array.summed_slices) - 1
    held = min(rows, spec.array.active_rows or spec.array.rows) * cells
    most = (held // 2 if spec.array.flip_columns else held) * (2**slice_bits - 1)
    return most.bit_length()
