"""archsim beside SCALE-Sim 3.0.0 on the same layers and the same machine; their cycles must be equal.

Layers are ResNet-18's (or a CSV topology's), written once as a SCALE-Sim topology that both read. The machine
is a 128×128 weight-stationary array with three SRAMs of 64 KiB and DRAM that never makes it wait. SCALE-Sim
saves its traces, as its command line does (--no-traces: it saves none). It lives in a virtual environment of
its own, build/scalesim-venv, made when missing, as it needs numpy < 2 (and Python 3.11 or
3.12: see --python).

Run: python benchmarks/scalesim.py [--topology small|alexnet|resnet18]   (30 s, 90 s, 4 min of CPU)
"""

from __future__ import annotations

import argparse
import csv
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from timing import BUILD, HEADING, Used, in_fresh_process, median, read_used, run_command, timed, verdict

SCALESIM = ("scalesim==3.0.0", "numpy==1.26.4")
VENV = BUILD / "scalesim-venv"
FOLDER = BUILD / "benchmarks" / "scalesim"
SMALL = ("layer1.0.conv1", "layer2.0.conv1", "layer2.0.downsample", "layer4.0.downsample", "fc")
SIDE = 128  # PEs
SRAM_KIB = 64  # each of three; SCALE-Sim's default
GOAL_RATIO, GOAL_MB = 10_000, 300
WARM_RUNS = 20

FIRST = "first simulate() of a process"
UNSEEN = "layers and machine never seen"
OTHER = "layers seen, machine never (8 bytes more SRAM)"
GIVEN = "mappings given, machine never seen"
AGAIN = "layers and machine seen, machine built anew"
SAME = "the same machine object"

CONFIG = f"""[general]
run_name = run
[architecture_presets]
ArrayHeight = {SIDE}
ArrayWidth = {SIDE}
IfmapSramSzkB = {SRAM_KIB}
FilterSramSzkB = {SRAM_KIB}
OfmapSramSzkB = {SRAM_KIB}
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 10
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""

SCALESIM_RUN = """
import json, resource, sys, time
from scalesim.scale_sim import scalesim
config, topology, layout, out, traces = sys.argv[1:]
cpu, wall = time.process_time(), time.perf_counter()
simulator = scalesim(
    save_disk_space=traces == "none", verbose=False, config=config, topology=topology, layout=layout
)
simulator.run_scale(top_path=out)
used = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
used["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
json.dump(used, open(out + "/used.json", "w"))
"""


def make_venv(python: str) -> Path:
    """The interpreter of SCALE-Sim's virtual environment."""
    interpreter = VENV / "bin" / "python"
    ready = VENV / ".ready"
    if not ready.exists():
        print(f"installing {' '.join(SCALESIM)} in {VENV.relative_to(BUILD.parent)}", flush=True)
        subprocess.run([python, "-m", "venv", "--clear", VENV], check=True)
        install = subprocess.run([interpreter, "-m", "pip", "install", "--quiet", *SCALESIM])
        if install.returncode:
            raise SystemExit(
                f"pip cannot install {' and '.join(SCALESIM)} for {python}; try another --python"
            )
        ready.touch()
    return interpreter


def write_topology(name: str, path: Path) -> None:
    from archsim import load_workload
    from archsim.workloads.scalesim_topology import write_scalesim
    from archsim.workloads.workload import Workload

    workload = load_workload("alexnet" if name == "alexnet" else "resnet18")
    if name == "small":
        chosen = [layer for layer in workload.layers if layer.name in SMALL]
        workload = Workload.from_layers("small", chosen)
    write_scalesim(workload, path)


def machine(more_bytes: int = 0) -> dict[str, Any]:
    """`more_bytes` in each SRAM make another machine of it."""
    dram = {"kind": "dram", "name": "dram", "device": "ddr4", "bandwidth_gb_s": "unlimited"}
    srams = [
        {
            "kind": "sram",
            "name": f"{operand}_sram",
            "holds": [operand],
            "capacity_bytes": SRAM_KIB * 1024 + more_bytes,
            "word_bits": 8,
        }
        for operand in ("input", "weight", "output")
    ]
    return {
        "name": "scalesim-128",
        "family": "systolic",
        "technology": {"node_nm": 45, "clock_mhz": 1000},
        "array": {
            "rows": SIDE,
            "columns": SIDE,
            "dataflow": "weight_stationary",
            "counts_from_zero": True,
        },
        "memories": [dram, *srams],
    }


def run_archsim(path: Path) -> tuple[list[int], dict[str, Used], int]:
    """(cycles of every layer, what simulate() takes by what the process has seen before, mappings priced)."""
    from archsim import load_accelerator, load_workload, simulate
    from archsim.simulation import choose, run_rows

    workload = load_workload(path)
    run, first = timed(lambda: simulate(workload, machine()))
    sizes = range(8, 8 * WARM_RUNS + 8, 8)
    other = [timed(lambda size=size: simulate(workload, machine(size)))[1] for size in sizes]
    rows, _ = choose(workload, load_accelerator(machine()), "latency")

    def execute(more_bytes: int) -> None:
        run_rows(workload, load_accelerator(machine(more_bytes)), rows, settings={})

    given = [timed(lambda size=size: execute(size + 4096))[1] for size in sizes]
    again = [timed(lambda: simulate(workload, machine()))[1] for _ in range(WARM_RUNS)]
    built = load_accelerator(machine())
    same = [timed(lambda: simulate(workload, built))[1] for _ in range(WARM_RUNS)]
    unlike = {layer.contraction: layer for layer in workload.layers}.values()
    priced = sum(built.options(layer, minimize="latency").priced for layer in unlike)
    several = {OTHER: other, GIVEN: given, AGAIN: again, SAME: same}
    used = {FIRST: first, **{name: median(runs) for name, runs in several.items()}}
    return [layer.latency_cycles for layer in run.layers], used, priced


def run_after_another(path: Path) -> Used:
    """simulate() of layers and on a machine never seen, in a process that has simulated something else."""
    from archsim import load_workload, simulate

    simulate("ds-cnn", machine())
    workload = load_workload(path)
    return timed(lambda: simulate(workload, machine(8)))[1]


def simulate_once(path: Path) -> None:
    from archsim import load_workload, simulate

    simulate(load_workload(path), machine())


def run_scalesim(python: Path, topology: Path, traces: bool) -> tuple[list[int], Used, Used]:
    """(cycles of every layer, the process, run_scale() alone)."""
    config, layout = FOLDER / "machine.cfg", FOLDER / "layout.csv"
    config.write_text(CONFIG)
    layout.write_text("no layer has a layout of its own,\n")
    out = FOLDER / topology.stem
    out.mkdir(exist_ok=True)
    # isolated, or `import scalesim` could find this file
    process = run_command(
        [python, "-I", "-c", SCALESIM_RUN, config, topology, layout, out, "all" if traces else "none"],
        FOLDER / "scalesim.log",
    )
    for folder in (out / "run").glob("layer*"):
        shutil.rmtree(folder)  # its traces
    with (out / "run" / "COMPUTE_REPORT.csv").open() as report:
        rows = list(csv.DictReader(report, skipinitialspace=True))
    return [int(float(row["Total Cycles"])) for row in rows], process, read_used(out / "used.json")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--topology", choices=("small", "alexnet", "resnet18"), default="small")
    parser.add_argument("--runs", type=int, default=5, help="processes of archsim; SCALE-Sim runs once")
    parser.add_argument("--python", default=sys.executable, help="interpreter for SCALE-Sim's environment")
    parser.add_argument("--no-traces", action="store_true", help="SCALE-Sim saves no traces")
    asked = parser.parse_args()

    FOLDER.mkdir(parents=True, exist_ok=True)
    topology = FOLDER / f"{asked.topology}.csv"
    in_fresh_process(write_topology, asked.topology, topology)
    ours = [in_fresh_process(run_archsim, topology)[0] for _ in range(asked.runs)]
    unseen = median([in_fresh_process(run_after_another, topology)[0] for _ in range(asked.runs)])
    processes = [in_fresh_process(simulate_once, topology)[1] for _ in range(asked.runs)]
    theirs, their_process, their_run = run_scalesim(make_venv(asked.python), topology, not asked.no_traces)
    for cycles, *_ in ours:
        if cycles != theirs:
            raise SystemExit(f"cycles differ\n  archsim   {cycles}\n  SCALE-Sim {theirs}")

    process = median(processes)
    used = {name: median([run[1][name] for run in ours]) for name in ours[0][1]}
    used = {FIRST: used.pop(FIRST), UNSEEN: unseen, **used}
    priced = ours[0][2]
    print(f"{asked.topology}: {len(theirs)} layers, {sum(theirs):,} cycles, equal layer by layer")
    print(f"{'':58s} {HEADING}")
    print(f"{'SCALE-Sim: process (imports, topology, run, reports)':58s} {their_process}")
    print(f"{'SCALE-Sim: topology, run_scale(), reports':58s} {their_run}")
    print(f"{'archsim: process (imports, topology, simulate())':58s} {process}")
    for name, own in used.items():
        print(f"{'archsim: ' + name:58s} {own}")
    print("ratios of CPU time:")
    print(f"  {'process / process':58s} {their_process.cpu_s / process.cpu_s:10,.0f}")
    for name, own in used.items():
        ratio = their_run.cpu_s / own.cpu_s
        print(f"  {'run_scale() / ' + name:58s} {ratio:10,.0f}", end="")
        judged = name in (OTHER, GIVEN, AGAIN)
        print(f"  (goal {GOAL_RATIO:,}: {verdict(ratio >= GOAL_RATIO)})" if judged else "")
    each_us, their_each_us = used[OTHER].cpu_s / priced * 1e6, their_run.cpu_s / len(theirs) * 1e6
    print(f"  {'a mapping / a mapping, machine never seen':58s} {their_each_us / each_us:10,.0f}", end="")
    print(f"  (archsim priced {priced:,}, {each_us:.3f} µs each; SCALE-Sim runs one a layer)")
    print(f"archsim's peak memory: goal {GOAL_MB} MB, {verdict(process.peak_mb < GOAL_MB)}")


if __name__ == "__main__":
    main()
