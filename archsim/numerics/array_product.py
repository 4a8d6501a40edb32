"""One matrix product on the arrays of a chip: the numbers behind its nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.cells import Conductances, conductances
from archsim.numerics.converters import Mismatch, mismatch
from archsim.numerics.crossbar import Crossbar
from archsim.numerics.flipped_columns import Flips, added_digitally, flips, with_complements
from archsim.numerics.quantise import Floats
from archsim.numerics.quantised_network import QuantisedProduct
from archsim.numerics.row_groups import RowGroup, row_groups
from archsim.numerics.weight_slices import WeightSlices, weight_slices

Floats32 = NDArray[np.float32]
_CELLS, _CONVERTERS = 0, 1  # streams of random numbers of a layer


@dataclass(frozen=True, slots=True)
class Steps:
    """ADC steps of a product: `lsb` · 2^`shifts`[conversion], so that codes are added as whole numbers."""

    lsb: float
    shifts: tuple[int, ...]

    def of_conversion(self) -> NDArray[np.float64]:
        return self.lsb * 2.0 ** np.asarray(self.shifts)


@dataclass(frozen=True, eq=False)
class ArrayProduct:
    """`quantised` on `crossbar`: what its cells and converters are like on one chip."""

    quantised: QuantisedProduct
    crossbar: Crossbar
    slices: WeightSlices
    groups: tuple[RowGroup, ...]
    cells: Conductances
    mismatches: tuple[Mismatch, ...]
    flipped: Flips | None = None  # None: no column

    @property
    def outputs(self) -> int:
        return len(self.quantised.codes)

    @property
    def input_slices(self) -> int:
        return -(-self.quantised.activation_bits // self.crossbar.dac_bits)

    @property
    def signed(self) -> bool:
        return self.slices.signed(0)

    def image_shape(self) -> tuple[int, ...]:
        """The shape of an output's weights as a convolution's: a plain product is one with a single tap."""
        shape = self.quantised.codes.shape[1:]
        return shape if len(shape) > 1 else (*shape, 1, 1)

    @property
    def channel_shape(self) -> tuple[int, ...]:
        """What values of channels are shaped to, to be broadcast over an image."""
        return (-1, *(1 for _ in self.image_shape()[1:]))

    def channels(self, group: RowGroup) -> NDArray[np.int64] | None:
        """The input channels that a row group reads, all groups of the convolution; None for all of them."""
        own = self.image_shape()[0]
        low, high = group.channels
        if high - low == own:
            return None
        starts = own * np.arange(self.quantised.product.groups)[:, np.newaxis]
        return (starts + np.arange(low, high)).reshape(-1)

    def column_weights(self, group: RowGroup) -> Floats32:
        """Weights of a row group's conversions, (outputs · conversions, channels touched, *taps)."""
        return self._image(group, self._combined(self.cells.weights, group, power=1))

    def read_variances(self, group: RowGroup) -> Floats32:
        """Variance of the read noise of every conversion, a weight of the squared inputs; same shape."""
        sigma = self.crossbar.cells.read_sigma
        return self._image(group, sigma**2 * self._combined(self.cells.cells**2, group, power=2))

    def mismatch(self, group: RowGroup) -> Mismatch:
        return self.mismatches[group.array]

    def largest_sums(self) -> NDArray[np.int64]:
        """The largest magnitude of every conversion's sum with the most rows active, whatever the data."""
        rows = max(len(group.rows) for group in self.groups)
        inputs = 2 ** min(self.crossbar.dac_bits, self.quantised.activation_bits) - 1
        highest = np.array([self.slices.highest(j) for j in range(self.slices.conversions)])
        return (rows * highest if self.flipped is None else rows * highest // 2) * inputs

    def significance(self, group: int) -> NDArray[np.int64]:
        """What a conversion of a row group counts in its output, (outputs, conversions); of a flipped column
        with the other sign."""
        counts = np.tile(np.asarray(self.slices.significance), (self.outputs, 1))
        return counts if self.flipped is None else np.where(self.flipped[group].T, -counts, counts)

    def digital_weights(self) -> Floats32 | None:
        """What an input counts in an output beside the conversions, as weights of a convolution; None:
        nothing. One output stands for all that are alike."""
        offset = np.full((1, *self.image_shape()), -self.slices.offset, np.float32)
        if self.flipped is None:
            return offset if self.slices.offset else None
        added = added_digitally(self.flipped, self.slices, self.groups)
        return added.reshape(self.outputs, *self.image_shape()) + offset

    def _combined(self, values: Floats, group: RowGroup, power: int) -> Floats:
        """Columns added up to conversions, (outputs, conversions, rows of the group)."""
        made = np.zeros((self.outputs, self.slices.conversions, len(group.rows)), np.float32)
        for place, column in enumerate(self.slices.columns):
            made[:, column.conversion] += np.float32(column.factor**power) * values[place][:, group.rows]
        return made

    def _image(self, group: RowGroup, values: Floats) -> Floats32:
        channels, *taps = self.image_shape()
        whole = np.zeros((*values.shape[:2], channels * int(np.prod(taps))), np.float32)
        whole[:, :, group.rows] = values
        low, high = group.channels
        return whole.reshape(-1, channels, *taps)[:, low:high]


def array_product(
    quantised: QuantisedProduct, crossbar: Crossbar, seeds: np.random.SeedSequence
) -> ArrayProduct:
    """The product on a chip; `seeds` are the chip's for this layer."""
    slices = weight_slices(quantised.weight_bits, crossbar)
    shape = quantised.codes.shape[1:]
    groups = row_groups(shape if len(shape) > 1 else (*shape, 1), crossbar)
    digits = slices.digits(quantised.codes.reshape(len(quantised.codes), -1))
    flipped = flips(digits, slices, groups) if crossbar.flip_columns else None
    if flipped is not None:
        digits = with_complements(digits, flipped, slices, groups)
    streams = [np.random.default_rng(seed) for seed in seeds.spawn(2)]
    cells = conductances(digits, slices, groups, crossbar, quantised.mean_input, streams[_CELLS])
    arrays = groups[-1].array + 1
    mismatches = tuple(
        mismatch(len(quantised.codes), slices, crossbar, streams[_CONVERTERS]) for _ in range(arrays)
    )
    return ArrayProduct(quantised, crossbar, slices, tuple(groups), cells, mismatches, flipped)
