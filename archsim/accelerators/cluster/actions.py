"""Counted actions of a layer's tiles: what the units, memories and the DMA do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from archsim.accelerators.cluster.engines import ENGINES, engine_weight_bits
from archsim.accelerators.cluster.isa import FLOAT_FORMATS
from archsim.accelerators.cluster.tiles import Tiles
from archsim.accelerators.cluster.traffic import Moved
from archsim.accelerators.cluster.work import Site

Array = npt.NDArray[np.float64]


def counted_actions(
    site: Site,
    tiles: Tiles,
    way: str,
    moved: Mapping[str, Moved],
    fetched: Mapping[str, Moved],
    busy: tuple[Array, Array, Array],
) -> dict[tuple[str, str], Array]:
    """(component, action) -> count of one repeat. Words of L1 are 32 bits, of L2 64 bits.

    `moved` between L2 and L1, `fetched` between L3 and L2; `busy`: all cycles, the engine's, core-cycles.
    """
    compute, engine, core_work = busy
    reads, writes = unit_accesses(site, tiles, way)
    idle = np.maximum(0.0, site.cores.count * compute - core_work)
    actions = {("cores", "active"): core_work, ("cores", "idle"): idle}
    if site.precision.number_format in FLOAT_FORMATS:
        macs = float(tiles.shape.macs // tiles.shape.repeats)
        actions["float_units", site.precision.number_format] = np.full(len(tiles), macs)
    if site.spec.l1 is None:  # cores work in L2, where two 32-bit words cost one of 64 bits
        return actions | {("l2", "read"): reads / 2, ("l2", "write"): writes / 2}
    if not way.startswith("cores"):
        p = site.precision
        products = float(tiles.shape.macs // tiles.shape.repeats) * p.weight_bits * p.activation_bits
        actions["engine", "active"] = engine
        actions["engine", "product"] = products * on_engine(tiles, way)
    brought = moved["input"].bytes + moved["weight"].bytes
    out = moved["output"].bytes
    incoming = fetched["input"].bytes + fetched["weight"].bytes
    outgoing = fetched["output"].bytes
    actions |= {
        ("l1", "read"): reads + out / 4,
        ("l1", "write"): writes + brought / 4,
        ("l2", "read"): (brought + outgoing) / 8,
        ("l2", "write"): (out + incoming) / 8,
        ("dma", "byte"): brought + out,
    }
    if site.spec.l3 is not None:
        actions["l3", "byte"] = incoming + outgoing
    return actions


def on_engine(tiles: Tiles, way: str) -> Array:
    """The engine's share of the layer."""
    unit, _, rows = way.partition(":")
    if unit == "shared":
        taken = float(rows)
        divided = (tiles.trips("P") - 1) * (taken < tiles.P) + (tiles.last("P") > taken)
        return 1.0 - taken * divided / tiles.shape.P
    return np.full(len(tiles), float(unit == "engine"))


def unit_accesses(site: Site, tiles: Tiles, way: str) -> tuple[Array, Array]:
    """32-bit words that the working units read from and write to L1."""
    shape, cores = tiles.shape, site.cores
    macs = float(shape.macs // shape.repeats)
    engine_share = on_engine(tiles, way)
    made = shape.P * shape.Q * shape.K * site.precision.output_bits / 32
    gathered = 0.0 if shape.pointwise else shape.P * shape.Q * shape.taps * shape.C / 4
    by_cores = macs / cores.loop.macs * cores.loop.loads + gathered
    reads, writes = by_cores * (1 - engine_share), (gathered + made) * (1 - engine_share)
    if site.engine is not None and not way.startswith("cores"):
        reads = reads + _engine_reads(site, tiles) * engine_share
        writes = writes + made * engine_share
    return reads + np.zeros(len(tiles)), writes + np.zeros(len(tiles))


def _engine_reads(site: Site, tiles: Tiles) -> Array:
    """32-bit words that the engine streams in: a patch's window a pass, weights a patch."""
    assert site.engine is not None
    engine, shape = ENGINES[site.engine], tiles.shape
    patches = np.ceil(shape.P / engine.patch) * np.ceil(shape.Q / engine.patch)
    window = (engine.patch + (2 if shape.taps > 1 else 0)) ** 2
    width = engine.channels_in if shape.depthwise else engine.channels_out
    blocks = np.ceil(shape.K / width)
    channels = width if shape.depthwise else shape.C
    inputs = patches * blocks * window * channels * site.precision.activation_bits
    ones = np.ones(len(tiles))
    weights = patches * engine_weight_bits(site.engine, shape, site.precision, ones * shape.K, ones * shape.C)
    return (inputs + weights) / 32
