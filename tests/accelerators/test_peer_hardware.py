"""Accelerators from hardware files of ZigZag and Timeloop."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
import yaml

import archsim
from archsim.accelerators.library import load_accelerator
from archsim.accelerators.peers.imported import Given, parse_spread
from archsim.accelerators.peers.read import import_accelerator
from archsim.errors import InputError
from archsim.workloads.peer_yaml import TAGS

PEERS = Path(__file__).parents[1] / "data" / "peers"
TPU, EYERISS = PEERS / "zigzag_tpu_like.yaml", PEERS / "timeloop_eyeriss.yaml"
MAPPING = PEERS / "zigzag_tpu_like_mapping.yaml"
MAPPED = Given(mapping=MAPPING)
ROW_STATIONARY = Given(rows={"S": 3, "C": 4}, columns={"Q": 14})


# --- ZigZag ----------------------------------------------------------------------------------------------


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


# --- Timeloop --------------------------------------------------------------------------------------------


def test_timeloops_eyeriss():
    spec = import_accelerator(EYERISS, ROW_STATIONARY).spec
    array = spec["array"]
    assert (array["rows"], array["columns"], array["mac_bits"]) == (12, 14, "w8a8")
    assert array["mac"] == {"accumulator_bits": 16}
    assert spec["technology"]["node_nm"] == 65
    dram, glb, ifmap, weights, psum = spec["memories"]
    assert (dram["device"], dram["bandwidth_gb_s"]) == ("lpddr4", "unlimited")
    assert (glb["holds"], glb["capacity_kib"], glb["banks"]) == (["input", "output"], 16384 * 64 // 8192, 32)
    assert glb["bandwidth_bits_per_cycle"] == 16 * 8  # 16 values of 8 bits a cycle
    assert [memory["capacity_bytes"] for memory in (ifmap, weights, psum)] == [24, 384, 32]
    assert [memory["holds"] for memory in (ifmap, weights, psum)] == [["input"], ["weight"], ["output"]]


def test_timeloops_spread_where_it_leaves_no_choice():
    """permutation [C, M], split 1, R S P Q fixed at 1: C along X, M (archsim's K) along Y."""
    imported = import_accelerator(PEERS / "timeloop_weight_stationary.yaml")
    assert imported.spec["array"]["unroll"] == {"rows": {"K": 16}, "columns": {"C": 16}}
    assert any("weight_reg is passed over" in remark for remark in imported.remarks)


@pytest.mark.parametrize("name", ["timeloop_weight_stationary", "timeloop_eyeriss"])
def test_timeloops_machines_run(tmp_path, name):
    given = ROW_STATIONARY if name == "timeloop_eyeriss" else Given()
    import_accelerator(PEERS / f"{name}.yaml", given).write(tmp_path / "machine.yaml")
    machine = load_accelerator(tmp_path / "machine.yaml")
    run = archsim.simulate("resnet8", tmp_path / "machine.yaml")
    assert run.totals.macs == archsim.load_workload("resnet8").macs
    assert run.totals.latency_cycles >= run.totals.macs / machine.peak_macs_per_cycle


def test_variables_give_node_and_clock(tmp_path):
    path = tmp_path / "arch.yaml"
    path.write_text(EYERISS.read_text() + "variables: {technology: 40nm, global_cycle_seconds: 2e-9}\n")
    imported = import_accelerator(path, ROW_STATIONARY)
    assert imported.spec["technology"] == {"node_nm": 40, "clock_mhz": pytest.approx(500)}
    assert not any("assumed" in remark for remark in imported.remarks)
    assert import_accelerator(path, Given(None, {}, {}, 250, 22)).spec["technology"] == {
        "node_nm": 22,
        "clock_mhz": 250,
    }


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 0.4", "version: 0.3", r"architecture\.version: is 0\.3; covered: 0\.4"),
        ("class: DRAM", "class: SRAM", "the first component must be a DRAM"),
        ("class: intmac", "class: adder", "the last a MAC"),
        ('"LPDDR4"', '"SDRAM"', r"attributes\.type: is 'sdram'; allowed: lpddr"),
        ("depth: 16384", "depth: 2*8192", r"attributes\.depth: .*expressions are not evaluated"),
        ("depth: 16384", "size: 16384", r"attributes\.depth: is missing"),
        ("[Inputs, Outputs]", "[A]", "holds 'A'; covered: Inputs, Weights, Outputs"),
        (
            "name: ifmap_spad\n",
            "name: ifmap_spad\n      spatial: {meshX: 2}\n",
            "makes copies inside !Parallel",
        ),
        ("keep: [Inputs]", "keep: [Weights]", "ifmap_spad in the PEs holds weights, too"),
        ("65nm", "thin", "allowed: a node as in 45nm"),
        ("!Container # Eyeriss", "!Pipelined # Eyeriss", r"has tag !Pipelined; covered: !Container"),
        ("!Container # Eyeriss", "!Magic # Eyeriss", r"tag !Magic is not covered"),
        ("factors: [N=1, P=1, Q=1, R=1]", "factors: [N:1]", "holds 'N:1'; allowed: C=16"),
        ("name: mac\n", "name: mac\n    sparse_optimizations: []\n", "sparse_optimizations: is not covered"),
    ],
)
def test_what_is_not_covered_of_timeloop_is_refused(tmp_path, old, new, message):
    text = EYERISS.read_text()
    assert old in text
    path = tmp_path / "arch.yaml"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message):
        import_accelerator(path, ROW_STATIONARY)


def test_an_open_spread_is_asked_for():
    with pytest.raises(
        InputError, match=r"line \d+: architecture\.nodes\[4\]\.constraints: .*--columns LOOP"
    ):
        import_accelerator(EYERISS)
    with pytest.raises(InputError, match="--rows LOOP=FACTOR"):
        import_accelerator(EYERISS, Given(columns={"Q": 14}))
    with pytest.raises(InputError, match="--mapping is ZigZag's"):
        import_accelerator(EYERISS, MAPPED)


def test_only_known_tags_are_built():
    assert "Component" in TAGS
    assert not any(tag.startswith("!") or "python" in tag for tag in TAGS)


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
