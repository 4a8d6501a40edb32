"""Options, programs and energy of crossbar machines: the kernel does what the table priced."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from random import Random

import numpy as np
import pytest
from cluster_cases import conv, matmul
from crossbar_cases import attention, machine_of, random_layer, random_machine, spec_of

import archsim
from archsim.accelerators.crossbar.machine import CrossbarMachine
from archsim.accelerators.library import load_accelerator
from archsim.errors import InputError
from archsim.kernel import engine, simpy_engine
from archsim.kernel.steady import least_interval, steady_state
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload


def library(name: str) -> CrossbarMachine:
    machine = load_accelerator(name)
    assert isinstance(machine, CrossbarMachine)
    return machine


def random_case(number: int, **changes):
    """A machine and a layer that fits it."""
    rng = Random(f"crossbar {number}")
    while True:
        machine, layer = random_machine(rng, **changes), random_layer(rng)
        try:
            return rng, machine, layer, machine.options(layer)
        except InputError:
            continue


@pytest.mark.parametrize("number", range(60))
def test_the_kernel_agrees_with_the_table(number):
    """Latency between the bounds; busy cycles are the table's, each firing rounded up."""
    rng, machine, layer, options = random_case(number)
    for index in {int(options.cycles.argmin()), *rng.sample(range(len(options)), min(4, len(options)))}:
        row = options.row(index)
        execution = engine.simulate(machine.program([row]))
        assert options.cycles[index] - 1e-6 <= execution.cycles <= options.cycles_high[index] + 1e-6, row
        if layer.contraction is not None:
            busy = machine._priced(row)[2].busy
            compute = execution.actors[f"{layer.name}:compute"]
            assert compute.busy_cycles == pytest.approx(float(busy["arrays"][0])), row


@pytest.mark.parametrize("number", range(20))
def test_both_engines_agree(number):
    rng, machine, layer, options = random_case(number + 1000)
    rows = [options.row(rng.randrange(len(options))) for _ in range(2)]
    rows[1] = replace(rows[1], layer=replace(layer, name="second"))
    graph = machine.program(rows)
    fast, reference = engine.simulate(graph), simpy_engine.simulate(graph)
    assert fast.cycles == reference.cycles
    assert {n: (a.start, a.end, a.busy_cycles) for n, a in fast.actors.items()} == {
        n: (a.start, a.end, a.busy_cycles) for n, a in reference.actors.items()
    }


@pytest.mark.parametrize("number", range(40))
def test_a_rows_energy_is_its_actions_and_leakage(number):
    rng, machine, _layer, options = random_case(number + 3000)
    index = rng.randrange(len(options))
    row = options.row(index)
    spent = sum(a.count * a.unit_energy.value for a in machine.performed(row).actions)
    leaked = sum(options.leakage_pj_per_cycle.values()) * options.cycles[index]
    assert spent + leaked == pytest.approx(options.total_energy_pj[index], rel=1e-9)


@pytest.mark.parametrize("number", range(30))
def test_a_readable_mapping_leads_back_to_its_row(number):
    rng, machine, layer, options = random_case(number + 4000)
    index = rng.randrange(len(options))
    row = options.row(index)
    again = machine.row(layer, machine.performed(row).mapping)
    assert again.mapping == row.mapping
    assert again.cycles == pytest.approx(row.cycles)
    assert again.energy_pj == pytest.approx(row.energy_pj)


def test_mappings_that_are_none_are_refused():
    machine, layer = machine_of(), matmul(1, 16, 4)
    good = machine.performed(machine.options(layer).row(0)).mapping
    for bad in (
        {},
        {**good, "slice_bits": "wide"},
        {**good, "at_once": {"down": 9}},
        {**good, "row_order": "x"},
    ):
        with pytest.raises(InputError, match="matmul"):
            machine.row(layer, bad)


@pytest.mark.parametrize("number", range(20))
def test_a_front_keeps_the_best_of_every_quantity(number):
    _, machine, layer, options = random_case(number + 5000)
    names = ("cycles", "energy_pj", "resource:crossbars")
    front = machine.options(layer, front=names)
    assert len(front) <= len(options)
    assert front.total_energy_pj.min() <= options.energy_at(options.cycles_high).min() + 1e-6
    assert front.cycles.min() <= options.cycles_high.min()


def test_conversions_are_counted_one_by_one():
    """3×3 convolution of 5 to 6 channels on 16 rows: 45 products an output in three blocks."""
    layer = conv(4, 4, 5, 6, precision="w4a8")
    machine = machine_of()
    options = machine.options(layer)
    row = next(options.row(i) for i in range(len(options)) if options.row(i).mapping["row_order"] == "kernel")
    actions = {(a.component, a.action): a.count for a in machine.performed(row).actions}
    windows, slices, columns, blocks = 16, 8, 2, ceil(45 / 16)
    assert actions["shift_add", "add"] == windows * 6 * columns * slices * blocks
    assert actions["array", "multiply"] == windows * 45 * 6 * columns * slices
    assert actions["dac", "drive"] == windows * 45 * slices * 1  # six weights lie side by side in one array
    assert actions["array", "write"] == 45 * 6 * columns * row.mapping["copies"]
    assert actions["offchip", "byte"] == pytest.approx(45 * 6 * 4 / 8)


def test_time_of_one_vector():
    """16 columns at a conversion a nanosecond, 8 a converter: 10 ns of reading hide them, 8 slices."""
    machine = machine_of()
    row = machine.options(matmul(1, 16, 4)).row(0)
    assert row.mapping["copies"] == 1
    write = 16 * 200  # rows of 4 levels at 50 ns a pulse
    run = engine.simulate(machine.program([row]))
    assert run.actors["matmul:compute"].busy_cycles == 8 * 10 + 8 + 2
    assert run.actors["matmul:write"].busy_cycles == write
    slow = machine_of(sample_hold=None).site(Precision())
    assert slow.slice_cycles(1) == 10 + 8


def test_pulses_wait_for_the_clock_once_a_slice():
    """15 pulses of 0.3 ns, and 16 columns at a conversion a nanosecond, 8 a converter."""
    changes = {"array": {**spec_of()["array"], "read_ns": 0.3}, "dac": {"bits": 4, "kind": "pulse"}}
    assert machine_of(**changes).site(Precision()).slice_cycles(15) == 8  # conversions hide the 4.5 ns
    assert machine_of(**changes, sample_hold=None).site(Precision()).slice_cycles(15) == 13  # 4.5 and 8


@pytest.mark.parametrize(("held", "pace"), [({}, 8 / 10), (None, 8 / 18)])
def test_a_converter_without_a_rate_is_built_for_what_is_asked(held, pace):
    """A flash does a conversion in 1 ns; eight of them every 10 ns that are read, or 18 where it waits."""
    fast, built = (
        machine_of(sample_hold=held, adc={"bits": 6, "columns": 8, "kind": "flash", **rate})
        for rate in ({}, {"rate_msps": pace * 1e3})
    )
    for quantity in ("convert", "leak"):
        own, other = (
            m.prices.energy_pj["adc", "convert"] if quantity == "convert" else m.leakage()["adc"]
            for m in (fast, built)
        )
        assert own.value == pytest.approx(other.value)
    assert fast.area()["adc"].value == pytest.approx(built.area()["adc"].value)
    assert fast.prices.adc_rate_msps == 1000


def test_the_peak_of_the_macros_alone():
    peak = machine_of().peak()
    assert peak.macro == ("array", "dac", "adc", "sample_hold", "shift_add")
    power = sum(peak.power_mw[name] for name in peak.macro)
    assert peak.tops_per_w(*peak.macro) == pytest.approx(peak.tops / power * 1e3)
    assert peak.tops_per_w(*peak.macro) > peak.tops_per_w()


def test_copies_divide_the_windows():
    machine = machine_of(composition="pipelined")
    options = machine.options(conv(6, 6, 1, 4, precision="w8a8"))
    arrays = options.resources["crossbars"]
    cycles = {int(n): int(c) for n, c in zip(arrays, options.cycles, strict=True)}
    assert cycles[1] == 36 * 80 + 10
    assert cycles[2] == 18 * 80 + 10
    assert cycles[8] == 5 * 80 + 10


def test_zeros_save_energy_where_they_can():
    def energies(weight_density: float, activation_density: float, encoding: str):
        array = {**spec_of()["array"], "weight_encoding": encoding}
        machine = machine_of(array=array)
        layer = replace(
            matmul(4, 16, 8), weight_density=weight_density, activation_density=activation_density
        )
        actions = machine.performed(machine.options(layer).row(0)).actions
        return {(a.component, a.action): a.count for a in actions}

    dense, half = energies(1, 1, "differential"), energies(0.5, 0.5, "differential")
    assert half["array", "multiply"] == dense["array", "multiply"] / 4
    assert half["dac", "drive"] == dense["dac", "drive"] / 2
    assert 0.25 * dense["adc", "convert"] < half["adc", "convert"] < dense["adc", "convert"]
    offset = energies(0.5, 1, "offset")  # a weight of zero is half of the range
    assert offset["array", "multiply"] == energies(1, 1, "offset")["array", "multiply"]


def test_charge_of_a_column_does_not_change_its_converter():
    cell = {"kind": "sram"}
    machine = machine_of(array={**spec_of()["array"], "cell": cell})
    assert machine.prices.adc_column_share == 0.0
    assert 0 < machine_of().prices.adc_column_share < 1


@pytest.mark.parametrize("number", range(15))
def test_a_pipelines_interval_is_its_slowest_stage(number):
    rng = Random(f"pipeline {number}")
    tile = {"count": 40, "macros": 2, "arrays": 3, "buffer": {"capacity_kib": 64}}
    machine = machine_of(composition="pipelined", tile=tile)
    first = conv(8, 8, 3, rng.randint(4, 12), name="a", precision="w4a4")
    second = conv(8, 8, first.outputs[0].shape[1], 8, stride=rng.choice((1, 2)), name="b", precision="w4a4")
    second = replace(second, inputs=first.outputs)
    tables = [machine.options(layer) for layer in (first, second)]
    rows = [t.row(rng.randrange(len(t))) for t in tables]
    steady = steady_state(lambda inputs: machine.program(rows, inputs))
    assert steady.interval_cycles == max(row.cycles for row in rows)
    assert least_interval(steady.first) == steady.interval_cycles
    assert (
        steady.first.cycles < sum(row.cycles for row in rows) + 10
    )  # the second begins before the first ends
    graph = machine.program(rows, 2)
    assert engine.simulate(graph).cycles == simpy_engine.simulate(graph).cycles


def test_duplication_is_balanced_as_well_as_can_be():
    """No other copies within the arrays give a shorter interval."""
    tile = {"count": 3, "macros": 2, "arrays": 2, "buffer": {"capacity_kib": 64}}
    machine = machine_of(composition="pipelined", tile=tile)
    first = conv(6, 6, 1, 4, name="a")
    second = replace(conv(6, 6, 4, 4, name="b", stride=2), inputs=first.outputs)
    workload = Workload.from_layers("two", [first, second])
    run = archsim.simulate(workload, machine)
    used = sum(layer.mapping["crossbars"] for layer in run.layers)
    assert used <= 12
    tables = [machine.options(layer) for layer in workload.layers]
    best = min(
        max(a, b)
        for a, n in zip(tables[0].cycles, tables[0].resources["crossbars"], strict=True)
        for b, m in zip(tables[1].cycles, tables[1].resources["crossbars"], strict=True)
        if n + m <= 12
    )
    assert run.totals.interval_cycles == best


def test_a_network_that_fits_is_written_once():
    workload = Workload.from_layers("one", [matmul(64, 16, 8)])
    small = archsim.simulate(workload, machine_of())
    assert small.layers[0].mapping["weights"] == "resident"
    assert not (small.energy.action == "write").where(small.energy.component == "array").any()
    forced = archsim.simulate(workload, machine_of(reload_arrays=8))
    assert forced.layers[0].mapping["weights"] == "reload"
    written = forced.energy.query("component == 'array' and action == 'write'")
    assert written["count"].sum() == 16 * 8 * 4 * forced.layers[0].mapping["at_once"]["copies"]
    assert forced.totals.latency_cycles > small.totals.latency_cycles


def test_layers_that_stay_share_the_arrays():
    layers = [matmul(64, 16, 8, name="a"), matmul(64, 16, 8, name="b")]
    layers[1] = replace(layers[1], inputs=layers[0].outputs, contraction=layers[1].contraction)
    run = archsim.simulate(Workload.from_layers("two", layers), machine_of())
    assert sum(layer.mapping["crossbars"] for layer in run.layers) <= 8


def test_some_layers_may_stay_while_others_are_written():
    big = replace(matmul(2, 64, 64, name="big"))
    small = replace(matmul(200, 16, 8, name="small"))
    run = archsim.simulate(Workload.from_layers("both", [big, small]), machine_of(reload_arrays=4))
    assert run.layers[0].mapping["weights"] == "reload"
    assert run.layers[0].mapping["rounds"] > 1
    assert run.layers[1].mapping["weights"] == "resident"


@pytest.mark.parametrize("composition", ["sequential", "pipelined"])
def test_the_networks_own_tensors_cross_the_chips_edge(composition: str):
    tile = {"count": 8, "macros": 2, "arrays": 2, "buffer": {"capacity_kib": 64}}
    first = conv(6, 6, 3, 4, name="a", precision="w4a8")
    second = replace(conv(6, 6, 4, 4, name="b", precision="w4a8"), inputs=first.outputs)
    workload = Workload.from_layers("two", [first, second])
    run = archsim.simulate(workload, machine_of(composition=composition, tile=tile))
    assert [layer.dram_bytes for layer in run.layers] == [6 * 6 * 3, 6 * 6 * 4]


def test_slow_links_set_a_pipelines_pace():
    machine = machine_of(composition="pipelined", offchip={"bandwidth_gb_s": 0.001})
    workload = Workload.from_layers("one", [conv(6, 6, 1, 4, name="a")])
    run = archsim.simulate(workload, machine)
    assert run.totals.interval_cycles == 6 * 6 * 4 * 1000
    assert run.layers[0].bound_by == "offchip"


def test_buffers_must_hold_a_window_and_a_pipelines_lines():
    tile = {"count": 8, "macros": 2, "arrays": 2, "buffer": {"capacity_kib": 0.01}}
    layer = conv(6, 6, 20, 20, name="a", precision="w1a8")
    with pytest.raises(InputError, match="one window of layer 'a'"):
        machine_of(tile=tile).options(layer)
    tile["buffer"] = {"capacity_kib": 0.04}  # 200 bytes for one window, 480 for four lines
    with pytest.raises(InputError, match="buffer_kib"):
        archsim.simulate(Workload.from_layers("a", [layer]), machine_of(composition="pipelined", tile=tile))


def test_two_activations_are_multiplied_by_writing_one():
    machine = machine_of()
    options = machine.options(attention(2, 5, 12, 4))
    assert set(options.codebooks["weights"]["weights"]) == {"reload"}
    assert float(options.traffic_bytes["offchip"].max()) == 0.0
    actions = {(a.component, a.action): a.count for a in machine.performed(options.row(0)).actions}
    assert actions["buffer", "read"] == 2 * (5 * 12 + 12 * 4)  # both operands, a byte each
    with pytest.raises(InputError, match="two activations"):
        machine_of(composition="pipelined").options(attention(2, 5, 12, 4))


def test_a_pipeline_that_does_not_fit_says_by_how_much():
    layers = [conv(6, 6, 16, 32, name="a")]
    with pytest.raises(InputError, match=r"needs 72 arrays.*8 may keep"):
        archsim.simulate(Workload.from_layers("big", layers), machine_of(composition="pipelined"))


def test_float_and_wide_layers_are_refused():
    with pytest.raises(InputError, match="integers"):
        machine_of().options(matmul(1, 2, 2, precision="fp16"))
    with pytest.raises(InputError, match="w16a16"):
        machine_of().options(matmul(1, 2, 2, precision="w20a8"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"adc": None}, "need an adc"),
        ({"adc": {"bits": 6, "columns": 32}}, "adc.columns is 32"),
        ({"network": None}, "network"),
        ({"composition": "pipelined", "reload_arrays": 2}, "reload_arrays"),
        ({"reload_arrays": 9}, "8 arrays"),
        ({"noise": {"drift_time_s": 1.0}}, "drift"),
    ],
)
def test_what_does_not_fit_together(changes, says):
    with pytest.raises(InputError, match=says):
        load_accelerator(spec_of(**changes))


def test_isaac_has_its_published_peak():
    peak = library("isaac").peak()
    assert peak.tops == pytest.approx(41.3, rel=0.02)
    assert peak.tops_per_w() * 1e3 == pytest.approx(627.5, rel=0.02)
    assert peak.tops_per_mm2() * 1e3 == pytest.approx(479, rel=0.02)
    assert sum(peak.power_mw.values()) == pytest.approx(65.8e3, rel=0.01)
    assert sum(peak.area_mm2.values()) == pytest.approx(85.4, rel=0.01)


def test_full_arrays_reach_the_peak():
    """A layer as large as the arrays runs at what `peak_macs_per_cycle` promises, but for the fill."""
    machine = machine_of(composition="pipelined", precision="w8a8")
    layer = matmul(4000, 16, 4 * 8)
    row = machine.options(layer).row(0)
    assert layer.macs / row.cycles == pytest.approx(machine.peak_macs_per_cycle, rel=0.001)


def test_supply_scales_energy_and_time():
    machine = library("jia2020-cimu")
    slow = machine.at(vdd_v=0.85)
    assert slow.clock_mhz == 40
    ratio = (0.85 / 1.2) ** 2
    for key, figure in machine.prices.energy_pj.items():
        factor = 1.0 if key[0] == "offchip" else ratio
        assert slow.prices.energy_pj[key].value == pytest.approx(figure.value * factor)


@pytest.mark.parametrize(
    "name", ["isaac", "puma", "jia2020-cimu", "wang2022-c2c", "pim-sram-65nm", "digital-cim-22nm"]
)
def test_the_library_runs_a_network(name):
    run = archsim.simulate("resnet8", name, timeline=True)
    assert run.totals.latency_cycles > 0
    assert run.timeline is not None
    assert run.totals.energy_mj == pytest.approx(run.energy.energy_pj.sum() * 1e-9)
    assert np.isfinite(run.energy.energy_pj).all()
