"""`--sram-vdd`: supplies of SRAMs from the command line, and what is told of them."""

import json
from pathlib import Path

import pytest

from archsim.accelerators.library import list_accelerators, load_accelerator, read_accelerator
from archsim.accelerators.sram_supplies import sram_places


@pytest.mark.parametrize("name", list_accelerators())
def test_every_sram_of_the_library_can_be_given_a_supply(name):
    """The names that may be asked for are those that the machine has."""
    places = sram_places(read_accelerator(name))
    machine = load_accelerator(name)
    if not machine.sram_sites:
        assert name in ("econ-t-65nm", "puma")  # a chip of standard cells; buffers of embedded DRAM
        return
    assert set(places) == {site.memory for site in machine.sram_sites}
    for memory in places:
        volts = 0.9 * next(s.nominal_v for s in machine.sram_sites if s.memory == memory)
        at = load_accelerator(name, sram_vdd_v={memory: volts}).settings()["sram"]
        assert list(at) == [memory]
        assert at[memory]["vdd_v"] == volts


def test_a_run_tells_of_the_supplies(archsim, tmp_path: Path, tiny_trace: Path):
    file = tmp_path / "run.json"
    supplies = ("--sram-vdd", "0.75", "--sram-vdd", "weights=0.7")
    result = archsim("run", tiny_trace, "--on", "lowvolt-npu", *supplies, "--json", file)
    assert result.exit_code == 0
    assert "SRAM supplies" in result.stdout
    said = json.loads(file.read_text())["settings"]["sram"]
    assert {name: at["vdd_v"] for name, at in said.items()} == {
        "weights": 0.7,
        "inputs": 0.75,
        "outputs": 0.75,
    }
    assert said["weights"]["ber"] == pytest.approx(0.00278, rel=0.01)


def test_the_memory_that_sets_the_clock_is_named(archsim, tiny_trace: Path):
    result = archsim("run", tiny_trace, "--on", "matic-65nm", "--sram-vdd", "weights=0.5")
    assert result.exit_code == 0
    assert "21.7 MHz" in result.stdout
    assert "250 MHz without weights" in result.stdout.replace("\n", " ")


def test_banks_of_their_own(archsim):
    banks = "/".join(["0.8"] * 4 + ["0.6"] * 4)
    result = archsim("show", "matic-65nm", "--sram-vdd", f"weights={banks}")
    assert result.exit_code == 0


def test_show_has_the_curve(archsim):
    result = archsim("show", "lowvolt-npu")
    assert "SRAM weights below its nominal supply (14nm)" in result.stdout
    assert "0.02119" in result.stdout  # at 0.8 Vmin


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("x", "is no voltage"),
        ("cache=0.7", "no SRAM 'cache'; this machine has: weights, inputs, outputs"),
        ("0.2", "not usable"),
    ],
)
def test_bad_supplies_end_with_2(archsim, tiny_trace: Path, option, message):
    result = archsim("run", tiny_trace, "--on", "lowvolt-npu", "--sram-vdd", option)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_a_chip_without_srams_is_told(archsim):
    result = archsim("show", "econ-t-65nm", "--sram-vdd", "0.9")
    assert result.exit_code == 2
    assert "keeps all in registers" in " ".join(result.stderr.split())


def test_a_memory_given_twice_is_refused(archsim, tiny_trace: Path):
    twice = ("--sram-vdd", "weights=0.7", "--sram-vdd", "weights=0.6")
    result = archsim("run", tiny_trace, "--on", "lowvolt-npu", *twice)
    assert result.exit_code == 2
    assert "given twice" in result.stderr
