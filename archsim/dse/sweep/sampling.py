"""Which points of the grid are looked at, if known beforehand: all, random ones, or a Sobol sequence."""

from __future__ import annotations

import numpy as np

from archsim.dse.study import MOST_POINTS
from archsim.dse.sweep.space import Int, Space
from archsim.dse.sweep.sweep import Sample
from archsim.errors import InputError

MOST_LISTED = 10_000_000
"""Combinations up to which random points are drawn from a list of all."""


def sampled(space: Space, sample: Sample, seed: int) -> Int:
    """Distinct numbers of points, ascending: the same ones for the same seed.

    Raises InputError for a grid that is too large, or where SciPy is missing for a Sobol sequence.
    """
    if sample.points is None and space.size > MOST_POINTS:
        raise InputError(
            f"the grid has {space.size:,} points; at most {MOST_POINTS:,} are covered: "
            "leave values out, or take a sample (sobol:N, random:N, guided:N)"
        )
    if sample.points is None or sample.points >= space.size:
        return np.arange(space.size, dtype=np.int64)
    draw = _sobol if sample.method == "sobol" else _random
    return np.sort(draw(space, sample.points, seed))


def _random(space: Space, count: int, seed: int) -> Int:
    rng = np.random.default_rng(seed)
    if space.size <= MOST_LISTED:
        return rng.choice(space.size, count, replace=False).astype(np.int64)
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        found = _distinct(np.concatenate([found, rng.integers(space.size, size=count, dtype=np.int64)]))
    return found[:count]


def _sobol(space: Space, count: int, seed: int) -> Int:
    """The first distinct points of a scrambled Sobol sequence (Owen; SciPy) laid over the axes' values.

    Axes of few values make some of it coincide; what is then missing is drawn at random.
    """
    try:
        from scipy.stats import qmc
    except ImportError:
        raise InputError("sample sobol needs SciPy: pip install 'archsim[sampling]'") from None
    sequence = qmc.Sobol(len(space.axes), rng=seed)
    found = np.empty(0, dtype=np.int64)
    batch = 1 << (count - 1).bit_length()
    for _ in range(8):
        places = np.floor(sequence.random(batch) * space.shape).astype(np.int64)
        found = _distinct(np.concatenate([found, space.numbers(places)]))
        if len(found) >= count:
            return found[:count]
    rest = _random(space, min(2 * count, space.size), seed)
    return _distinct(np.concatenate([found, rest]))[:count]


def _distinct(numbers: Int) -> Int:
    """Each number once, where it came first."""
    return numbers[np.sort(np.unique(numbers, return_index=True)[1])]
