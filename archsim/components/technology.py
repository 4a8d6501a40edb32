"""Scaling of energy, area, delay and leakage between technology nodes and supply voltages.

Between nodes the tables of Stillmaker & Baas (2017) are used, see `technology_tables`. Their energy
polynomials are compared at one common supply of 0.8 V, as Accelergy and hwcomponents do. That ratio agrees
within 12 % with the energies the paper simulated at each node's own nominal supply (its Table 2, 45 nm to
16, 14, 10 and 7 nm: 5.87, 7.29, 8.61, 9.46), whereas the polynomials evaluated at the nominal supplies miss
those by up to 1.8 times. It is therefore taken as the ratio between nominal operating points. Between
planar nodes the two readings differ more, up to 1.7 times (130 to 45 nm); `node_uncertainty` covers that.

Within a node: dynamic energy ~ V^2, frequency by the alpha-power law, leakage by the DIBL law.
"""

import math
from collections.abc import Mapping

from archsim.components.technology_tables import (
    DELAY_POLYNOMIAL,
    ENERGY_POLYNOMIAL,
    NOMINAL_VDD_V,
    RELATIVE_AREA,
    THRESHOLD_V,
)
from archsim.errors import InputError

SMALLEST_NODE_NM, LARGEST_NODE_NM = 7.0, 180.0
ALPHA = 1.3  # velocity-saturation index, Sakurai & Newton 1990; sets THRESHOLD_V
COMMON_VDD_V = 0.8
# The 180 nm row is linear in V and meaningless near 0.8 V: its ratio to 130 nm is taken at 1.2 V, where
# both rows hold (2.24; 2.17 at 1.1 V, 2.23 at 1.3 V)
RATIO_180_VDD_V = 1.2
# Subthreshold leakage I ~ exp(eta dV / (n vT)): Roy, Mukhopadhyay & Mahmoodi-Meimand, Proc. IEEE 91(2)
# 2003; typical DIBL eta 0.1 V/V, slope factor n 1.5, vT 25.85 mV at 300 K
LEAKAGE_PER_VOLT = 0.1 / (1.5 * 0.02585)
MAX_OVERDRIVE = 1.5  # highest supply accepted, over nominal
# How far node scaling may be off, per halving of the feature size, no more than this for any distance:
# the spread between the two readings of the tables described above
NODE_SCALING_UNCERTAINTY = 1.7


def check_node(node_nm: float) -> None:
    """Raise InputError unless the node lies within the tables (7 to 180 nm)."""
    if not SMALLEST_NODE_NM <= node_nm <= LARGEST_NODE_NM:
        raise InputError(
            f"technology node {node_nm} nm is outside the scaling tables; "
            f"allowed: {SMALLEST_NODE_NM:g} to {LARGEST_NODE_NM:g} nm (the unit is nanometres)"
        )


def nominal_vdd_v(node_nm: float) -> float:
    """Nominal supply of a node (V): ITRS and PTM values, linear in between. InputError outside 7-180 nm."""
    return _linear(NOMINAL_VDD_V, node_nm)


def threshold_v(node_nm: float) -> float:
    """Effective threshold (V) of the alpha-power law, fitted to the delay tables, linear in between."""
    return _linear(THRESHOLD_V, node_nm)


def supply_v(node_nm: float, vdd_v: float | None) -> float:
    """The given supply, checked, or the nominal one.

    Raises InputError at or below the threshold and above 1.5 times the nominal supply.
    """
    nominal, threshold = nominal_vdd_v(node_nm), threshold_v(node_nm)
    if vdd_v is None:
        return nominal
    if not threshold < vdd_v <= MAX_OVERDRIVE * nominal:
        raise InputError(
            f"supply voltage {vdd_v} V is not usable at {node_nm:g} nm; allowed: above the threshold of "
            f"{threshold:.3f} V up to {MAX_OVERDRIVE * nominal:.2f} V (nominal {nominal:.2f} V)"
        )
    return vdd_v


def energy_scale(
    from_nm: float, to_nm: float, *, from_vdd_v: float | None = None, to_vdd_v: float | None = None
) -> float:
    """Factor on dynamic energy from one node and supply to another; None is the node's nominal supply."""
    between_nodes = _linear(_RELATIVE_ENERGY, to_nm) / _linear(_RELATIVE_ENERGY, from_nm)
    return between_nodes * voltage_energy_scale(to_nm, to_vdd_v) / voltage_energy_scale(from_nm, from_vdd_v)


def area_scale(from_nm: float, to_nm: float) -> float:
    """Factor on logic area between nodes (Table 4, log-log in between).

    Sarangi & Baas (DeepScaleTool, ISCAS 2021) find these factors optimistic at 10 and 7 nm.
    """
    return _log_log(RELATIVE_AREA, to_nm) / _log_log(RELATIVE_AREA, from_nm)


def delay_scale(
    from_nm: float, to_nm: float, *, from_vdd_v: float | None = None, to_vdd_v: float | None = None
) -> float:
    """Factor on gate delay from one node and supply to another; None is the node's nominal supply."""
    between_nodes = _log_log(_NOMINAL_DELAY_PS, to_nm) / _log_log(_NOMINAL_DELAY_PS, from_nm)
    return between_nodes * frequency_scale(from_nm, from_vdd_v) / frequency_scale(to_nm, to_vdd_v)


def voltage_energy_scale(node_nm: float, vdd_v: float | None) -> float:
    """Dynamic energy at `vdd_v` over that at the nominal supply: (V / Vnominal)^2."""
    return (supply_v(node_nm, vdd_v) / nominal_vdd_v(node_nm)) ** 2


def frequency_scale(node_nm: float, vdd_v: float | None, threshold: float | None = None) -> float:
    """Clock at `vdd_v` over the clock at the nominal supply, alpha-power law (V - Vt)^1.3 / V.

    `threshold` (V) replaces the fitted one: the tables describe fast logic, and low-power silicon slows down
    more (Jia et al., JSSC 2020, 65 nm: 2.5 times from 1.2 to 0.85 V, where this law says 1.6).
    """
    vdd, nominal = supply_v(node_nm, vdd_v), nominal_vdd_v(node_nm)
    threshold = threshold_v(node_nm) if threshold is None else threshold
    if not 0 <= threshold < min(vdd, nominal):
        raise InputError(
            f"threshold {threshold} V at {node_nm:g} nm must be zero or more and below the supply of "
            f"{min(vdd, nominal):.3f} V"
        )
    return ((vdd - threshold) / (nominal - threshold)) ** ALPHA * nominal / vdd


def leakage_scale(node_nm: float, vdd_v: float | None) -> float:
    """Leakage power at `vdd_v` over that at nominal: V times a current that grows by DIBL."""
    vdd, nominal = supply_v(node_nm, vdd_v), nominal_vdd_v(node_nm)
    return vdd / nominal * math.exp(LEAKAGE_PER_VOLT * (vdd - nominal))


def node_uncertainty(from_nm: float, to_nm: float) -> float:
    """How far a figure carried from one node to another may be off, as a factor; 1 for the same node."""
    check_node(from_nm)
    check_node(to_nm)
    halvings = abs(math.log2(from_nm / to_nm))
    return NODE_SCALING_UNCERTAINTY ** min(1.0, halvings)


def voltage_uncertainty(node_nm: float, vdd_v: float | None, exponent: float) -> float:
    """How far a voltage law may be off: (V / Vnominal) to `exponent`, taken upwards."""
    return math.exp(exponent * abs(math.log(supply_v(node_nm, vdd_v) / nominal_vdd_v(node_nm))))


def table_energy(node_nm: int, vdd_v: float) -> float:
    """The energy polynomial of a table node (arbitrary unit) at a supply voltage."""
    a2, a1, a0 = ENERGY_POLYNOMIAL[node_nm]
    return a2 * vdd_v**2 + a1 * vdd_v + a0


def table_delay_ps(node_nm: int, vdd_v: float) -> float:
    """The delay polynomial of a table node (ps, fan-out-of-4 inverter) at a supply voltage."""
    a3, a2, a1, a0 = DELAY_POLYNOMIAL[node_nm]
    return a3 * vdd_v**3 + a2 * vdd_v**2 + a1 * vdd_v + a0


def _bracket(table: Mapping[int, float], node_nm: float) -> tuple[int, int]:
    check_node(node_nm)
    return max(n for n in table if n <= node_nm), min(n for n in table if n >= node_nm)


def _linear(table: Mapping[int, float], node_nm: float) -> float:
    below, above = _bracket(table, node_nm)
    if below == above:
        return table[below]
    share = (node_nm - below) / (above - below)
    return (1 - share) * table[below] + share * table[above]


def _log_log(table: Mapping[int, float], node_nm: float) -> float:
    below, above = _bracket(table, node_nm)
    if below == above:
        return table[below]
    share = math.log(node_nm / below) / math.log(above / below)
    return table[below] ** (1 - share) * table[above] ** share


def _relative_energies() -> dict[int, float]:
    energies = {node: table_energy(node, COMMON_VDD_V) for node in ENERGY_POLYNOMIAL if node < 180}
    ratio = table_energy(180, RATIO_180_VDD_V) / table_energy(130, RATIO_180_VDD_V)
    return {180: energies[130] * ratio, **energies}


_RELATIVE_ENERGY = _relative_energies()
_NOMINAL_DELAY_PS = {node: table_delay_ps(node, NOMINAL_VDD_V[node]) for node in DELAY_POLYNOMIAL}
