"""Published peaks of processing-in-memory designs of the `crossbar` family."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

from archsim.accelerators.crossbar.machine import CrossbarMachine
from archsim.accelerators.crossbar.peak import Peak
from archsim.accelerators.library import load_accelerator
from archsim.kernel import engine
from archsim.validation.figure import Kind, PublishedFigure
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.precision import Precision

ISAAC = "Shafiee et al., ISAAC, ISCA 2016, Tables I and IV"
PUMA = "Ankit et al., PUMA, ASPLOS 2019 (second-hand notes)"
JIA = "Jia et al., JSSC 55(9) 2020, as AccelForge carries it"
WANG = "Wang et al., VLSI 2022 and JSSC 58(4) 2023, as AccelForge carries it"
CAP_RAM = "Chen et al., CAP-RAM, JSSC 56(6) 2021, abstract"
CHIH = "Chih et al., ISSCC 2021, paper 16.4, title"
MACRO = ("array", "dac", "adc", "shift_add")
DIGITAL = ("array", "dac", "adder_tree", "shift_add")


@cache
def machine(name: str, vdd_v: float | None = None) -> CrossbarMachine:
    found = load_accelerator(name)
    assert isinstance(found, CrossbarMachine)
    return found if vdd_v is None else found.at(vdd_v=vdd_v)


@cache
def peak(name: str, precision: str, vdd_v: float | None = None) -> Peak:
    return machine(name, vdd_v).peak(Precision.parse(precision))


def power_w(name: str, precision: str) -> float:
    return sum(peak(name, precision).power_mw.values()) * 1e-3


def area_mm2(name: str, *components: str) -> float:
    areas = machine(name).area()
    return sum(areas[component].value for component in components or tuple(areas))


def column_pj(name: str, vdd_v: float, component: str) -> float:
    """Energy of one column, one slice of its inputs."""
    on = machine(name, vdd_v)
    action, times = {
        "adc": ("convert", 1),
        "array": ("multiply", on.spec.array.rows),
        "shift_add": ("add", 1),
    }[component]
    return on.prices.energy_pj[component, action].value * times


def vector(on: CrossbarMachine) -> tuple[float, float]:
    """Nanoseconds and nanojoules (of arrays and converters) of one input vector on one full weight matrix."""
    rows, bits = on.spec.array.rows, on.precision
    c = Contraction(K=rows, C=rows)
    tensors = Tensor("in", (1, rows)), Tensor("out", (1, rows)), Tensor("weight", (rows, rows))
    layer = Layer("mvm", "gemm", tensors[:1], tensors[1:2], tensors[2:], c, precision=bits)
    row = on.options(layer).row(0)
    pj = sum(a.count * a.unit_energy.value for a in on.performed(row).actions if a.component in MACRO)
    compute = engine.simulate(on.program([row])).actors["mvm:compute"].busy_cycles
    leaking = (
        on.leakage()["adc"].value / on.spec.arrays * row.mapping["across"]
    )  # mW of the converters at work
    ns = compute * 1e3 / on.clock_mhz
    return ns, (pj + leaking * ns) * 1e-3


def _isaac() -> list[PublishedFigure]:
    at, what = partial(peak, "isaac", "w16a16"), "peak, 16-bit"

    def figure(quantity: str, unit: str, value: float, kind: Kind, run: Callable[[], float], why: str):
        return PublishedFigure("isaac", what, quantity, unit, value, kind, ISAAC, run, why)

    powers, areas = "parts' powers", "parts' areas"
    return [
        figure("throughput", "Top/s", 41.3, "predicted", lambda: at().tops, "arrays, bits and cycle"),
        figure("efficiency", "Gop/s/W", 627.5, "calibrated", lambda: at().tops_per_w() * 1e3, powers),
        figure("density", "Gop/s/mm²", 479, "calibrated", lambda: at().tops_per_mm2() * 1e3, areas),
        figure("power", "W", 65.8, "calibrated", lambda: power_w("isaac", "w16a16"), powers),
        figure("area", "mm²", 85.4, "calibrated", lambda: area_mm2("isaac"), areas),
    ]  # fmt: skip


def _puma() -> list[PublishedFigure]:
    at, isaac = partial(peak, "puma", "w16a16"), partial(peak, "isaac", "w16a16")
    counted = "the paper counts 1.7 times as many operations, also of ISAAC (577 and 29.2 % below it)"
    what, unit, one = "peak, 16-bit", "one 128×128 vector product, 16-bit", "from the simulator's constants"

    def figure(
        what: str, quantity: str, unit: str, value: float, kind: Kind, run: Callable[[], float], why: str
    ):
        return PublishedFigure("puma", what, quantity, unit, value, kind, PUMA, run, why)

    return [
        figure(what, "power", "W", 62.5, "calibrated", lambda: power_w("puma", "w16a16"), "tile.other_mw"),
        figure(what, "area", "mm²", 90.6, "calibrated", lambda: area_mm2("puma"), "tile.other_mm2"),
        figure(what, "throughput", "Top/s", 52.31, "predicted", lambda: at().tops, counted),
        figure(what, "density over ISAAC's", "times", 0.708, "predicted",
               lambda: at().tops_per_mm2() / isaac().tops_per_mm2(), "area calibrated, throughput not"),
        figure(what, "efficiency over ISAAC's", "times", 0.793, "predicted",
               lambda: at().tops_per_w() / isaac().tops_per_w(), "power calibrated, throughput not"),
        figure(unit, "latency", "ns", 2304, "calibrated", lambda: vector(machine("puma"))[0], "window_ns"),
        figure(unit, "energy", "nJ", 43.97, "predicted", lambda: vector(machine("puma"))[1], one),
    ]  # fmt: skip


def _jia() -> list[PublishedFigure]:
    name = "jia2020-cimu"

    def figure(
        what: str, quantity: str, unit: str, value: float, kind: Kind, run: Callable[[], float], why: str
    ):
        return PublishedFigure(name, what, quantity, unit, value, kind, JIA, run, why)

    def efficiency(vdd_v: float) -> float:
        return peak(name, "w1a1", vdd_v).tops_per_w("array", "adc", "dac")

    def tops(bits: int) -> float:
        return peak(name, f"w1a{bits}", 0.85).tops

    one, slow = "1-bit operations", "supply by V²"
    at_full = partial(peak, name, "w1a1", 1.2)
    both = "efficiency of array and ADC"
    rows = [
        figure(one, "throughput, 1.2 V", "Top/s", 2.185, "calibrated", lambda: at_full().tops, "54 cycles"),
        figure(one, "throughput, 0.85 V", "Top/s", 0.874, "calibrated", lambda: tops(1), "40 MHz"),
        figure(one, f"{both}, 1.2 V", "Top/s/W", 192, "calibrated", lambda: efficiency(1.2), "Table I"),
        figure(one, f"{both}, 0.85 V", "Top/s/W", 400, "predicted", lambda: efficiency(0.85), slow),
        figure(one, "density of array and ADC, 1.2 V", "Top/s/mm²", 0.6, "predicted",
               lambda: at_full().tops_per_mm2("array", "adc"), "from the areas of Fig. 11"),
        figure("macro", "area", "mm²", 4.296, "calibrated",
               lambda: area_mm2(name, *MACRO, "other"), "Fig. 11"),
    ]  # fmt: skip
    for component, place, value in (
        ("adc", "ADC", 1.79),
        ("array", "array", 9.7),
        ("shift_add", "datapath", 8.3),
    ):
        rows.append(figure("a column", f"energy of the {place}, 0.85 V", "pJ", value, "predicted",
                           partial(column_pj, name, 0.85, component), slow))  # fmt: skip
    late = "8-bit inputs come slower than slices suggest: 600 cycles for 64"
    for bits, value in ((2, 0.437), (4, 0.2185), (8, 0.0932)):
        rows.append(figure(f"1-bit weights, {bits}-bit inputs", "throughput, 0.85 V", "Top/s", value,
                           "predicted", partial(tops, bits), late if bits == 8 else "slices"))  # fmt: skip
    return rows


def _wang() -> list[PublishedFigure]:
    name, what = "wang2022-c2c", "peak, 8-bit"

    def efficiency(vdd_v: float) -> float:
        return peak(name, "w8a8", vdd_v).tops_per_w(*MACRO)

    def density(vdd_v: float) -> float:
        return peak(name, "w8a8", vdd_v).tops_per_mm2(*MACRO, "other")

    rows: list[PublishedFigure] = []
    for vdd, per_w, per_mm2 in ((0.7, 31.998, 2.377), (0.8, 22.59, 2.858), (0.9, 18.439, 3.2),
                                (1.0, 16.376, 3.596), (1.1, 15.467, 3.941)):  # fmt: skip
        kind: Kind = "calibrated" if vdd == 1.0 else "predicted"
        rows += [
            PublishedFigure(name, what, f"efficiency, {vdd} V", "Top/s/W", per_w, kind, WANG,
                            partial(efficiency, vdd), "" if vdd == 1.0 else "supply by V²"),
            PublishedFigure(name, what, f"density, {vdd} V", "Top/s/mm²", per_mm2, kind, WANG,
                            partial(density, vdd), "" if vdd == 1.0 else "alpha-power law"),
        ]  # fmt: skip
    return rows


def _macros() -> list[PublishedFigure]:
    capram, digital = "pim-sram-65nm", "digital-cim-22nm"
    one = "1-bit weights, 4-bit inputs, one macro"
    partly = "array, ADC and DAC make 8.9 of 11.6 mW; what control draws is not told"
    macros = machine(capram).spec.tile.macros
    return [
        PublishedFigure(capram, one, "throughput", "Gop/s", 573.4, "calibrated", CAP_RAM,
                        lambda: peak(capram, "w1a4").tops * 1e3 / macros, "read_ns"),
        PublishedFigure(capram, one, "efficiency", "Top/s/W", 49.4, "predicted", CAP_RAM,
                        lambda: peak(capram, "w1a4").tops_per_w(*MACRO), partly),
        PublishedFigure(capram, one, "area", "mm²", 0.179, "calibrated", CAP_RAM,
                        lambda: area_mm2(capram, *MACRO) / macros, "cell.area_um2"),
        PublishedFigure(digital, "4-bit weights and inputs", "efficiency", "Top/s/W", 89, "predicted", CHIH,
                        lambda: peak(digital, "w4a4").tops_per_w(*DIGITAL), "second-hand supply"),
        PublishedFigure(digital, "4-bit weights and inputs", "density", "Top/s/mm²", 16.3, "predicted", CHIH,
                        lambda: peak(digital, "w4a4").tops_per_mm2(*DIGITAL), "second-hand clock"),
    ]  # fmt: skip


FIGURES: tuple[PublishedFigure, ...] = (*_isaac(), *_puma(), *_jia(), *_wang(), *_macros())
