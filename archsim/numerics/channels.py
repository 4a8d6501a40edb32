"""Weights: a symmetric quantiser for every channel, and its squared error, for several bit-widths at once."""

from __future__ import annotations

from functools import cache

import numpy as np

from archsim.numerics.quantise import SHARES, Fit, Floats, Quantiser, check_bits, highest_symmetric

_BINS = 256  # of |w| / largest |w|
_POINTS = 8  # where the error is sampled inside a bin
_EXACT_VALUES = 4096  # a tensor up to this size tries every share on the values themselves
_PRODUCT_ROWS = 12  # of one matrix product: for larger ones OpenBLAS wakes threads, which costs more
_BLOCK = 65_536  # values worked on at a time, so that they stay in the cache


def symmetric(
    values: Floats, bits: int, *, channel_axis: int | None = None, fit: Fit = "least_squares"
) -> Quantiser:
    """Quantiser for weights: one scale, or one for every index of `channel_axis`.

    `fit="max"` lets the largest magnitude be the highest level; `fit="least_squares"` takes of a fine grid
    of scales the one with the least squared error (the clipping of outliers buys finer steps for the rest).
    Raises InputError for a width outside 1…16.
    """
    check_bits(bits)
    return Channels(values, channel_axis).quantiser(bits, fit)


class Channels:
    """Values as rows, one row a channel that has a scale of its own.

    `channel_axis=None` is one row. The largest magnitudes and the histograms, which every bit-width needs,
    are made once.
    """

    def __init__(self, values: Floats, channel_axis: int | None) -> None:
        values = np.asarray(values)
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float32)
        self._shape: tuple[int, ...] = ()
        rows = values[np.newaxis]
        if channel_axis is not None:
            rows = np.moveaxis(values, channel_axis, 0)
            self._shape = tuple(
                size if axis == channel_axis % values.ndim else 1 for axis, size in enumerate(values.shape)
            )
        self._rows: Floats = np.ascontiguousarray(rows.reshape(len(rows), -1))
        self._peaks: Floats = np.abs(self._rows).max(axis=1, initial=0.0).astype(np.float64)
        self._counts: Floats | None = None

    @property
    def mean_square(self) -> float:
        """Mean of w² over all values."""
        return float(sum(np.vdot(row, row) for row in self._rows)) / max(1, self._rows.size)

    def quantiser(self, bits: int, fit: Fit) -> Quantiser:
        highest = highest_symmetric(bits)
        scales = self.scales(bits, fit).reshape(self._shape)
        return Quantiser(scales, -highest, highest, binary=bits == 1)

    def scales(self, bits: int, fit: Fit) -> Floats:
        """The scale of every row, shape (rows,)."""
        if fit == "max":
            return self._peaks / highest_symmetric(bits)
        if bits == 1:  # the mean magnitude: XNOR-Net's closed form
            return np.abs(self._rows).mean(axis=1, dtype=np.float64)
        exact = self._rows.size <= _EXACT_VALUES
        costs = self._exact_costs(bits) if exact else self._binned_costs(bits)
        return self._peaks * np.asarray(SHARES)[costs.argmin(axis=1)] / highest_symmetric(bits)

    def mean_squared_error(self, bits: int, fit: Fit) -> float:
        """Mean of (w - Q(w))² over all values."""
        scales = self.scales(bits, fit)
        total = 0.0
        step = max(1, _BLOCK // max(1, self._rows.shape[1]))
        for start in range(0, len(self._rows), step):
            block = slice(start, start + step)
            total += self._block_error(self._rows[block], scales[block], bits)
        return total / max(1, self._rows.size)

    def _block_error(self, rows: Floats, scales: Floats, bits: int) -> float:
        if bits == 1:
            error = np.abs(rows) - scales.astype(rows.dtype)[:, np.newaxis]
            return float(np.vdot(error, error))
        inverse = np.divide(1.0, scales, out=np.zeros_like(scales), where=scales > 0)
        steps = rows * inverse.astype(rows.dtype)[:, np.newaxis]
        codes = np.rint(steps)
        highest = highest_symmetric(bits)
        np.clip(codes, -highest, highest, out=codes)
        codes -= steps
        return float(np.einsum("rn,rn->r", codes, codes).astype(np.float64) @ scales**2)

    def _exact_costs(self, bits: int) -> Floats:
        """Squared error of every row at every share of its peak, shape (rows, shares)."""
        highest = highest_symmetric(bits)
        costs = np.empty((len(self._rows), len(SHARES)))
        for column, share in enumerate(SHARES):
            scale = (self._peaks * share / highest)[:, np.newaxis]
            error = Quantiser(scale, -highest, highest)(self._rows.astype(np.float64)) - self._rows
            costs[:, column] = np.einsum("rn,rn->r", error, error)
        return costs

    def _binned_costs(self, bits: int) -> Floats:
        """The same from histograms of |w| / peak: matrix products for all rows and shares."""
        if self._counts is None:
            self._counts = self._histograms()
        table = _bin_costs(bits)
        costs = np.empty((len(self._rows), len(SHARES)), np.float32)
        for start in range(0, len(costs), _PRODUCT_ROWS):
            part = slice(start, start + _PRODUCT_ROWS)
            np.matmul(self._counts[part], table, out=costs[part])
        return costs

    def _histograms(self) -> Floats:
        rows = len(self._rows)
        counts = np.empty((rows, _BINS), np.float32)
        width = np.divide(_BINS, self._peaks, out=np.zeros_like(self._peaks), where=self._peaks > 0)
        step = max(1, _BLOCK // max(1, self._rows.shape[1]))
        for start in range(0, rows, step):
            block = self._rows[start : start + step]
            places = (np.abs(block) * width[start : start + step, np.newaxis].astype(block.dtype)).astype(
                np.intp
            )
            np.minimum(places, _BINS - 1, out=places)
            places += _BINS * np.arange(len(block), dtype=np.intp)[:, np.newaxis]
            found = np.bincount(places.ravel(), minlength=_BINS * len(block))
            counts[start : start + step] = found.reshape(len(block), _BINS)
        return counts


@cache
def _bin_costs(bits: int) -> Floats:
    """Mean squared error in each bin of |w| / peak at each share, shape (bins, shares), in units of peak²."""
    highest = highest_symmetric(bits)
    points = (np.arange(_BINS * _POINTS) + 0.5) / (_BINS * _POINTS)
    scale = np.asarray(SHARES) / highest
    codes = np.minimum(np.rint(points[:, np.newaxis] / scale), highest)
    squares = (points[:, np.newaxis] - codes * scale) ** 2
    return squares.reshape(_BINS, _POINTS, len(SHARES)).mean(axis=1).astype(np.float32)
