"""`archsim export` and `archsim import`, and peers' workloads wherever a model is asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from archsim.accelerators.library import accelerator_path
from archsim.workloads.export import FORMATS
from archsim.workloads.library import load_workload

PEERS = Path(__file__).parents[1] / "data" / "peers"
DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("format", FORMATS)
def test_export_writes_what_run_reads(archsim, tmp_path, format):
    path = tmp_path / f"net.{'yaml' if format in ('timeloop', 'zigzag') else 'csv'}"
    exported = archsim("export", "resnet8", "--as", format, "-o", path)
    assert exported.exit_code == 0
    assert f"wrote {path}" in exported.stderr.replace("\n", "")
    assert ("left out" in exported.stderr) == (format != "trace")
    assert load_workload(path).macs == load_workload("resnet8").macs
    run = archsim("run", path, "--on", "zigzag-tpu-like")
    assert run.exit_code == 0
    assert "conv1" in run.stdout


def test_export_at_other_bits(archsim, tmp_path):
    archsim("export", "resnet8", "--bits", "w4a8o16", "--as", "zigzag", "-o", tmp_path / "net.yaml", "-q")
    layers = load_workload(tmp_path / "net.yaml").layers
    assert {layer.precision.label for layer in layers if layer.macs} == {"w4a8o16"}


def test_timeloop_gets_a_folder(archsim, tmp_path):
    result = archsim("export", "resnet8", "--as", "timeloop", "-o", tmp_path / "net")
    assert result.exit_code == 0
    assert len(list((tmp_path / "net").iterdir())) == sum(
        layer.macs > 0 for layer in load_workload("resnet8").layers
    )
    assert "MACs" in archsim("show", f"{tmp_path}/net").stdout
    assert not list(tmp_path.glob(".*"))


def test_peers_workloads_are_shown_and_run(archsim):
    assert "example_name_of_layer0" in archsim("show", PEERS / "zigzag_resnet18_head.yaml").stdout
    assert "1×192×27×27" in archsim("show", PEERS / "timeloop_layers/alexnet").stdout
    assert archsim("run", PEERS / "timeloop_conv.yaml", "--on", "systolic-32-edge").exit_code == 0


def test_import_makes_a_machine(archsim, tmp_path):
    path = tmp_path / "tpu.yaml"
    words = ("import", PEERS / "zigzag_tpu_like.yaml", "--mapping", PEERS / "zigzag_tpu_like_mapping.yaml")
    result = archsim(*words, "-o", path)
    assert result.exit_code == 0
    assert "Note: The clock of 200 MHz is assumed" in result.stderr.replace("\n", " ")
    assert "zigzag_tpu_like.yaml" in archsim("show", path).stdout
    spread = ("--rows", "S=3,C=4", "--columns", "Q=14", "--mhz", 200)
    assert archsim("import", PEERS / "timeloop_eyeriss.yaml", *spread, "-o", path, "-q").stderr == ""
    assert archsim("run", "resnet8", "--on", path, "-q").exit_code == 0


def test_what_cannot_be_done_is_refused(refused, tmp_path):
    hardware, out = PEERS / "zigzag_tpu_like.yaml", tmp_path / "out.yaml"
    assert "archsim import" in refused("run", hardware, "--on", "systolic-128")
    assert "archsim import" in refused("run", "resnet8", "--on", hardware)
    assert "archsim import" in refused("run", "resnet8", "--on", PEERS / "timeloop_eyeriss.yaml")
    assert "give it with --on" in refused("run", accelerator_path("systolic-128"), "--on", "systolic-128")
    assert "--rows" in refused("import", hardware, "-o", out)
    assert "an input" in refused("import", hardware, "-o", hardware)
    assert "is not understood" in refused("import", hardware, "--rows", "X", "-o", out)
    assert "is no hardware file" in refused("import", PEERS / "timeloop_conv.yaml", "-o", out)
    assert "there is no folder" in refused(
        "export", "resnet8", "--as", "zigzag", "-o", tmp_path / "no/net.yaml"
    )
    assert "it is there already" in refused("export", "resnet8", "--as", "timeloop", "-o", PEERS)
    assert not out.exists()


def test_the_page_names_what_there_is(archsim, tmp_path):
    """Every format and option of the two commands; and its commands run as they stand."""
    page = (DOCS / "peers.md").read_text()
    for command in ("export", "import"):
        options = set(re.findall(r"--[a-z][a-z-]+", archsim(command, "--help").stdout))
        assert options - {"--help", "--quiet", "--dim", "--strict", "--bits", "--output"} <= set(
            re.findall(r"--[a-z][a-z-]+", page)
        )
    assert all(f"`{format}`" in page for format in FORMATS)
