"""Accelerators from Timeloop's architectures."""

from __future__ import annotations

from pathlib import Path

import pytest

import archsim
from archsim.accelerators.library import load_accelerator
from archsim.accelerators.peers.imported import Given
from archsim.accelerators.peers.read import import_accelerator
from archsim.errors import InputError
from archsim.workloads.peer_yaml import TAGS

PEERS = Path(__file__).parents[1] / "data" / "peers"
EYERISS = PEERS / "timeloop_eyeriss.yaml"
MAPPED = Given(mapping=PEERS / "zigzag_tpu_like_mapping.yaml")
ROW_STATIONARY = Given(rows={"S": 3, "C": 4}, columns={"Q": 14})


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


ARCHITECTURE = """\
architecture:
  nodes:
  - !Component {{name: DRAM, class: DRAM, attributes: {{datawidth: 8}}}}
  - !Component {{name: glb, class: SRAM, attributes: {{depth: 1024, width: 64, datawidth: 8}}}}
  - !Container {{name: PE, spatial: {mesh}, constraints: {{spatial: {spatial}}}}}
  - !Component {{name: mac, class: intmac}}
"""


@pytest.mark.parametrize(
    ("mesh", "spatial", "rows", "columns"),
    [
        (
            "{meshX: 8}",
            "{permutation: [M], split: 0}",
            {},
            {"K": 8},
        ),  # one side: the split makes no difference
        ("{meshX: 8}", "{factors: C=2 M=4 P=1}", {}, {"C": 2, "K": 4}),
        ("{meshY: 8}", "{factors: [N=8]}", {"B": 8}, {}),
        ("{meshY: 8}", "{factors_only: [R=3], permutation: [C, M]}", {"R": 3}, {}),
        ("{meshX: 8, meshY: 4}", "{permutation: [R, C, M], factors: [R=1], split: 2}", {"K": 4}, {"C": 8}),
        ("{meshX: 8}", "{factors: [C<=8], permutation: [C]}", {}, {"C": 8}),
        ("{meshX: 8}", "{factors: [C=16]}", None, None),  # more than there are PEs
        ("{meshX: 8}", "{permutation: [C, M]}", None, None),
        ("{meshX: 8, meshY: 4}", "{factors: [C=8, M=4]}", None, None),  # nothing says which side is whose
        ("{meshX: 8}", "{}", None, None),
        ("{meshX: 8}", "{factors_only: []}", None, None),
    ],
)
def test_spatial_constraints_become_a_spread(tmp_path, mesh, spatial, rows, columns):
    path = tmp_path / "arch.yaml"
    path.write_text(ARCHITECTURE.format(mesh=mesh, spatial=spatial))
    if rows is None:
        with pytest.raises(InputError, match="has a fixed spread: give it as"):
            import_accelerator(path)
    else:
        assert import_accelerator(path).spec["array"]["unroll"] == {"rows": rows, "columns": columns}


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
