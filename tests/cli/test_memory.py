"""`archsim memory`."""

import json
from pathlib import Path


def test_mobilenetv2(archsim, tmp_path: Path) -> None:
    out = tmp_path / "m.json"
    result = archsim("memory", "mobilenetv2", "--max-peak-memory-kib", "172", "--patches", "--json", out)
    assert result.exit_code == 0
    assert "1372.0 KiB" in result.stdout
    document = json.loads(out.read_text())
    assert document["schema"] == "archsim.memory/1"
    assert document["patches"]["best"]["stage_bytes"] <= 172 * 1024
    assert document["recomputation"] is None


def test_recomputation_where_none_is_needed(archsim) -> None:
    result = archsim("memory", "resnet8", "--max-peak-memory-kib", "64", "--allow-recompute")
    assert result.exit_code == 0
    assert "made again: nothing" in result.stdout


def test_what_is_refused(refused) -> None:
    assert "need a limit" in refused("memory", "resnet8", "--patches")
    assert "above 0" in refused("memory", "resnet8", "--max-peak-memory-kib", "0")
    told = refused("memory", "resnet8", "--max-peak-memory-kib", "10", "--allow-recompute")
    assert "a single layer needs 48 KiB" in told
    told = refused("memory", "mobilenetv2", "--max-peak-memory-kib", "20", "--patches")
    assert "in patches at least" in told
