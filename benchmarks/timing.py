"""CPU time, wall time and peak memory of a command or of a function in a process of its own.

The parent of a measured process should be small: what it holds when the child starts counts into the child's
peak. So these scripts import archsim only in their children.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUILD = Path(__file__).resolve().parent.parent / "build"


@dataclass(frozen=True, slots=True)
class Used:
    """What a piece of work took; `peak_mb` is of its whole process so far."""

    cpu_s: float
    wall_s: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.cpu_s:10.4f} {self.wall_s:10.4f} {self.peak_mb:9.0f}"


HEADING = f"{'CPU s':>10s} {'wall s':>10s} {'peak MB':>9s}"


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def timed(work: Callable[[], Any]) -> tuple[Any, Used]:
    """(result, what it took) of a call in this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, Used(time.process_time() - cpu, time.perf_counter() - wall, peak_mb())


def run_command(command: Sequence[str | Path], log: Path) -> Used:
    """Run a command to its end, its output into `log`. Exits with the log's end when the command fails."""
    wall = time.perf_counter()
    with log.open("w") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)  # of this child alone, unlike RUSAGE_CHILDREN
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command[0]} failed with {child.returncode}:\n{log.read_text()[-2000:]}")
    return Used(usage.ru_utime + usage.ru_stime, time.perf_counter() - wall, usage.ru_maxrss / 1e3)


def in_fresh_process(function: Callable[..., Any], *arguments: object) -> tuple[Any, Used]:
    """(result, what the process took from its start on) of a module's function in a new interpreter."""
    wall = time.perf_counter()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        result, cpu_s, peak = pool.submit(_in_child, function, arguments).result()
    return result, Used(cpu_s, time.perf_counter() - wall, peak)


def _in_child(function: Callable[..., Any], arguments: Sequence[object]) -> tuple[Any, float, float]:
    result = function(*arguments)
    return result, time.process_time(), peak_mb()


def median(runs: Sequence[Used]) -> Used:
    """Medians of the times, the highest of the peaks."""
    return Used(
        statistics.median(run.cpu_s for run in runs),
        statistics.median(run.wall_s for run in runs),
        max(run.peak_mb for run in runs),
    )


def verdict(kept: bool) -> str:
    return "met" if kept else "MISSED"


def read_used(path: Path) -> Used:
    """What a child wrote about itself as JSON."""
    return Used(**json.loads(path.read_text()))
