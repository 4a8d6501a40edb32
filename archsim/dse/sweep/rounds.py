"""Which points come next: all at once, or generations that a sampler chooses from what is known so far."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias

import pyarrow as pa

from archsim.dse.sweep.sampling import sampled
from archsim.dse.sweep.space import Int, Space
from archsim.dse.sweep.sweep import Sample, Sweep

Known: TypeAlias = Callable[[], pa.Table]
"""Reads all outcomes so far."""

Rounds: TypeAlias = Generator[Int, Known, None]
"""Yields points to evaluate; when they are done it is sent what reads their outcomes."""


def points_of(space: Space, sweep: Sweep) -> int:
    """How many points a sweep has."""
    return min(Sample.parse(sweep.sample).points or space.size, space.size)


def rounds_of(space: Space, sweep: Sweep) -> Rounds:
    """The same rounds for the same sweep and outcomes, so that a resumed sweep asks for what it has.

    Raises InputError for a grid that is too large, or where a sampler's library is missing.
    """
    sample = Sample.parse(sweep.sample)
    if sample.method == "guided" and points_of(space, sweep) < space.size:
        from archsim.dse.sweep.guided import guided

        return guided(space, sweep, points_of(space, sweep))
    return _planned(sampled(space, sample, sweep.seed))


def _planned(numbers: Int) -> Rounds:
    yield numbers
