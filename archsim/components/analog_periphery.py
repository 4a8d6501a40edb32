"""What stands between a crossbar's columns and its buffers: sample and hold, shift and add, routers."""

from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.components.technology import (
    area_scale,
    energy_scale,
    leakage_scale,
    node_uncertainty,
    voltage_uncertainty,
)
from archsim.errors import InputError

NODE_NM = 32.0
# ISAAC's Table I (32 nm): 1024 sample-and-holds take 10 uW at one sample in 100 ns, and 40 um2
SAMPLE_PJ, SAMPLE_UM2, ISAAC = 10e-6 * 100e-9 / 1024 * 1e12, 40 / 1024, "ISAAC (ISCA 2016), 32 nm"
# NeuroSim's shift-add of 8-bit inputs into 16 bits at 32 nm (hwcomponents-neurosim 1.0.43)
SHIFT_ADD_PJ, SHIFT_ADD_UM2, SHIFT_ADD_UW = 0.1307922 / 16, 86.29125 / 16, 0.00756939 / 16
NEUROSIM = "NeuroSim's shift-add at 32 nm, a bit of its sum"
# ISAAC's router: 256-bit flits at 20.74 pJ, 0.151 mm2 for four tiles (hwcomponents-library, ISAAC Table I)
ROUTER_PJ_PER_BYTE, ROUTER_MM2 = 20.74 / 32, 0.151 / 4
UNCERTAINTY = 3.0


def sample_hold(node_nm: float, *, vdd_v: float | None = None, name: str = "sample_hold") -> Part:
    """One column's; action "sample" (pJ). Raises InputError for an unknown node or supply."""
    return _part(name, "sample", (SAMPLE_PJ, SAMPLE_UM2, 0.0), ISAAC, node_nm, vdd_v)


def shift_add(bits: int, node_nm: float, *, vdd_v: float | None = None, name: str = "shift_add") -> Part:
    """Adds a shifted conversion to a sum of `bits`; action "add" (pJ). InputError: bits not positive."""
    if bits < 1:
        raise InputError(f"{name}: bits is {bits}; it must be at least 1")
    figures = (SHIFT_ADD_PJ * bits, SHIFT_ADD_UM2 * bits, SHIFT_ADD_UW * bits)
    return _part(name, "add", figures, NEUROSIM, node_nm, vdd_v)


def router(node_nm: float, *, vdd_v: float | None = None, name: str = "router") -> Part:
    """A tile's share of a router; action "hop" (pJ a byte). InputError: unknown node or supply."""
    return _part(name, "hop", (ROUTER_PJ_PER_BYTE, ROUTER_MM2 * 1e6, 0.0), ISAAC, node_nm, vdd_v)


def _part(
    name: str,
    action: str,
    figures: tuple[float, float, float],  # pJ, um2, uW at 32 nm
    source: str,
    node_nm: float,
    vdd_v: float | None,
) -> Part:
    pj, um2, uw = figures
    moved = node_uncertainty(NODE_NM, node_nm)
    law = voltage_uncertainty(node_nm, vdd_v, 0.3)
    idle = energy_scale(NODE_NM, node_nm) * leakage_scale(node_nm, vdd_v)
    return Part(
        name,
        {action: Figure(pj, source, UNCERTAINTY).scaled(energy_scale(NODE_NM, node_nm, to_vdd_v=vdd_v), "",
                                                        moved * law)},
        Figure(um2 * 1e-6, source, UNCERTAINTY).scaled(area_scale(NODE_NM, node_nm), "", moved),
        Figure(uw * 1e-3, source, UNCERTAINTY).scaled(idle, "", moved * law),
    )  # fmt: skip
