"""The ONNX nodes of a matrix product on a crossbar.

    inputs  u  →  slices of dac_bits, stacked along the batch
    for every row group:  sums = Conv(slices, columns' weights, offsets)     one channel a conversion
                          code = Clip(Round(sums / (LSB / gain) + bow + noise))
                          part = Conv(code, significance)                    1×1, one group an output
    result = LSB · Σ over input slices of 2^(slice · dac_bits) · Σ over row groups of part

Codes are whole numbers, and so is every sum of them: float32 adds them exactly below 2^24, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archsim.numerics.array_product import ArrayProduct, Floats32, Steps
from archsim.numerics.noise_nodes import NoisePool
from archsim.numerics.row_groups import RowGroup
from archsim.numerics.twin_graph import Attributes, GraphBuilder


@dataclass(frozen=True, slots=True)
class Conversions:
    """Tensors of one row group: the columns' sums, the codes before and after clipping, and their levels."""

    sums: str
    unclipped: str
    codes: str
    levels: str


def input_slices(builder: GraphBuilder, codes: str, count: int, dac_bits: int) -> str:
    """Slices of whole numbers, lowest first, stacked along axis 0."""
    if count == 1:
        return codes
    base, slices, rest = 2.0**dac_bits, [], codes
    for _ in range(count - 1):
        higher = builder.add("Floor", builder.times(rest, 1 / base))
        slices.append(builder.add("Sub", rest, builder.times(higher, base)))
        rest = higher
    return builder.add("Concat", *slices, rest, axis=0)


class CrossbarNodes:
    """Writes products on arrays into a graph. `levels=False` leaves rounding and clipping out."""

    def __init__(self, builder: GraphBuilder, pool: NoisePool, *, levels: bool = True) -> None:
        self._builder = builder
        self._pool = pool
        self._levels = levels

    def product(
        self, array: ArrayProduct, steps: Steps, codes: str, attributes: Attributes
    ) -> tuple[str, list[Conversions]]:
        """Σ weights · inputs in units of the whole numbers, an image of one channel an output.

        `codes`: the inputs as whole numbers of at least 0, an image; `attributes` are the convolution's.
        """
        builder, crossbar = self._builder, array.crossbar
        sliced = input_slices(builder, codes, array.input_slices, crossbar.dac_bits)
        made = [self._converted(array, steps, group, sliced, attributes) for group in array.groups]
        parts = [self._outputs(array, steps, group, each.levels) for group, each in enumerate(made)]
        total = self._weighted_slices(array, builder.total(parts))
        total = builder.times(total, steps.lsb)
        digital = array.digital_weights()
        if digital is not None:
            total = builder.add("Add", total, self._digital(array, digital, codes, attributes))
        return total, made

    def _converted(
        self,
        array: ArrayProduct,
        steps: Steps,
        group: RowGroup,
        sliced: str,
        attributes: Attributes,
    ) -> Conversions:
        builder, converter = self._builder, array.crossbar.converter
        channels = array.channels(group)
        if channels is not None:
            sliced = builder.add("Gather", sliced, builder.constant("channels", channels), axis=1)
        found = array.mismatch(group)
        lsb = np.tile(steps.of_conversion(), array.outputs)
        factors = [builder.constant("cells", array.column_weights(group))]
        if converter.offset_sigma_lsb:
            offsets = found.offset_lsb * lsb / found.gain
            factors.append(builder.constant("adc_offsets", offsets.astype(np.float32)))
        sums = builder.add("Conv", sliced, *factors, output=builder.name("sums"), **attributes)
        code = self._by_channel(array, "Div", sums, lsb / found.gain, neutral=1.0)
        if converter.inl_lsb:
            code = self._bowed(array, code, found.bow_lsb, converter.steps(array.signed))
        code = self._noisy(array, group, sliced, lsb, code, attributes)
        if not self._levels:
            return Conversions(sums, code, code, code)
        low, high = (builder.scalar(edge) for edge in converter.codes(array.signed))
        if converter.rises(array.signed):
            whole = builder.add("Floor", code)
            clipped = builder.add("Clip", whole, low, high)
            return Conversions(sums, whole, clipped, builder.add("Add", clipped, builder.scalar(0.5)))
        whole = builder.add("Round", code)
        clipped = builder.add("Clip", whole, low, high)
        return Conversions(sums, whole, clipped, clipped)

    def _bowed(self, array: ArrayProduct, code: str, bow: np.ndarray, steps: float) -> str:
        """code + bow · 4t(1 - t), t the share of the range, from -1/2 of it where sums have a sign."""
        builder = self._builder
        if not array.signed:
            linear, square, constant = 4 * bow / steps, 4 * bow / steps**2, 0 * bow
        else:
            linear, square, constant = 0 * bow, bow / steps**2, bow
        tilt = self._by_channel(array, "Add", self._by_channel(array, "Mul", code, -square), 1 + linear)
        return self._by_channel(array, "Add", builder.add("Mul", code, tilt), constant, neutral=0.0)

    def _noisy(
        self, array: ArrayProduct, group: RowGroup, sliced: str, lsb: np.ndarray, code: str,
        attributes: Attributes,
    ) -> str:  # fmt: skip
        """Thermal noise of converters and read noise of cells: both are normal, so one draw serves."""
        builder, thermal = self._builder, array.crossbar.converter.thermal_sigma_lsb
        if array.crossbar.cells.read_sigma:
            squares = sliced if array.crossbar.dac_bits == 1 else builder.add("Mul", sliced, sliced)
            variances = array.read_variances(group)
            variances /= lsb.reshape(-1, *(1 for _ in variances.shape[1:])) ** 2
            power = builder.add("Conv", squares, builder.constant("read_variance", variances), **attributes)
            deviation = builder.add("Sqrt", builder.add("Add", power, builder.scalar(thermal**2)))
            noise = builder.add("Mul", self._pool.normal_like(builder, code, 1.0), deviation)
        elif thermal:
            noise = self._pool.normal_like(builder, code, thermal)
        else:
            return code
        return builder.add("Add", code, noise)

    def _outputs(self, array: ArrayProduct, steps: Steps, group: int, levels: str) -> str:
        """Conversions of an output added up by their significance, in units of the smallest step."""
        counts = array.significance(group) * 2.0 ** np.asarray(steps.shifts)
        if counts.shape[1] == 1 and (counts == counts[0]).all():
            return self._builder.times(levels, float(counts[0, 0]))
        weights = counts.reshape(array.outputs, *array.channel_shape)
        constant = self._builder.small(weights.astype(np.float32))
        return self._builder.add("Conv", levels, constant, group=array.outputs)

    def _weighted_slices(self, array: ArrayProduct, stacked: str) -> str:
        """Input slices, stacked along axis 0, added up by their significance."""
        builder, count = self._builder, array.input_slices
        if count == 1:
            return stacked
        weights = 2.0 ** (array.crossbar.dac_bits * np.arange(count))
        rows = builder.add("Reshape", stacked, builder.integers(count, -1))
        total = builder.add("MatMul", builder.small(weights[np.newaxis].astype(np.float32)), rows)
        inner = builder.add("Slice", builder.add("Shape", stacked), builder.integers(1), builder.integers(99))
        return builder.add("Reshape", total, builder.add("Concat", builder.integers(-1), inner, axis=0))

    def _digital(self, array: ArrayProduct, weights: Floats32, codes: str, attributes: Attributes) -> str:
        """Inputs of an output's window, counted digitally."""
        if array.quantised.product.groups > 1:
            weights = np.broadcast_to(weights, (array.outputs, *weights.shape[1:]))
        return self._builder.add("Conv", codes, self._builder.small(weights), **attributes)

    def _by_channel(
        self,
        array: ArrayProduct,
        operator: str,
        tensor: str,
        values: np.ndarray,
        neutral: float | None = None,
    ) -> str:
        if neutral is not None and (values == neutral).all():
            return tensor
        constant: Floats32 = values.astype(np.float32)
        if (constant == constant[0]).all():
            return self._builder.add(operator, tensor, self._builder.scalar(float(constant[0])))
        return self._builder.add(operator, tensor, self._builder.small(constant.reshape(array.channel_shape)))
