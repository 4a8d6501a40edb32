"""Columns of an options table out of blocks of rows, as families that price plan by plan make them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Columns = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class JoinedBlocks:
    """All rows, block after block; `mapping` indexes the `codebooks`, which list what `keys` columns held."""

    columns: Columns
    mapping: dict[str, npt.NDArray[np.int64]]
    codebooks: dict[str, dict[str, npt.NDArray[Any]]]

    @classmethod
    def of(cls, blocks: Sequence[Columns], keys: Sequence[str]) -> JoinedBlocks:
        """A column that a block lacks is 0 in its rows; every block has `cycles`."""
        names = dict.fromkeys(name for block in blocks for name in block)

        def column(name: str) -> npt.NDArray[Any]:
            return np.concatenate([b[name] if name in b else np.zeros(len(b["cycles"])) for b in blocks])

        columns = {name: column(name) for name in names}
        mapping, codebooks = {}, {}
        for key in keys:
            book, index = np.unique(columns[key], return_inverse=True)
            mapping[key], codebooks[key] = index.astype(np.int64), {key: book}
        return cls(columns, mapping, codebooks)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.columns[name]

    def group(self, prefix: str) -> dict[str, npt.NDArray[Any]]:
        """The columns named `<prefix>...`, by the rest of their names."""
        return {n.removeprefix(prefix): v for n, v in self.columns.items() if n.startswith(prefix)}
