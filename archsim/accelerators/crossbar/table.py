"""The options table: every way of a layer at every precision, priced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.crossbar.elementwise import stream_of, tiles_to_choose
from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.layout import Layout, layouts, product_of
from archsim.accelerators.crossbar.pricing import Priced, price
from archsim.accelerators.crossbar.site import Site
from archsim.accelerators.crossbar.ways import KEYS, Ways, ways_of
from archsim.accelerators.machine import DoesNotFit, Options
from archsim.accelerators.option_blocks import JoinedBlocks
from archsim.errors import InputError
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Columns = dict[str, npt.NDArray[Any]]
CROSSBARS, TILES, BUFFERS = "crossbars", "tiles", "buffer_kib"


def contraction_options(layer: Layer, sites: Mapping[Precision, Site]) -> Options:
    """Raises DoesNotFit where nothing fits: a weight its columns, or the layer the arrays or buffers."""
    blocks: list[Columns] = []
    for number, (precision, site) in enumerate(sites.items()):
        job = job_of(layer.with_precision(precision), site)
        found = ways_of(site, job.product, layouts_of(job))
        blocks += [_columns(site, ways, price(job, ways), number) for ways in found]
    if not blocks:
        raise DoesNotFit(_too_large(layer, sites))
    return _options(layer, sites, blocks, KEYS)


def job_of(layer: Layer, site: Site) -> Job:
    """Raises DoesNotFit where buffers cannot hold one window, InputError for what a pipeline cannot do."""
    job = Job(site, layer, product_of(layer))
    if site.pipelined and not job.product.static:
        raise InputError(
            f"{site.spec.name}: layer {layer.name!r} multiplies two activations, which a pipeline of "
            "crossbars with resident weights cannot; set composition: sequential"
        )
    if job.vector_bytes > site.buffer_bytes:
        raise DoesNotFit(
            f"{site.spec.name}: one window of layer {layer.name!r} and its results are "
            f"{job.vector_bytes:,.0f} bytes, and the tiles' buffers hold {site.buffer_bytes:,.0f}; "
            "give them more capacity_kib"
        )
    return job


def layouts_of(job: Job) -> list[Layout]:
    return layouts(job.product, job.site.spec, job.site.precision.weight_bits, job.layer.name)


def elementwise_options(layer: Layer, sites: Mapping[Precision, Site]) -> Options:
    """One row a precision: all tiles share the work; in a pipeline a row for some numbers of tiles."""
    blocks: list[Columns] = []
    for number, (precision, site) in enumerate(sites.items()):
        stream = stream_of(layer.with_precision(precision), site)
        tiles = np.array(tiles_to_choose(site) if site.pipelined else [site.spec.tile.count])
        ones = np.ones(len(tiles))
        if site.pipelined:
            low = high = np.array([stream.interval(site, int(n)) for n in tiles])
        else:
            low, high = (bound * ones for bound in stream.bounds(site))
        counts = {key: count * ones for key, count in stream.actions().items()}
        columns: Columns = {"tiles": tiles, "precision": np.full(len(tiles), number)}
        columns |= {"cycles": low, "cycles_high": high} | _energies(site, counts, low)
        columns["traffic:offchip"] = (stream.fetch_bytes + stream.spill_bytes) * ones
        columns["traffic:buffer"] = (stream.load_bytes + stream.store_bytes) * ones
        columns |= {f"resource:{name}": 0.0 * ones for name in (CROSSBARS, TILES, BUFFERS)}
        if site.pipelined:
            columns[f"resource:{TILES}"] = tiles.astype(np.float64)
        blocks.append(columns)
    return _options(layer, sites, blocks, ("tiles",))


def _columns(site: Site, ways: Ways, priced: Priced, precision: int) -> Columns:
    columns: Columns = dict(ways.columns())
    columns |= {"precision": np.full(len(ways), precision)}
    columns |= {"cycles": priced.cycles, "cycles_high": priced.cycles_high}
    columns |= _energies(site, priced.actions, priced.cycles)
    columns |= {"traffic:offchip": priced.offchip_bytes, "traffic:buffer": priced.buffer_bytes}
    columns |= {"traffic:network": priced.network_bytes, "held:buffer": priced.held}
    columns[f"resource:{CROSSBARS}"] = ways.arrays * float(ways.resident)
    columns[f"resource:{TILES}"] = np.zeros(len(ways))
    columns[f"resource:{BUFFERS}"] = priced.held * float(site.pipelined) / 1024
    return columns


def _energies(
    site: Site, actions: Mapping[tuple[str, str], npt.NDArray[np.float64]], cycles: npt.NDArray[np.float64]
) -> Columns:
    """By component. What is always drawn is charged for `cycles`; that of a pipeline belongs to no layer."""
    energy: Columns = {}
    for (component, action), count in actions.items():
        name, pj = f"energy:{component}", count * site.costs.energy_pj[component, action].value
        energy[name] = energy[name] + pj if name in energy else pj
    for component, pj in always_on(site).items():
        name = f"energy:{component}"
        energy[name] = energy.get(name, 0.0) + cycles * pj
    return energy


def always_on(site: Site) -> Mapping[str, float]:
    """pJ a cycle that are a layer's own."""
    return {} if site.pipelined else site.costs.always_on_pj_per_cycle


def _options(
    layer: Layer, sites: Mapping[Precision, Site], blocks: Sequence[Columns], keys: Sequence[str]
) -> Options:
    (site, *_) = sites.values()
    joined = JoinedBlocks.of(blocks, keys)
    return Options(
        layer=layer,
        precisions=tuple(sites),
        precision=joined["precision"].astype(np.int64),
        cycles=joined["cycles"],
        energy_pj=joined.group("energy:"),
        traffic_bytes=joined.group("traffic:"),
        held_bytes=joined.group("held:"),
        mapping=joined.mapping,
        codebooks=joined.codebooks,
        priced=len(joined["cycles"]),
        exact=site.pipelined,
        cycles_high=joined["cycles_high"],
        leakage_pj_per_cycle=always_on(site),
        resources=joined.group("resource:"),
        complete=True,
    )


def _too_large(layer: Layer, sites: Mapping[Precision, Site]) -> str:
    site = next(iter(sites.values()))
    least = min(x.arrays for x in layouts_of(job_of(layer.with_precision(site.precision), site)))
    return (
        f"{site.spec.name}: layer {layer.name!r} needs {least:,} arrays at {site.precision.label} and "
        f"{site.resident:,} may keep its weights; give the chip more tiles, the layer fewer weight bits, "
        "or set composition: sequential (and reload_arrays), which writes weights anew"
    )
