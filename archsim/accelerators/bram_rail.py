"""The supply of an FPGA's block RAMs and UltraRAMs: one rail, VCCBRAM, apart from the logic's.

Their dynamic energy falls with it. Their leakage is a part of the device's static power that is not known
apart, and is left as it is; the built-in SECDED of a RAMB36 keeps its check bits in the parity bits and costs
no more block RAM.
"""

from __future__ import annotations

from archsim.accelerators.low_voltage import LowVoltage, SramSite
from archsim.components.figure import Figure
from archsim.components.fpga import BRAM_WORD_BITS, FINN_NODE_NM, bram_mhz, bram_supply_v

RAIL = "bram"
ON_RAIL = ("bram18", "uram")


def bram_site(given: LowVoltage | None, node_nm: float) -> SramSite:
    """Block RAMs of 28 nm take what was measured on such, unless the YAML names another technology."""
    nominal = bram_supply_v(node_nm)
    if given is not None and "technology" not in given.model_fields_set and node_nm == FINN_NODE_NM:
        given = given.model_copy(update={"technology": "fpga-28nm"})
    return SramSite(
        memory=RAIL,
        given=given,
        word_bits=BRAM_WORD_BITS,
        node_nm=node_nm,
        nominal_v=nominal,
        logic_v=nominal,
        made_for_mhz=bram_mhz(node_nm).value,
        banks=1,
    )


def at_bram_supply(energies: dict[str, Figure], site: SramSite) -> dict[str, Figure]:
    """Unit energies by resource with those on the rail at its supply."""
    supply = site.supply
    if supply is None:
        return energies
    note = f"VCCBRAM at {supply.vdd_v[0]:g} V"
    return {
        name: figure.scaled(supply.energy_factor, note) if name in ON_RAIL else figure
        for name, figure in energies.items()
    }
