"""`archsim search` of whole networks: array and buffer sizes, tilings and bits at once, a process each.

The library's study `edge-energy` (176 combinations of sizes, weights of 2, 4 or 8 bits, activations of 4 or
8, budgets on area and sensitivity) for three networks and for latency and energy, and a front of 15 points.

Run: python benchmarks/search.py [--workers 2]   (about 3 min)
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import yaml
from timing import BUILD, Used, run_command, verdict

NETWORKS = ("resnet50", "mobilenetv2", "deit-tiny")
GOAL_S, FRONT_GOAL_S = 20.0, 120.0


def study(workload: str, **changes: Any) -> dict[str, Any]:
    from archsim.dse.study_files import study_path

    return {**yaml.safe_load(study_path("edge-energy").read_text()), "workload": workload, **changes}


def search(name: str, content: dict[str, Any], workers: int) -> tuple[dict[str, Any], Used]:
    """(what was found, what the process and its workers took)"""
    folder = BUILD / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    asked, found = folder / f"{name}.yaml", folder / f"{name}.json"
    asked.write_text(yaml.safe_dump(content, sort_keys=False))
    command = [sys.executable, "-m", "archsim", "search", asked, "--workers", str(workers), "--out", found]
    used = run_command(command, folder / f"{name}.log")
    return json.loads(found.read_text()), used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    workers = parser.parse_args().workers
    print(f"{'':34s} {'CPU s':>8s} {'wall s':>8s}  {'status':8s} {'gap':>7s}  sizes")
    for workload in NETWORKS:
        for goal in ("latency", "energy"):
            name = f"{workload}-{goal}"
            plan, used = search(name, study(workload, minimize=goal, marginals=False), workers)
            sizes = ", ".join(f"{path.split('.')[-1]} {n}" for path, n in plan["hardware"].items())
            kept = verdict(used.wall_s <= GOAL_S and plan["status"] == "OPTIMAL")
            print(
                f"{workload + ', least ' + goal:34s} {used.cpu_s:8.1f} {used.wall_s:8.1f}  "
                f"{plan['status']:8s} {plan['gap']:7.0e}  {sizes}; {kept}",
                flush=True,
            )
    front, used = search("front", study("resnet50", front=["latency", "energy"], points=15), workers)
    proven = sum(point["plan"]["status"] == "OPTIMAL" for point in front["points"])
    print(
        f"{'resnet50, front of 15 points':34s} {used.cpu_s:8.1f} {used.wall_s:8.1f}  "
        f"{len(front['points'])} points, {proven} proven; {verdict(used.wall_s <= FRONT_GOAL_S)}"
    )


if __name__ == "__main__":
    main()
