"""Points of `archsim sweep` per second, and what the parent, the pool or a cluster adds to their own time.

Part of the library's sweep `resnet18-arrays` (10,080 points of ResNet-18 on systolic arrays): some of the
array shapes, with all their buffers and bandwidths. What a point costs does not depend on how many there are.
Overhead is the workers' time that is no chunk's, from each one's first chunk to its last, which tells what
handing out and recording take.

Run: python benchmarks/sweep.py [--rows 2] [--columns 2] [--workers 2] [--cluster]
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from pathlib import Path
from typing import Any

from timing import BUILD, HEADING, in_fresh_process, peak_mb, verdict

GOAL_S, GOAL_POINTS = 60, 10_080
GOAL_OVERHEAD = 0.05


def swept(rows: int, columns: int, workers: int, on_cluster: bool, target: str) -> dict[str, Any]:
    """A sweep's figures, in this process as its parent."""
    from archsim.dse.sweep.files import load_sweep
    from archsim.dse.sweep.run import sweep

    whole = load_sweep("resnet18-arrays")
    told = whole.model_dump(mode="json", by_alias=True)
    for path, count in (("array.rows", rows), ("array.columns", columns)):
        values = told["hardware"][path]
        told["hardware"][path] = values[:: max(1, len(values) // count)][:count]
    asked = load_sweep(told)
    cluster = None
    if on_cluster:
        from distributed import LocalCluster

        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
    begun = time.process_time()
    done = sweep(
        asked, target, workers=workers, cluster=None if cluster is None else cluster.scheduler_address
    ).progress
    used = time.process_time() - begun
    if cluster is not None:
        cluster.close()
    return {"points": done.points, "failed": done.failed, "parent_cpu_s": used, "parent_mb": peak_mb()}


def chunks(target: Path) -> dict[str, float]:
    """What the ledger says of the workers. Overhead: a worker's time between its first chunk's beginning and
    its last one's record that is no chunk's."""
    with sqlite3.connect(target) as ledger:
        (count, cpu, wall, most, size) = ledger.execute(
            "SELECT COUNT(*), SUM(cpu_s), SUM(wall_s), MAX(peak_mb), SUM(LENGTH(rows)) FROM chunk"
        ).fetchone()
        spans = ledger.execute(
            "SELECT worker, (JULIANDAY(MAX(finished)) - JULIANDAY(MIN(finished))) * 86400, SUM(wall_s),"
            " (SELECT wall_s FROM chunk c WHERE c.worker = chunk.worker ORDER BY number LIMIT 1)"
            " FROM chunk GROUP BY worker"
        ).fetchall()
    between = sum(span for _, span, _, _ in spans)
    working = sum(total - first for _, _, total, first in spans)
    return {
        "chunks": count,
        "cpu_s": cpu,
        "wall_s": wall,
        "worker_mb": most,
        "bytes": size,
        "overhead": max(0.0, 1 - working / between) if between else 0.0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--columns", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cluster", action="store_true", help="on a Dask cluster of this machine")
    options = parser.parse_args()
    BUILD.joinpath("benchmarks").mkdir(parents=True, exist_ok=True)
    target = BUILD / "benchmarks" / "sweep.sweep"
    for old in target.parent.glob("sweep.sweep*"):
        old.unlink()
    asked = options.rows, options.columns, options.workers, options.cluster, str(target)
    parent, used = in_fresh_process(swept, *asked)
    of = chunks(target)
    points = parent["points"]
    print(f"{'':24s} {HEADING}")
    print(f"{'parent':24s} {used}")
    print(f"{points} points in {of['chunks']} chunks, {parent['failed']} failed")
    print(f"workers: {of['cpu_s']:.1f} CPU s, {of['wall_s']:.1f} s, at most {of['worker_mb']:.0f} MB each")
    per_point = of["cpu_s"] / points
    print(f"{1e3 * per_point:.1f} CPU ms a point, {1 / per_point:.0f} points a second and core")
    print(f"results: {of['bytes'] / points:.0f} bytes a point")
    print(f"parent: {1e3 * parent['parent_cpu_s'] / points:.2f} CPU ms a point, {parent['parent_mb']:.0f} MB")
    kept = verdict(of["overhead"] < GOAL_OVERHEAD)
    print(f"overhead: {100 * of['overhead']:.1f} % (goal {100 * GOAL_OVERHEAD:.0f}: {kept})")
    whole = GOAL_POINTS * per_point / options.workers
    print(f"{GOAL_POINTS:,} points on {options.workers} free cores: {whole:.0f} s "
          f"(goal {GOAL_S}: {verdict(whole < GOAL_S)})")  # fmt: skip


if __name__ == "__main__":
    main()
