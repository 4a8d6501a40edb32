"""Normal noise in an ONNX graph at the price of a copy.

onnxruntime draws a normal number in some 13 ns, ten times what a conversion takes. So a pool of normal
numbers is stored, and every run gathers rows of it that a seeded RandomUniform node picks. Each column of
the pool has mean 0 and variance 1 exactly, so that no place of a tensor has a bias of its own.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.twin_graph import GraphBuilder

_ROWS, _COLUMNS = 2048, 256
_SEEDS = 2**20  # a seed is a float attribute, and these are distinct in float32


class NoisePool:
    """The pool of one twin, put into the graph when noise is first asked for."""

    def __init__(self, seed: np.random.SeedSequence) -> None:
        self._rng = np.random.default_rng(seed)

    @cached_property
    def _standard_normal(self) -> NDArray[np.float64]:
        drawn = self._rng.standard_normal((_ROWS, _COLUMNS))
        return (drawn - drawn.mean(axis=0)) / drawn.std(axis=0)

    def normal_like(self, builder: GraphBuilder, tensor: str, sigma: float) -> str:
        """Normal numbers of deviation `sigma` in the shape of `tensor`, other ones in every run."""
        pool = builder.small((sigma * self._standard_normal).astype(np.float32))
        size = builder.add("Size", tensor)
        filled = builder.add("Add", size, builder.small(np.asarray(_COLUMNS - 1, np.int64)))
        rows = builder.add("Div", filled, builder.small(np.asarray(_COLUMNS, np.int64)))
        shape = builder.add("Reshape", rows, builder.integers(1))
        blank = builder.add("ConstantOfShape", shape)
        seed = float(self._rng.integers(1, _SEEDS))
        picks = builder.add("RandomUniformLike", blank, seed=seed, low=0.0, high=float(_ROWS), dtype=1)
        # float32 may round up to the excluded end
        floored = builder.add("Min", builder.add("Floor", picks), builder.scalar(_ROWS - 1))
        places = builder.add("Cast", floored, to=6)
        flat = builder.add("Reshape", builder.add("Gather", pool, places), builder.integers(-1))
        wanted = builder.add(
            "Slice", flat, builder.integers(0), builder.add("Reshape", size, builder.integers(1))
        )
        return builder.add("Reshape", wanted, builder.add("Shape", tensor))
