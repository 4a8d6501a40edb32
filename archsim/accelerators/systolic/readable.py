"""A mapping as plain values, as results and plans hold it: written from a row, and read back.

    {"tile": {"B": [1], "P": [14], "Q": [56], "K": [64], "CRS": [288]}, "order": ["output"], "folds": 18}

Tile sizes go from the outermost buffer in; with a free unrolling the array tile and one step of the array
follow. `split` names the axis that several cores share. `folds` and `chunks` follow from the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from archsim.accelerators.machine import Row
from archsim.accelerators.systolic.arrays import is_unrolled, tiles_of
from archsim.accelerators.systolic.flat_pixels import DIM
from archsim.accelerators.systolic.lowering import lowered
from archsim.accelerators.systolic.nest import LOOP_ORDERS
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.systolic.unrolled import unrolling
from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer

DERIVED = ("folds", "chunks")
KEYS = ("tile", "order", "split")


def readable(row: Row, spec: SystolicSpec, folds: int) -> dict[str, object]:
    """A row's mapping as plain values."""
    tiles = {dim: list(sizes) for dim, sizes in tiles_of(row.mapping, spec).items()}
    mapping: dict[str, object] = {"tile": tiles, "order": [str(o) for o in row.mapping["order"]]}
    if str(row.mapping["split"]):
        mapping["split"] = str(row.mapping["split"])
    return mapping | {"folds": folds}


def read_vector_mapping(layer: Layer, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The (empty) mapping of a layer on the vector unit. Raises InputError for any other."""
    _known_keys(layer, mapping, ("unit",))
    if mapping.get("unit", "vector_unit") != "vector_unit":
        raise _wrong(layer, "unit", mapping["unit"], "vector_unit (the layer is no contraction)")
    return {}


def read_mapping(layer: Layer, mapping: Mapping[str, Any], spec: SystolicSpec, tiers: int) -> dict[str, Any]:
    """What a row's `mapping` holds. Raises InputError that names layer and key; whether the tiles fit the
    memories is not looked at.
    """
    assert layer.contraction is not None
    c = lowered(layer.contraction)
    _known_keys(layer, mapping, KEYS)
    tiles = _read_tiles(layer, mapping.get("tile"), c, spec, tiers)
    levels = tiers + 2 if is_unrolled(spec) else tiers
    order = _read_order(layer, mapping.get("order"), levels)
    return {**tiles, "order": order, "split": _read_split(layer, mapping, spec)}


def _known_keys(layer: Layer, mapping: Mapping[str, Any], keys: Sequence[str]) -> None:
    if not isinstance(mapping, Mapping):
        raise _wrong(layer, "", mapping, f"an object with {', '.join(keys)}")
    for key in mapping:
        if key not in (*keys, *DERIVED):
            raise InputError(
                f"layer {layer.name!r}: mapping has no key {key!r}; allowed: {', '.join((*keys, *DERIVED))}"
            )


def _read_tiles(
    layer: Layer, given: Any, c: Contraction, spec: SystolicSpec, tiers: int
) -> dict[str, np.ndarray]:
    if not isinstance(given, Mapping):
        raise _wrong(layer, "tile", given, "an object of tile sizes by loop dimension")
    unrolled = is_unrolled(spec)
    pixels = (DIM,) if DIM in given and not unrolled else ("B", "P", "Q")
    dims = (*pixels, "K", *("CRS" if unrolled else ("CRS",)))
    for dim in given:
        if dim not in dims:
            raise InputError(
                f"layer {layer.name!r}: tile: no dimension {dim!r}; this machine tiles {', '.join(dims)}"
                + ("" if unrolled else f" (or {DIM} in place of B, P and Q)")
            )
    found: dict[str, np.ndarray] = {}
    for dim in dims:
        size = prod(getattr(c, each) for each in dim)
        sizes = _read_sizes(layer, dim, given.get(dim), size, tiers + 2 if unrolled else tiers)
        if unrolled:
            _check_step(layer, dim, sizes, size, unrolling(spec).get(dim, 1))
        nested = sizes[:-1] if unrolled else sizes
        if any(inner > outer for outer, inner in pairwise(nested)):
            raise _wrong(layer, f"tile.{dim}", sizes, "sizes that do not grow from the outermost buffer in")
        found[dim] = np.array(sizes)
    return found


def _read_sizes(layer: Layer, dim: str, given: Any, size: int, levels: int) -> list[int]:
    wanted = f"{levels} whole numbers from 1 to {size}, one a level" if levels > 1 else f"[1 to {size}]"
    if not isinstance(given, list | tuple) or len(given) != levels:
        raise _wrong(layer, f"tile.{dim}", given, wanted)
    if any(isinstance(t, bool) or not isinstance(t, int) or not 1 <= t <= size for t in given):
        raise _wrong(layer, f"tile.{dim}", given, wanted)
    return list(given)


def _check_step(layer: Layer, dim: str, sizes: list[int], size: int, spread: int) -> None:
    """The last size is what the unrolling covers at once; a kernel is covered whole or position by
    position."""
    step = min(size, spread)
    if dim in "RS":
        step = size if step == size else 1
        *buffers, array, _ = sizes
        if any(t != size for t in buffers) or array not in (size, step):
            raise _wrong(layer, f"tile.{dim}", sizes, f"{size} in every buffer, then {size} or {step}")
    if sizes[-1] != step:
        raise _wrong(layer, f"tile.{dim}", sizes, f"{step} as the last size, the array's step")


def _read_order(layer: Layer, given: Any, levels: int) -> np.ndarray:
    wanted = f"{levels} of {', '.join(LOOP_ORDERS)} (the operand that stays), one a level"
    if not isinstance(given, list | tuple) or len(given) != levels:
        raise _wrong(layer, "order", given, wanted)
    if any(not isinstance(order, str) or order not in LOOP_ORDERS for order in given):
        raise _wrong(layer, "order", given, wanted)
    return np.array(given)


def _read_split(layer: Layer, mapping: Mapping[str, Any], spec: SystolicSpec) -> str:
    given = mapping.get("split", "")
    if spec.array.cores == 1:
        if given:
            raise _wrong(layer, "split", given, "nothing: the machine has one core")
        return ""
    if given not in ("M", "N", "K"):
        raise _wrong(layer, "split", given, "M, N or K, the axis that the cores share")
    return given


def _wrong(layer: Layer, key: str, given: object, allowed: str) -> InputError:
    where = f"mapping.{key}" if key else "mapping"
    what = "is missing" if given is None else f"is {given!r}"
    return InputError(f"layer {layer.name!r}: {where} {what}; allowed: {allowed}")
