"""Sums of a run's energy table, as every view of it needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archsim.run import Run

if TYPE_CHECKING:
    import pandas as pd

ENERGIES = ["energy_pj", "energy_pj_low", "energy_pj_high"]


def energy_by_component(run: Run) -> pd.DataFrame:
    """Index `component`, largest first; columns `energy_pj`, its low and high, and `share` of the total.

    The bounds of a component are sums of its rows' bounds: one uncertain figure is wrong the same way in
    every layer, so errors of the same figure add and do not cancel.
    """
    sums = run.energy.groupby("component", sort=False, observed=True)[ENERGIES].sum()
    sums = sums.sort_values("energy_pj", ascending=False, kind="stable")
    total = sums["energy_pj"].sum()
    sums["share"] = sums["energy_pj"] / total if total > 0 else 0.0
    return sums


def energy_by_action(run: Run) -> pd.DataFrame:
    """A row per component × action, in the order of `energy_by_component`.

    Columns `component, action, count, unit_energy_pj, energy_pj, energy_pj_low, energy_pj_high, source`.
    `unit_energy_pj` is the mean over the counted actions: layers of different width pay different prices.
    """
    groups = run.energy.groupby(["component", "action"], sort=False, observed=True)
    table = groups[["count", *ENERGIES]].sum()
    table["source"] = groups["source"].agg(lambda sources: "; ".join(dict.fromkeys(map(str, sources))))
    counted = table["count"].where(table["count"] > 0)
    table["unit_energy_pj"] = table["energy_pj"] / counted
    table = table.reset_index()
    rank = {name: place for place, name in enumerate(energy_by_component(run).index)}
    table["rank"] = table["component"].map(rank).astype(int)
    table = table.sort_values(["rank", "energy_pj"], ascending=[True, False], kind="stable")
    columns = ["component", "action", "count", "unit_energy_pj", *ENERGIES, "source"]
    return table[columns].reset_index(drop=True)


def energy_by_layer(run: Run) -> pd.DataFrame:
    """Energy in pJ: a row a layer in execution order, a column a component, largest component first.

    Rows of the energy table that name no layer of the run (standby energy of the whole chip, say) follow as
    rows of their own, so that the table sums to the total.
    """
    table = run.energy.pivot_table(
        index="layer",
        columns="component",
        values="energy_pj",
        aggfunc="sum",
        fill_value=0.0,
        sort=False,
        observed=True,
    )
    names = [layer.name for layer in run.layers]
    known = set(names)
    names += [name for name in table.index if name not in known]
    return table.reindex(index=names, columns=list(energy_by_component(run).index), fill_value=0.0)
