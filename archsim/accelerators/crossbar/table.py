"""The options table: every way of a layer at every precision, priced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archsim.accelerators.crossbar.costs import Costs
from archsim.accelerators.crossbar.elementwise import stream_of, tiles_to_choose
from archsim.accelerators.crossbar.job import Job
from archsim.accelerators.crossbar.layout import layouts, product_of
from archsim.accelerators.crossbar.pricing import Priced, price
from archsim.accelerators.crossbar.site import Site
from archsim.accelerators.crossbar.ways import KEYS, Ways, ways_of
from archsim.accelerators.machine import DoesNotFit, Options
from archsim.errors import InputError
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

Columns = dict[str, npt.NDArray[Any]]
CROSSBARS, TILES = "crossbars", "tiles"


def contraction_options(
    layer: Layer, sites: Mapping[Precision, Site], costs: Costs, *, pipelined: bool
) -> Options:
    """Raises DoesNotFit where nothing fits: a weight its columns, or the layer the arrays or buffers."""
    blocks: list[Columns] = []
    for number, (precision, site) in enumerate(sites.items()):
        job = job_of(layer.with_precision(precision), site)
        for ways, priced in priced_ways(job, pipelined=pipelined):
            blocks.append(_columns(site, ways, priced, number, pipelined=pipelined))
    if not blocks:
        raise DoesNotFit(_too_large(layer, sites))
    return _options(layer, tuple(sites), blocks, costs, KEYS, leaking=not pipelined)


def job_of(layer: Layer, site: Site) -> Job:
    return Job(site, layer, product_of(layer))


def priced_ways(job: Job, *, pipelined: bool) -> Iterator[tuple[Ways, Priced]]:
    site = job.site
    if pipelined and not job.product.static:
        raise InputError(
            f"{site.spec.name}: layer {job.layer.name!r} multiplies two activations, which a pipeline of "
            "crossbars with resident weights cannot; set composition: sequential"
        )
    found = layouts(job.product, site.spec, site.precision.weight_bits, job.layer.name)
    for ways in ways_of(site, job.product, found):
        yield ways, price(job, ways, pipelined=pipelined)


def elementwise_options(
    layer: Layer, sites: Mapping[Precision, Site], costs: Costs, *, pipelined: bool
) -> Options:
    """One row a precision: all tiles share the work; in a pipeline a row for some numbers of tiles."""
    blocks: list[Columns] = []
    for number, (precision, site) in enumerate(sites.items()):
        stream = stream_of(layer.with_precision(precision), site, pipelined=pipelined)
        tiles = np.array(tiles_to_choose(site) if pipelined else [site.spec.tile.count])
        ones = np.ones(len(tiles))
        if pipelined:
            low = high = np.array([stream.interval(site, int(n)) for n in tiles])
        else:
            low, high = (bound * ones for bound in stream.bounds(site))
        columns: Columns = {"tiles": tiles, "precision": np.full(len(tiles), number)}
        columns |= {"cycles": low, "cycles_high": high}
        columns |= _energies(site.costs, {k: n * ones for k, n in stream.actions().items()},
                             low, leaking=not pipelined)  # fmt: skip
        columns |= {"traffic:offchip": (stream.fetch_bytes + stream.spill_bytes) * ones}
        columns |= {"traffic:buffer": (stream.load_bytes + stream.store_bytes) * ones}
        columns |= {f"resource:{CROSSBARS}": 0 * ones, f"resource:{TILES}": tiles * float(pipelined)}
        blocks.append(columns)
    return _options(layer, tuple(sites), blocks, costs, ("tiles",), leaking=not pipelined)


def _columns(site: Site, ways: Ways, priced: Priced, precision: int, *, pipelined: bool) -> Columns:
    columns: Columns = dict(ways.columns())
    columns |= {"precision": np.full(len(ways), precision)}
    columns |= {"cycles": priced.cycles, "cycles_high": priced.cycles_high}
    columns |= _energies(site.costs, priced.actions, priced.cycles, leaking=not pipelined)
    columns |= {"traffic:offchip": priced.offchip_bytes, "traffic:buffer": priced.buffer_bytes}
    columns |= {"traffic:network": priced.network_bytes, "held:buffer": priced.held}
    columns[f"resource:{CROSSBARS}"] = ways.arrays * float(ways.resident)
    columns[f"resource:{TILES}"] = np.zeros(len(ways))
    return columns


def _energies(
    costs: Costs,
    actions: Mapping[tuple[str, str], npt.NDArray[np.float64]],
    cycles: npt.NDArray[np.float64],
    *,
    leaking: bool,
) -> Columns:
    """By component. What is always drawn is charged for `cycles`; that of a pipeline belongs to no layer."""
    energy: Columns = {}
    for (component, action), count in actions.items():
        name, pj = f"energy:{component}", count * costs.energy_pj[component, action].value
        energy[name] = energy[name] + pj if name in energy else pj
    if leaking:
        for component, pj in costs.always_on_pj_per_cycle.items():
            name = f"energy:{component}"
            energy[name] = energy.get(name, 0.0) + cycles * pj
    return energy


def _options(
    layer: Layer,
    precisions: tuple[Precision, ...],
    blocks: Sequence[Columns],
    costs: Costs,
    keys: Sequence[str],
    *,
    leaking: bool,
) -> Options:
    names = list(dict.fromkeys(name for block in blocks for name in block))

    def column(name: str) -> npt.NDArray[Any]:
        return np.concatenate([b[name] if name in b else np.zeros(len(b["cycles"])) for b in blocks])

    columns = {name: column(name) for name in names}

    def group(prefix: str) -> Columns:
        return {name.removeprefix(prefix): v for name, v in columns.items() if name.startswith(prefix)}

    mapping, codebooks = {}, {}
    for key in keys:
        book, index = np.unique(columns[key], return_inverse=True)
        mapping[key], codebooks[key] = index.astype(np.int64), {key: book}
    return Options(
        layer=layer,
        precisions=precisions,
        precision=columns["precision"].astype(np.int64),
        cycles=columns["cycles"],
        energy_pj=group("energy:"),
        traffic_bytes=group("traffic:"),
        held_bytes=group("held:"),
        mapping=mapping,
        codebooks=codebooks,
        priced=len(columns["cycles"]),
        exact=not leaking,
        cycles_high=columns["cycles_high"],
        leakage_pj_per_cycle=costs.always_on_pj_per_cycle if leaking else {},
        resources=group("resource:"),
        complete=True,
    )


def _too_large(layer: Layer, sites: Mapping[Precision, Site]) -> str:
    site = next(iter(sites.values()))
    product = product_of(layer)
    least = min(x.arrays for x in layouts(product, site.spec, site.precision.weight_bits, layer.name))
    return (
        f"{site.spec.name}: layer {layer.name!r} needs {least:,} arrays at {site.precision.label} and "
        f"{site.resident:,} may keep its weights; give the chip more tiles, the layer fewer weight bits, "
        "or set composition: sequential (and reload_arrays), which writes weights anew"
    )
