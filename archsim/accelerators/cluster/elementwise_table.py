"""The options table of a layer that is no contraction: a row for every number of chunks and precision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archsim.accelerators.cluster import elementwise
from archsim.accelerators.cluster.costs import Costs
from archsim.accelerators.cluster.work import Site
from archsim.accelerators.machine import Options
from archsim.workloads.layer import Layer
from archsim.workloads.precision import Precision

MEMORIES = np.array(["l2", "l3"])
PLACES = ("input_in", "output_in")


def elementwise_options(layer: Layer, sites: Mapping[Precision, Site], costs: Costs) -> Options:
    """Every number of chunks at every precision. Raises InputError when no chunk fits."""
    columns: dict[str, list[float]] = {}
    for number, (precision, site) in enumerate(sites.items()):
        at = layer.with_precision(precision)
        for stream in elementwise.streams_of(at, site):
            values = {"precision": float(number), "chunks": float(stream.chunks)}
            values |= {"input_in": float(stream.in_l3), "output_in": float(stream.out_l3)}
            for name, value in (values | stream_costs(at, site, stream, costs)).items():
                columns.setdefault(name, []).append(value)
    arrays = {name: np.array(values) for name, values in columns.items()}

    def group(prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): v for name, v in arrays.items() if name.startswith(prefix)}

    book, index = np.unique(arrays["chunks"].astype(np.int64), return_inverse=True)
    return Options(
        layer=layer,
        precisions=tuple(sites),
        precision=arrays["precision"].astype(np.int64),
        cycles=arrays["cycles"],
        energy_pj=group("energy:"),
        traffic_bytes=group("traffic:"),
        held_bytes=group("held:"),
        mapping={"chunks": index.astype(np.int64)} | {name: arrays[name].astype(np.int64) for name in PLACES},
        codebooks={"chunks": {"chunks": book}} | {name: {name: MEMORIES} for name in PLACES},
        priced=len(arrays["cycles"]),
        cycles_high=arrays["cycles_high"],
        leakage_pj_per_cycle=costs.always_on_pj_per_cycle,
    )


def stream_costs(layer: Layer, site: Site, stream: elementwise.Stream, costs: Costs) -> dict[str, float]:
    """A row's columns: cycles, energy:<component>, traffic:<memory>, held:<memory>."""
    cycles = elementwise.latency_bound(layer, site, stream)
    spent = {name: cycles * pj for name, pj in costs.always_on_pj_per_cycle.items()}
    for (component, action), count in elementwise.counted_actions(layer, site, stream).items():
        pj = count * costs.energy_pj[component, action].value
        spent[component] = spent.get(component, 0.0) + pj
    values = {"cycles": cycles, "cycles_high": elementwise.latency_most(layer, site, stream)}
    values |= {"traffic:l2": stream.load_bytes + stream.store_bytes}
    values |= {"traffic:l3": stream.far_bytes}
    values |= {f"energy:{name}": pj for name, pj in spent.items()}
    return values | {f"held:{name}": n for name, n in elementwise.held_bytes(site, stream).items()}
