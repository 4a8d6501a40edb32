"""A chosen row's mapping: as the table's columns hold it, and as a reader sees it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.layout import Layout, layout, lossless_bits
from archsim.accelerators.crossbar.ways import COUNTS, KEYS, Ways, way_of
from archsim.errors import InputError
from archsim.workloads.layer import Layer


def ways_of_row(job: Job, raw: Mapping[str, Any]) -> Ways:
    """The one way that a row stands for."""
    return way_of(raw, _layout(job, str(raw["row_order"])))


def _layout(job: Job, order: str) -> Layout:
    return layout(job.product, job.site.spec, job.site.precision.weight_bits, order, job.layer.name)


def readable_mapping(job: Job, ways: Ways) -> dict[str, Any]:
    """Plain values: how the matrix lies, what is there at once, and what follows from it."""
    x, site, p = ways.layout, job.site, job.product
    array = site.spec.array
    cells = x.arrays * array.rows * array.columns
    at_once = {name: int(getattr(ways, name)[0]) for name in COUNTS}
    mapping: dict[str, Any] = {
        "row_order": x.order,
        "slice_bits": ways.slice_bits,
        "weights": "resident" if ways.resident else "reload",
        "arrays": {"down": x.down, "across": x.across, "packs": x.packs},
        "at_once": at_once,
        "crossbars": int(ways.arrays[0]),
        "rounds": int(ways.rounds[0]),
        "rows_used": x.rows_used,
        "columns_used": min(array.columns, round(x.outputs_used * site.columns)),
        "cells_used": round(p.groups * p.rows * p.outputs * site.columns / cells, 4),
    }
    if site.spec.adc is not None:
        mapping["lossless_adc_bits"] = lossless_bits(site.spec, x.rows_used, ways.slice_bits)
    return mapping


def raw_mapping(layer: Layer, readable: Mapping[str, Any]) -> dict[str, Any]:
    """The inverse of `readable_mapping`. Raises InputError for a mapping that the machine cannot run."""
    try:
        if layer.contraction is None:
            return {"tiles": int(readable["tiles"])}
        raw: dict[str, Any] = {key: readable[key] for key in ("row_order", "slice_bits", "weights")}
        raw |= {name: int(readable["at_once"][name]) for name in COUNTS}
        raw["slice_bits"] = int(raw["slice_bits"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"layer {layer.name!r}: mapping {dict(readable)} is not one of a crossbar ({error}); it needs "
            "row_order, slice_bits, weights and at_once (or tiles), as archsim run writes them"
        ) from None
    return {key: raw[key] for key in KEYS}
