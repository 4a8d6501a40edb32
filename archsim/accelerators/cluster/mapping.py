"""A chosen row's mapping: as the table's columns hold it, as a reader sees it, and as what it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from archsim.accelerators.cluster.shape import shape_of
from archsim.accelerators.cluster.table import KEYS
from archsim.accelerators.cluster.tiles import L2Tile, Tiles, l2_tile, tiles_of
from archsim.accelerators.cluster.traffic import Places, Plan, weight_bytes
from archsim.accelerators.cluster.work import Site
from archsim.errors import InputError
from archsim.workloads.layer import Layer


@dataclass(frozen=True)
class Mapped:
    """The one tiling and plan of a row."""

    site: Site
    tiles: Tiles
    l2: L2Tile
    plan: Plan

    @classmethod
    def of(cls, raw: Mapping[str, Any], site: Site, layer: Layer) -> Mapped:
        shape = shape_of(layer)
        tiles = tiles_of(shape, [tuple(int(raw[dim]) for dim in "PQKC")])  # type: ignore[list-item]
        places = Places(*(str(raw[f"{name}_in"]) for name in ("input", "weight", "output")))
        sizes = (np.array([float(raw[dim])]) for dim in ("P2", "K2"))
        order = "weight" if str(raw["order"]) == "weight" else "input"
        plan = Plan(str(raw["way"]), order, int(raw["buffers"]), places)
        return cls(site, tiles, l2_tile(tiles, *sizes), plan)

    @cached_property
    def weight_tile_bytes(self) -> float:
        first = {dim: np.minimum(getattr(self.tiles, dim), getattr(self.tiles.shape, dim)) for dim in "KC"}
        return float(weight_bytes(self.site, self.tiles.shape, self.plan.way, first["K"], first["C"])[0])


def readable_mapping(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values: who works, tile sizes, L2 tile, what stays in L1, where operands live."""
    unit, _, split = str(raw["way"]).partition(":")
    mapping: dict[str, Any] = {"unit": "engine and cores" if unit == "shared" else unit}
    if unit == "cores":
        mapping["split"] = split
    elif unit == "shared":
        mapping["rows_on_cores"] = int(split)
    return mapping | {
        "tile": {dim: int(raw[dim]) for dim in "PQKC"},
        "l2_tile": {"P": int(raw["P2"]), "K": int(raw["K2"])},
        "stays": str(raw["order"]),
        "buffers": int(raw["buffers"]),
        "places": {name: str(raw[f"{name}_in"]) for name in ("input", "weight", "output")},
    }


def raw_mapping(layer: Layer, readable: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `readable_mapping`. Raises InputError for a mapping that is not of this family."""
    try:
        unit = str(readable["unit"])
        way = {"engine": "engine", "cores": f"cores:{readable.get('split')}"}.get(
            unit, f"shared:{readable.get('rows_on_cores')}"
        )
        raw: dict[str, Any] = {dim: int(readable["tile"][dim]) for dim in "PQKC"}
        raw |= {"P2": int(readable["l2_tile"]["P"]), "K2": int(readable["l2_tile"]["K"]), "way": way}
        raw |= {"order": str(readable["stays"]), "buffers": int(readable["buffers"])}
        raw |= {f"{name}_in": str(readable["places"][name]) for name in ("input", "weight", "output")}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"layer {layer.name!r}: mapping {dict(readable)} is not one of a cluster ({error}); "
            "it needs unit, tile, l2_tile, stays, buffers and places, as archsim run writes them"
        ) from None
    return {key: raw[key] for key in KEYS}
