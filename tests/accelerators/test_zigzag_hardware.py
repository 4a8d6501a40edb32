"""Accelerators from ZigZag's hardware files; damaged files, also of Timeloop."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import yaml

import archsim
from archsim.accelerators.peers.imported import Given, parse_spread
from archsim.accelerators.peers.read import import_accelerator
from archsim.errors import InputError

PEERS = Path(__file__).parents[1] / "data" / "peers"
TPU = PEERS / "zigzag_tpu_like.yaml"
MAPPING = PEERS / "zigzag_tpu_like_mapping.yaml"
MAPPED = Given(mapping=MAPPING)


@pytest.mark.parametrize("minimize", ["energy", "latency"])
def test_zigzags_tpu_is_the_librarys(tmp_path, minimize):
    """ResNet-18 layer by layer: the library's machine was written by hand from the same file."""
    import_accelerator(TPU, MAPPED).write(tmp_path / "tpu.yaml")
    imported = archsim.simulate("resnet18", tmp_path / "tpu.yaml", minimize=minimize)
    library = archsim.simulate("resnet18", "zigzag-tpu-like", minimize=minimize)
    for ours, theirs in zip(imported.layers, library.layers, strict=True):
        assert (ours.name, ours.macs, ours.latency_cycles) == (
            theirs.name,
            theirs.macs,
            theirs.latency_cycles,
        )
        assert ours.energy_pj == pytest.approx(theirs.energy_pj, rel=1e-12)


def test_zigzags_own_figures_are_carried_over(tmp_path):
    imported = import_accelerator(TPU, MAPPED)
    imported.write(tmp_path / "tpu.yaml")
    head = "".join(re.findall(r"(?m)^#.*$", (tmp_path / "tpu.yaml").read_text()))
    assert "ZigZag hardware file zigzag_tpu_like.yaml" in head
    assert all(remark in head for remark in imported.remarks)
    memories = {memory["name"]: memory for memory in imported.spec["memories"]}
    file = yaml.safe_load(TPU.read_text())
    for name in ("rf_128B", "rf_2B", "sram_2MB"):
        assert memories[name]["read_pj"] == file["memories"][name]["r_cost"]
        assert memories[name]["write_pj"] == file["memories"][name]["w_cost"]
    assert memories["dram"]["read_pj_per_bit"] * 64 == file["memories"]["dram"]["r_cost"]
    assert imported.spec["array"]["mac"]["energy_pj"] == file["operational_array"]["unit_energy"]


def test_the_clock_changes_no_cycles(tmp_path):
    """ZigZag counts bits a cycle, so the DRAM's bandwidth goes with the clock."""
    runs = []
    for mhz in (100, 800):
        given = Given(mapping=MAPPING, clock_mhz=mhz, node_nm=7)
        import_accelerator(TPU, given).write(tmp_path / "tpu.yaml")
        runs.append(archsim.simulate("resnet8", tmp_path / "tpu.yaml"))
    slow, fast = runs
    assert slow.totals.latency_cycles == fast.totals.latency_cycles
    assert slow.totals.energy_mj == pytest.approx(fast.totals.energy_mj)
    assert slow.totals.latency_ms == pytest.approx(8 * fast.totals.latency_ms)


def changed(data, place: str, value):
    data = yaml.safe_load(yaml.safe_dump(data, sort_keys=False))
    *outer, last = place.split(".")
    holder = data
    for key in outer:
        holder = holder[int(key) if isinstance(holder, list) else key]
    holder[int(last) if isinstance(holder, list) else last] = value
    return data


TPU_DATA = yaml.safe_load(TPU.read_text())


def test_the_spread_may_stand_in_the_hardware_file_or_be_given(tmp_path):
    path = tmp_path / "tpu.yaml"
    data = TPU_DATA | {"dataflows": {"D1": ["K, 16", "OX, 2"], "D2": ["C, 32"]}}
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    assert import_accelerator(path).spec["array"]["unroll"] == {
        "rows": {"C": 32},
        "columns": {"K": 16, "Q": 2},
    }
    given = Given(rows=parse_spread("--rows", "R=3, C=8"))
    unroll = import_accelerator(path, given).spec["array"]["unroll"]
    assert unroll == {"rows": {"R": 3, "C": 8}, "columns": {"K": 16, "Q": 2}}


def test_links_say_which_operand_is_which(tmp_path):
    mapping = yaml.safe_load(MAPPING.read_text())[0]
    mapping["memory_operand_links"] = {"O": "O", "W": "I1", "I": "I2"}
    (tmp_path / "mapping.yaml").write_text(yaml.safe_dump([mapping]))
    spec = import_accelerator(TPU, Given(mapping=tmp_path / "mapping.yaml")).spec
    held = {memory["name"]: memory.get("holds") for memory in spec["memories"]}
    assert held == {"dram": None, "sram_2MB": ["weight", "output"], "rf_128B": ["input"], "rf_2B": ["output"]}


def test_ports_become_the_nearest(tmp_path):
    read = {"type": "read", "bandwidth_min": 8, "bandwidth_max": 64, "allocation": []}
    write = read | {"type": "write"}
    data = changed(TPU_DATA, "memories.sram_2MB.ports", [read, read, write, write])
    (tmp_path / "tpu.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    imported = import_accelerator(tmp_path / "tpu.yaml", MAPPED)
    sram = imported.spec["memories"][1]
    assert (sram["word_bits"], sram["ports"], sram["bandwidth_bits_per_cycle"]) == (64, "1r1w", 128)
    assert any(remark.startswith("sram_2MB: its 2 ports each way") for remark in imported.remarks)


@pytest.mark.parametrize(
    ("data", "given", "message"),
    [
        (TPU_DATA, Given(), r"operational_array\.dimensions: nothing says which loops .*--rows C=8"),
        (TPU_DATA, Given(rows={"C": 64}), r"--rows: \{'C': 64\} takes 64 PEs of 32"),
        (changed(TPU_DATA, "operational_array.is_imc", True), MAPPED, "family crossbar"),
        (changed(TPU_DATA, "operational_array.sizes", [32]), MAPPED, r"sizes: is \[32\]"),
        (changed(TPU_DATA, "memories.rf_2B.served_dimensions", ["D1"]), MAPPED, "of some of the PEs"),
        (
            changed(TPU_DATA, "memories.rf_2B.operands", ["I2"]),
            MAPPED,
            "holds weights, too",
        ),
        (changed(TPU_DATA, "memories.rf_2B.operands", ["X"]), MAPPED, "allowed: I1, I2, O"),
        (changed(TPU_DATA, "memories.dram.operands", ["O"]), MAPPED, "must hold all operands"),
        (changed(TPU_DATA, "memories.rf_2B.ports.0.type", "both"), MAPPED, r"ports\[0\]\.type: is 'both'"),
        (changed(TPU_DATA, "memories.rf_2B.ports.0.bandwidth_max", 8), MAPPED, "different bandwidth_max"),
        (
            changed(TPU_DATA, "memories.sram_2MB.r_cost", "cheap"),
            MAPPED,
            r"r_cost: is 'cheap'; it must be a number",
        ),
        (
            changed(TPU_DATA, "memories.sram_2MB.voltage", 1),
            MAPPED,
            "voltage: is not covered; allowed here: size",
        ),
        (
            changed(TPU_DATA, "memories.sram_2MB.served_dimensions", []),
            MAPPED,
            "rf_2B in the PEs holds outputs, too",
        ),
        ({"operator_type": "Conv"}, Given(), "which archsim run takes as it is"),
        ({"name": "x"}, Given(), "is no hardware file"),
    ],
)
def test_what_is_not_covered_of_zigzag_is_refused(tmp_path, data, given, message):
    path = tmp_path / "tpu.yaml"
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    with pytest.raises(InputError, match=message):
        import_accelerator(path, given)


@pytest.mark.parametrize("text", ["", "C", "C=0", "C=-1", "X=3", "C=3,C=4", "C=²", "C=9999999999"])
def test_bad_spreads_are_refused(text):
    with pytest.raises(InputError, match=r"--rows .* is not understood"):
        parse_spread("--rows", text)


def said(path: Path, given: Given) -> str | None:
    """What is said against an import; None if it is made."""
    try:
        import_accelerator(path, given)
    except InputError as error:
        return str(error)
    return None


@pytest.mark.parametrize("name", ["zigzag_tpu_like", "timeloop_eyeriss"])
def test_damaged_files_are_imported_or_refused(tmp_path, name):
    """Lines lost, doubled and replaced: a machine or a message that names the file, never a crash."""
    lines = (PEERS / f"{name}.yaml").read_text().splitlines()
    rng, path = random.Random(name), tmp_path / "arch.yaml"
    given = Given(rows={"C": 2}, columns={"K": 2})
    for _ in range(150):
        spoilt = list(lines)
        for _ in range(rng.randint(1, 3)):
            i = rng.randrange(len(spoilt))
            match rng.randrange(3):
                case 0:
                    del spoilt[i]
                case 1:
                    spoilt.insert(i, spoilt[i])
                case _:
                    key, _, _ = spoilt[i].partition(":")
                    spoilt[i] = f"{key}: {rng.choice(['-1', '[]', '{}', 'x', '1e400', '.nan', '2**9', '~'])}"
        path.write_text("\n".join(spoilt))
        message = said(path, given)
        assert message is None or str(path) in message or message.startswith("--")
