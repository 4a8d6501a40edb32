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


def test_patches_with_bits_of_their_own(archsim) -> None:
    words = ("memory", "resnet8", "--max-peak-memory-kib", "24", "--patches", "--patch-bits", "4,8")
    result = archsim(*words)
    assert result.exit_code == 0, result.output
    assert "bits of its patches: " in result.stdout


def test_recomputation_where_none_is_needed(archsim) -> None:
    result = archsim("memory", "resnet8", "--max-peak-memory-kib", "64", "--allow-recompute")
    assert result.exit_code == 0
    assert "made again: nothing" in result.stdout


def test_a_search_with_recomputation_is_run_again(archsim, tmp_path: Path) -> None:
    trace, plan, out = tmp_path / "skip.csv", tmp_path / "plan.json", tmp_path / "run.json"
    trace.write_text(
        "name,operator,inputs,outputs,K,C,P,Q,R,S,padding\n"
        "wide,conv,,,32,3,32,32,3,3,1\n"
        "down,conv,wide.out,,16,32,32,32,3,3,1\n"
        "deep,conv,down.out,,32,16,32,32,3,3,1\n"
        "up,conv,deep.out,,4,32,32,32,1,1,\n"
        "join,concat,up.out;wide.out,join.out:1x36x32x32,,,,,,,\n"
    )
    words = ("--on", "gap9", "--max-peak-memory-kib", "73", "--allow-recompute", "--out", plan)
    searched = archsim("search", trace, *words)
    assert searched.exit_code == 0, searched.output
    assert "executed again" in searched.stdout
    assert archsim("run", "--plan", plan, "--json", out).exit_code == 0
    found, ran = json.loads(plan.read_text()), json.loads(out.read_text())
    assert found["totals"] == ran["totals"]
    assert found["totals"]["peak_memory_bytes"] <= 73 * 1024
    assert [step["layer"] for step in found["schedule"]].count("wide") == 2
    assert "wide@2" in [layer["name"] for layer in ran["layers"]]


def test_what_is_refused(refused) -> None:
    assert "need a limit" in refused("memory", "resnet8", "--patches")
    assert "goes with --patches" in refused("memory", "resnet8", "--patch-bits", "4,8")
    limited = ("--max-peak-memory-kib", "40", "--patches")
    assert "bit-widths" in refused("memory", "resnet8", *limited, "--patch-bits", "4,x")
    assert "above 0" in refused("memory", "resnet8", "--max-peak-memory-kib", "0")
    told = refused("memory", "resnet8", "--max-peak-memory-kib", "10", "--allow-recompute")
    assert "a single layer needs 48 KiB" in told
    assert "needs a limit" in refused("search", "resnet8", "--on", "gap9", "--allow-recompute")
    told = refused("memory", "mobilenetv2", "--max-peak-memory-kib", "20", "--patches")
    assert "in patches at least" in told
