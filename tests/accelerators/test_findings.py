"""Machines of equal specs share what they have found out; nothing else is shared."""

import pytest

from archsim import load_accelerator, load_workload, simulate
from archsim.accelerators.systolic.recent import Recent


@pytest.fixture
def spec():
    return load_accelerator("systolic-32-edge").spec


def machine_of(spec, **changes):
    return type(load_accelerator("systolic-32-edge"))(spec.model_copy(update=changes))


def test_an_equal_machine_answers_from_the_same_table(spec):
    layer = load_workload("resnet8").layers[0]
    one = machine_of(spec).options(layer, minimize="energy")
    two = machine_of(spec).options(layer, minimize="energy")
    assert one.cycles is two.cycles
    other = machine_of(spec, technology=spec.technology.model_copy(update={"clock_mhz": 123.0}))
    assert other.options(layer, minimize="energy").cycles is not one.cycles


def test_a_changed_machine_gives_its_own_results(spec):
    """Whichever ran before."""
    dram, *others = spec.memories
    slower = {"memories": [dram.model_copy(update={"bandwidth_gb_s": 0.5}), *others]}
    first = [simulate("resnet8", machine_of(spec)), simulate("resnet8", machine_of(spec, **slower))]
    again = [simulate("resnet8", machine_of(spec)), simulate("resnet8", machine_of(spec, **slower))]
    assert [run.totals for run in first] == [run.totals for run in again]
    assert [run.layers for run in first] == [run.layers for run in again]
    assert first[1].totals.latency_cycles > 2 * first[0].totals.latency_cycles


def test_results_name_the_machine_they_are_of(spec):
    mac = spec.array.mac.model_copy(update={"energy_pj": 0.25})
    given = {"array": spec.array.model_copy(update={"mac": mac})}
    for name in ("one", "another"):
        run = simulate("resnet8", machine_of(spec, name=name, **given))
        sources = {a.source for a in run.assumptions if a.quantity == "mac energy"}
        assert sources == {f"given in {name}: array.mac"}


def test_what_was_not_asked_for_lately_is_forgotten():
    recent: Recent[str, int] = Recent(2)
    recent["a"], recent["b"] = 1, 2
    assert recent["a"] == 1
    recent["c"] = 3
    assert list(recent) == ["a", "c"]
