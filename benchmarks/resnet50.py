"""ResNet-50 from its ONNX file to a report on systolic-128, in cold processes: where the time goes.

The model is the one in the onnx package's own tests (weights left out), at w8a8.

Run: python benchmarks/resnet50.py [--runs 5]
"""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path

from timing import BUILD, HEADING, Used, in_fresh_process, median, run_command, timed, verdict

FOLDER = BUILD / "benchmarks" / "resnet50"
ACCELERATOR = "systolic-128"
BITS = "w8a8"
GOAL_PROCESS_S, GOAL_SIMULATE_S, GOAL_MB = 3.0, 0.5, 300
WARM_RUNS = 5


def model_path() -> Path:
    found = find_spec("onnx")  # without importing it
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "backend" / "test" / "data" / "light" / "light_resnet50.onnx"


def stages(model: Path, report: Path) -> dict[str, Used]:
    """Each step of a run, in order, every one for the first time in its process."""
    used: dict[str, Used] = {}
    _, used["import numpy, pandas, pydantic"] = timed(_import_packages)
    _, used["import onnx"] = timed(lambda: __import__("onnx"))
    _, used["import archsim.simulation"] = timed(lambda: __import__("archsim.simulation"))

    from archsim import Precision, load_accelerator, load_workload
    from archsim.kernel import engine
    from archsim.simulation import choose, simulate

    loaded, used["load the model"] = timed(lambda: load_workload(model))
    workload = loaded.with_precision(Precision.parse(BITS))
    machine, used["load the accelerator"] = timed(lambda: load_accelerator(ACCELERATOR))
    (rows, _), used["choose every layer's mapping"] = timed(lambda: choose(workload, machine, "latency"))
    graph, used["build the timed graph"] = timed(lambda: machine.program(rows))
    _, used["execute it on the kernel"] = timed(lambda: engine.simulate(graph))
    run = simulate(workload, machine)
    _, used["write the report"] = timed(lambda: run.to_html(report))
    return used


def _import_packages() -> None:
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import pydantic  # noqa: F401


def simulations(model: Path) -> tuple[Used, Used]:
    """(the first simulate() of a process with everything imported, the median of later ones)."""
    _import_packages()
    from archsim import load_workload, simulate

    workload = load_workload(model)

    def once() -> Used:
        return timed(lambda: simulate(workload, ACCELERATOR, precision=BITS))[1]

    return once(), median([once() for _ in range(WARM_RUNS)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5, help="cold processes of each kind")
    runs = parser.parse_args().runs
    FOLDER.mkdir(parents=True, exist_ok=True)
    model, report = model_path(), FOLDER / "report.html"

    command = [sys.executable, "-m", "archsim", "run", model, "--on", ACCELERATOR, "--bits", BITS]
    process = median(
        [run_command([*command, "--report", report], FOLDER / "archsim.log") for _ in range(runs)]
    )
    simulated = [in_fresh_process(simulations, model)[0] for _ in range(runs)]
    first, later = median([s[0] for s in simulated]), median([s[1] for s in simulated])
    steps = [in_fresh_process(stages, model, report)[0] for _ in range(runs)]

    print(f"{'':38s} {HEADING}")
    print(f"{'archsim run --report, cold process':38s} {process}")
    for name in steps[0]:
        print(f"  {name:36s} {median([step[name] for step in steps])}")
    print(f"{'simulate(), first in its process':38s} {first}")
    print(f"{'simulate() again':38s} {later}")
    print(
        f"process: goal {GOAL_PROCESS_S} s of wall time, {verdict(process.wall_s < GOAL_PROCESS_S)}; ", end=""
    )
    print(f"goal {GOAL_MB} MB, {verdict(process.peak_mb < GOAL_MB)}")
    print(f"simulate(): goal {GOAL_SIMULATE_S} s, {verdict(first.cpu_s < GOAL_SIMULATE_S)}")


if __name__ == "__main__":
    main()
