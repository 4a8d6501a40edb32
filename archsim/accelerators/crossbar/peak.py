"""What the whole chip does at its most: every array, converter and link busy in every cycle.

This is how peak figures of such accelerators are counted (ISAAC, Table IV; Jia et al., Table II): a layer as
large as the arrays, its inputs always there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archsim.accelerators.crossbar.site import Site

MACRO = ("array", "dac", "adc", "adder_tree", "sample_hold", "shift_add")
"""What publications of a macro alone count."""


@dataclass(frozen=True)
class Peak:
    """Operations are two a MAC. Powers and areas are by component."""

    tops: float
    power_mw: Mapping[str, float]
    area_mm2: Mapping[str, float]

    @property
    def macro(self) -> tuple[str, ...]:
        """Those of MACRO that the chip has."""
        return tuple(name for name in MACRO if self.power_mw.get(name) or self.area_mm2.get(name))

    def tops_per_w(self, *components: str) -> float:
        """Of some components alone (default: of all)."""
        names = components or tuple(self.power_mw)
        return self.tops / sum(self.power_mw[name] for name in names) * 1e3

    def tops_per_mm2(self, *components: str) -> float:
        """Of some components alone (default: of all)."""
        return self.tops / sum(self.area_mm2[name] for name in components or tuple(self.area_mm2))


def window_cycles(site: Site) -> int:
    """Of one input vector on full arrays, at the DAC's widest slices."""
    return site.vector_cycles(site.widths[-1], site.spec.array.rows)


def peak_macs_per_cycle(site: Site) -> float:
    """All arrays full of weights of the site's precision."""
    array = site.spec.array
    weights = array.rows * (array.columns // site.columns)
    return site.spec.arrays * weights / window_cycles(site)


def peak_of(site: Site) -> Peak:
    """The chip's peak at the site's precision."""
    clock = site.costs.point.clock_mhz
    power = {name: figure.value for name, figure in site.costs.always_on_mw.items()}
    for (component, action), rate in _rates(site).items():
        pj = site.costs.energy_pj[component, action].value
        power[component] = power.get(component, 0.0) + pj * rate * clock * 1e-3  # pJ × MHz is µW
    return Peak(
        tops=2 * peak_macs_per_cycle(site) * clock * 1e-6,
        power_mw=power,
        area_mm2={name: figure.value for name, figure in site.costs.area_mm2.items()},
    )


def _rates(site: Site) -> dict[tuple[str, str], float]:
    """Actions a cycle of the whole chip."""
    spec, array = site.spec, site.spec.array
    slices, _ = site.steps(site.widths[-1])
    weights = array.columns // site.columns
    conversions = weights * site.conversions * slices * site.phases(array.rows)
    cells = array.rows * weights * site.columns * slices * site.cell_pulses(site.widths[-1])
    window: dict[tuple[str, str], float] = {
        ("dac", "drive"): array.rows * slices,
        ("array", "multiply"): cells,
        ("shift_add", "add"): conversions,
    }
    if spec.adc is None:
        window["adder_tree", "add"] = cells
    else:
        window["adc", "convert"] = conversions
    if spec.sample_hold is not None:
        window["sample_hold", "sample"] = conversions
    arriving = array.rows * site.precision.activation_bits / 8
    if spec.tile.input_register is not None:
        window["input_register", "read"] = window["input_register", "write"] = arriving
    if spec.tile.output_register is not None:
        summed = weights * site.sum_bytes
        window["output_register", "read"] = window["output_register", "write"] = summed
    rates = {key: count * spec.arrays / window_cycles(site) for key, count in window.items()}
    tiles, bus = spec.tile.count, spec.tile.buffer.bytes_per_cycle
    rates["buffer", "read"] = rates["bus", "move"] = bus * tiles
    rates["vector_unit", "operate"] = float(spec.vector_unit.lanes * tiles)
    if spec.network is not None:
        rates["network", "hop"] = spec.network.bytes_per_cycle * tiles
    return rates
