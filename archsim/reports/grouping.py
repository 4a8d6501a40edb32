"""A run's energy table by more than its own columns: operator, block of the network, hardware level."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from archsim.reports.summary import ENERGIES
from archsim.run import Run

if TYPE_CHECKING:
    import pandas as pd

GROUPINGS = ("component", "level", "operator", "block", "layer", "action")

OFF_CHIP, ON_CHIP, REGISTERS = "off-chip memory", "on-chip memory", "registers"
COMPUTE, CONVERSION, NETWORK, FABRIC, OTHER = "compute", "conversion", "interconnect", "fabric", "other"

_LEVELS = {
    **dict.fromkeys(("dram", "l3", "ddr", "offchip"), OFF_CHIP),
    **dict.fromkeys(("l1", "l2", "bram18", "uram", "buffer"), ON_CHIP),
    **dict.fromkeys(("mac", "vector_unit", "cores", "engine", "array", "dsp", "shift_add"), COMPUTE),
    **dict.fromkeys(("adc", "dac", "sample_hold"), CONVERSION),
    **dict.fromkeys(("wires", "bus", "network", "dma"), NETWORK),
    **dict.fromkeys(("lut", "device"), FABRIC),
}
_REGISTERS = re.compile(r"(^|_)(registers?|spad)$")
_PARTS = re.compile(r"[/.]?[^/.]+")  # of a name, each with the sign before it
WHOLE_MACHINE = "whole machine"


def level_of(component: str, is_memory: bool) -> str:
    """The level of the hardware that a component belongs to, by its name.

    A name that no family uses is a memory of the user's own when it is read or written (`is_memory`).
    """
    if component in _LEVELS:
        return _LEVELS[component]
    if _REGISTERS.search(component):
        return REGISTERS
    return ON_CHIP if is_memory else OTHER


def block_of(layer: str) -> str:
    """The block of the network that a layer belongs to, by its name.

    `layer1.0.conv1` is of `layer1.0`, `/layer1/layer1.0/conv1/Conv` of `layer1/layer1.0`,
    `stack1.conv1` of `stack1`, `conv2_1` of `conv2`; a name without parts is a block of its own.
    """
    parts = _PARTS.findall(layer)
    if len(parts) < 2:
        return re.sub(r"(?<=\d)_\d+$", "", layer)
    numbered = next((place for place, part in enumerate(parts[:-1]) if part[1:].isdigit()), 0)
    return "".join(parts[: numbered + 1]).strip("/.")


def labelled_energy(run: Run) -> pd.DataFrame:
    """The run's energy table with `operator` and `block` beside the layer, and `level` beside the component.

    What no layer spends (leakage of a whole pipeline) is of the block and the operator "whole machine".
    """
    table = run.energy.copy()
    operators = {layer.name: layer.operator for layer in run.layers}
    blocks = {name: block_of(name) for name in operators}
    touched = set(table.loc[table["action"].isin(("read", "write", "update")), "component"])
    levels = {name: level_of(name, name in touched) for name in table["component"].unique()}
    table.insert(1, "operator", table["layer"].map(operators).fillna(WHOLE_MACHINE))
    table.insert(2, "block", table["layer"].map(blocks).fillna(WHOLE_MACHINE))
    table.insert(4, "level", table["component"].map(levels))
    return table


def grouped(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """A labelled energy table summed `by` one of GROUPINGS: that column, the energies and their `share`.

    Layers and blocks stay in the order they run in, all else is largest first. Bounds are sums of bounds: one
    uncertain figure is wrong the same way wherever it is used.
    """
    sums = table.groupby(by, sort=False, observed=True)[ENERGIES].sum()
    if by not in ("layer", "block"):
        sums = sums.sort_values("energy_pj", ascending=False, kind="stable")
    total = sums["energy_pj"].sum()
    sums["share"] = sums["energy_pj"] / total if total else 0.0
    return sums.reset_index()
