"""Counted actions of a layer: what converters, cells, registers, buffers and links do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.site import Site
from archsim.accelerators.crossbar.ways import Ways

Array = npt.NDArray[np.float64]


def counted_actions(job: Job, ways: Ways, moved: Mapping[str, Array]) -> dict[tuple[str, str], Array]:
    """(component, action) -> count. Data that are often zero count as so many dense random ones."""
    site, layout, p = job.site, ways.layout, job.product
    ones = np.ones(len(ways))
    slices, _ = site.steps(ways.slice_bits)
    inputs, products = job.activity
    windows = float(p.windows * p.groups)
    pulses = site.cell_pulses(ways.slice_bits)
    driven = windows * p.rows * layout.across * slices * inputs
    cells = windows * p.rows * p.outputs * site.columns * slices * pulses * products
    phases = site.phases(layout.rows_used)
    conversions = windows * layout.down * phases * p.outputs * site.conversions * slices
    share = site.costs.adc_column_share
    counts: dict[tuple[str, str], npt.ArrayLike] = {
        ("dac", "drive"): driven * _width_share(site, ways.slice_bits),
        ("array", "multiply"): cells,
        ("shift_add", "add"): conversions,
        ("bus", "move"): moved["delivered"] + moved["out"],
        ("buffer", "read"): moved["buffer read"],
        ("buffer", "write"): moved["buffer write"],
        ("offchip", "byte"): moved["fetch"] + moved["spill"] + moved["weights"],
        ("vector_unit", "operate"): job.operations,
    }
    if site.spec.adc is None:
        counts["adder_tree", "add"] = cells
    else:
        counts["adc", "convert"] = conversions * (1 - share * (1 - products))
    if site.spec.sample_hold is not None:
        counts["sample_hold", "sample"] = conversions
    if site.spec.network is not None:
        counts["network", "hop"] = moved["network"]
    if site.spec.tile.input_register is not None:
        counts["input_register", "write"] = moved["registers"]
        counts["input_register", "read"] = moved["driven"]
    if site.spec.tile.output_register is not None:
        counts["output_register", "read"] = counts["output_register", "write"] = moved["sums"]
    if not ways.resident:
        cells_written = p.groups * p.rows * p.outputs * site.columns
        counts["array", "write"] = cells_written * ways.copies
    return {key: np.asarray(count) * ones for key, count in counts.items()}


def _width_share(site: Site, width: int) -> float:
    """A narrower slice takes its share of a DAC's energy."""
    return min(1.0, width / site.spec.dac.bits)
