"""SRAMs at supplies of their own, in every family: energy, leakage, clock, and where data lie."""

import copy

import pytest

from archsim import simulate
from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.accelerators.low_voltage import LowVoltage, SramSite, sram_clock
from archsim.accelerators.machine import Machine
from archsim.components.low_voltage import low_voltage_sram
from archsim.components.technology import threshold_v
from archsim.errors import InputError
from archsim.workloads.library import load_workload

# family: (machine, where low_voltage goes, memory in results, action)
PLACES = {
    "systolic": ("systolic-32-edge", ("memories", 1), "buffer", "read"),
    "cluster": ("vega-like", ("l1",), "l1", "read"),
    "crossbar": ("pim-sram-65nm", ("tile", "buffer"), "buffer", "read"),
    "overlay": ("heatvit-zcu102", ("buffers",), "bram18", "busy cycle"),
    "dataflow": ("finn-cnv-pynq-z1", (), "bram18", "busy cycle"),
}
SETTINGS = {"bram18": "bram"}
families = pytest.mark.parametrize("family", PLACES)


def machine(family, low_voltage) -> Machine:
    name, path, *_ = PLACES[family]
    spec = copy.deepcopy(read_accelerator(name))
    holder = spec
    for key in path:
        holder = holder[key]
    if low_voltage is not None:
        holder["low_voltage"] = low_voltage
    return load_accelerator(spec)


def supply(on: Machine, family: str):
    memory = PLACES[family][2]
    return on.settings()["sram"][SETTINGS.get(memory, memory)]


def workload_of(family):
    return load_workload("cnv-w1a1" if family == "dataflow" else "resnet8")


@families
def test_an_empty_key_changes_nothing(family):
    plain, empty = machine(family, None), machine(family, {})
    assert plain.settings() == empty.settings()
    assert plain.costs(plain.precision).energy_pj == empty.costs(plain.precision).energy_pj
    assert dict(plain.leakage()) == dict(empty.leakage())
    assert dict(plain.area()) == dict(empty.area())


@families
def test_energy_of_an_access_falls_by_the_law_and_no_other_does(family):
    _, _, memory, action = PLACES[family]
    plain = machine(family, None)
    low = machine(family, {"vdd_v": 0.7, "max_mhz": 1e6})
    before, after = (m.costs(plain.precision).energy_pj for m in (plain, low))
    factor = supply(low, family)["energy_factor"]
    assert factor < 1
    assert after[memory, action].value == pytest.approx(before[memory, action].value * factor)
    on_rail = {memory, *(("uram",) if memory == "bram18" else ())}
    unchanged = [key for key in before if key[0] not in on_rail and key != ("wires", "transfer")]
    assert len(unchanged) > 2
    assert all(after[key].value == before[key].value for key in unchanged)


@families
def test_the_slowest_memory_sets_the_clock(family):
    plain = machine(family, None)
    nominal = 0.9 * plain.clock_mhz
    low = machine(family, {"vdd_v": 0.75, "max_mhz": nominal})
    said = low.settings()
    assert low.clock_mhz < nominal < plain.clock_mhz
    assert said["clock_limited_by"] in said["sram"]
    assert said["clock_wanted_mhz"] == plain.clock_mhz
    assert low.clock_mhz == supply(low, family)["max_mhz"]
    fast = machine(family, {"vdd_v": 0.75, "max_mhz": 1e6})
    assert fast.clock_mhz == plain.clock_mhz
    assert "clock_limited_by" not in fast.settings()


@families
def test_energy_is_counts_times_unit_costs_at_a_low_supply(family):
    on = machine(family, {"vdd_v": 0.7, "max_mhz": 1e6})
    run = simulate(workload_of(family), on)
    actions = run.energy[run.energy["action"] != "leakage"]
    assert len(actions) > 10
    assert (actions["count"] * actions["unit_energy_pj"]).sum() == pytest.approx(actions["energy_pj"].sum())
    before = simulate(workload_of(family), machine(family, None))
    assert run.totals.energy_mj < before.totals.energy_mj


@families
def test_where_data_lie_is_told_for_every_layer(family):
    on = machine(family, {"vdd_v": 0.7, "max_mhz": 1e6})
    prepare = getattr(on, "for_workload", None)
    network = workload_of(family)
    on = on if prepare is None else prepare(network)
    at_low = 0
    for layer in network.layers:
        row = on.options(layer, (on.precision,) if family != "dataflow" else ()).row(0)
        for place in on.stored(row):
            assert place.tile_elements >= 1
            assert place.word_bits * place.words >= place.element_bits
            at_low += place.supply is not None
            if place.operand == "weight" and layer.contraction is not None:
                assert place.tile_elements <= layer.contraction.weight_elements
    assert at_low


def test_a_tile_lies_whole_in_its_half_of_a_buffer():
    """What `stored` says of a systolic machine fits the memory: tiles of all operands, twice."""
    on = machine("systolic", {"vdd_v": 0.7})
    for layer in load_workload("resnet8").layers:
        if layer.contraction is None:
            continue
        table = on.options(layer, minimize="energy")
        for index in range(0, len(table), 7):
            places = on.stored(table.row(index))
            assert [p.operand for p in places] == ["input", "weight", "output"]
            # sums in the buffer may be wider than outputs, so this is a lower bound of what is held
            bits = sum(p.tile_elements * p.element_bits for p in places)
            assert bits <= 512 * 1024 * 8
            assert {p.buffers for p in places} == {2}


def test_weights_of_a_pipeline_lie_in_the_memory_of_their_stage():
    on = machine("dataflow", {"vdd_v": 0.57})
    network = load_workload("cnv-w1a1")
    on = on.for_workload(network)
    seen = set()
    for layer in network.layers:
        table = on.options(layer)
        for index in range(len(table)):
            for place in on.stored(table.row(index)):
                kind = place.memory.split()[-1]
                seen.add(kind)
                assert (place.supply is not None) == (kind in ("bram", "uram"))
                assert place.words * place.word_bits == layer.contraction.weight_elements * place.element_bits
    assert {"bram", "lutram"} <= seen


def test_banks_of_their_own():
    voltages = [0.9, 0.8, 0.7, 0.7]
    on = machine("systolic", {"vdd_v": voltages, "max_mhz": 1e6})
    sram = low_voltage_sram("generic", 22)
    said = supply(on, "systolic")
    assert said["vdd_v"] == voltages
    assert said["ber"] == pytest.approx(float(sram.bit_error_rate(voltages).mean()))
    with pytest.raises(InputError, match="2 voltages, but the memory has banks: 4"):
        machine("systolic", {"vdd_v": [0.8, 0.7]})


def test_a_code_costs_and_mends():
    plain = machine("systolic", {"vdd_v": 0.7, "max_mhz": 2000.0})
    coded = machine("systolic", {"vdd_v": 0.7, "max_mhz": 2000.0, "ecc": "secded"})
    p = plain.precision
    for action in ("read", "write"):
        assert (
            coded.costs(p).energy_pj["buffer", action].value
            > plain.costs(p).energy_pj["buffer", action].value
        )
    assert coded.area()["buffer"].value > plain.area()["buffer"].value * 266 / 256
    assert supply(coded, "systolic")["residual_ber"] < supply(coded, "systolic")["ber"]
    assert supply(coded, "systolic")["max_mhz"] < supply(plain, "systolic")["max_mhz"]


def test_given_figures_replace_the_technology():
    given = LowVoltage.model_validate(
        {"vdd_v": 0.6, "measured": [{"vdd_v": 0.5, "ber": 0.1}, {"vdd_v": 0.7, "ber": 0.001}],
         "energy_exponent": 2.0, "threshold_v": 0.3}
    )  # fmt: skip
    sram = given.sram(14, 0.8)
    assert float(sram.bit_error_rate(0.5)) == pytest.approx(0.1)
    assert float(sram.energy_factor(0.4)) == pytest.approx(0.25)
    assert sram.threshold_v.value == 0.3


def test_without_a_given_clock_a_memory_was_made_for_that_of_the_machine():
    site = SramSite("m", LowVoltage(technology="14nm", vdd_v=0.7), 64, 14, 0.8, 0.8, 500.0)
    clock = sram_clock(500.0, [site])
    assert clock.memory == "m"
    assert clock.mhz == pytest.approx(float(low_voltage_sram("14nm", 14).max_mhz(0.7, 500.0)))


@pytest.mark.parametrize(
    ("family", "low_voltage", "message"),
    [
        ("systolic", {"vdd_v": 0.2}, r"memory 'buffer': low_voltage: .*not usable"),
        ("systolic", {"technology": "5nm", "vdd_v": 0.7}, "14nm, 65nm"),
        ("systolic", {"vdd_v": []}, "vdd_v"),
        ("systolic", {"vdd": 0.7}, "vdd"),
        ("dataflow", {"vdd_v": 0.5}, "outside the measured"),
    ],
)
def test_bad_supplies_are_refused(family, low_voltage, message):
    with pytest.raises(InputError, match=message):
        machine(family, low_voltage)


def test_flip_flops_have_no_supply_of_their_own():
    spec = copy.deepcopy(read_accelerator("pim-sram-65nm"))
    spec["tile"]["buffer"] |= {"capacity_kib": 0.5, "low_voltage": {"vdd_v": 0.7}}
    with pytest.raises(InputError, match="flip-flops"):
        load_accelerator(spec)


def test_embedded_dram_is_no_sram():
    """ISAAC's and PUMA's buffers are eDRAM (Shafiee 2016, Ankit 2019): no law of SRAM cells is theirs."""
    spec = copy.deepcopy(read_accelerator("isaac"))
    assert [site.memory for site in load_accelerator(spec).sram_sites] == ["input_register"]
    spec["tile"]["buffer"]["low_voltage"] = {"vdd_v": 0.7}
    with pytest.raises(InputError, match="not for embedded DRAM"):
        load_accelerator(spec)
    del spec["tile"]["buffer"]["low_voltage"], spec["tile"]["buffer"]["read_pj"]
    with pytest.raises(InputError, match=r"buffer: built_as: edram .* give read_pj"):
        load_accelerator(spec)


def test_a_slow_register_slows_the_whole_crossbar_machine():
    """Its cycles stay the same and get longer: what is always drawn rises as the clock falls."""
    plain, low = (load_accelerator("isaac", sram_vdd_v=volts) for volts in ({}, {"": 0.7}))
    slower = plain.clock_mhz / low.clock_mhz
    assert slower == pytest.approx(((0.97 - threshold_v(32)) / (0.7 - threshold_v(32))) ** 1.3 * 0.7 / 0.97)
    layer = load_workload("resnet8").layers[0]
    precision = plain.precision
    assert plain.options(layer, [precision]).cycles.min() == low.options(layer, [precision]).cycles.min()
    for name in ("offchip", "adc"):
        before, after = (m.costs(precision).always_on_mw[name].value / m.clock_mhz for m in (plain, low))
        assert after == pytest.approx(before * slower)
