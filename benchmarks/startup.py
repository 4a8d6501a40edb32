"""How long `archsim --help` takes to answer, beside a Python that does nothing.

Usage: python benchmarks/startup.py [--runs 15]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

LIMIT_S = 0.3
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "archsim --version": [sys.executable, "-m", "archsim", "--version"],
    "archsim --help": [sys.executable, "-m", "archsim", "--help"],
    "archsim run --help": [sys.executable, "-m", "archsim", "run", "--help"],
}


def seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15, help="runs of each command; the first is not counted")
    runs = parser.parse_args().runs
    # one run of each in turn, so that a busy moment of the machine does not fall on one command alone
    rounds = [{name: seconds(command) for name, command in COMMANDS.items()} for _ in range(runs + 1)][1:]
    medians = {name: statistics.median(times[name] for times in rounds) for name in COMMANDS}
    bare = medians["python -c pass"]
    print(f"{'command':22s} {'median s':>9s} {'least s':>9s} {'x python':>9s}")
    for name, median in medians.items():
        least = min(times[name] for times in rounds)
        print(f"{name:22s} {median:9.3f} {least:9.3f} {median / bare:9.1f}")
    print(f"limit for --help: {LIMIT_S} s, {'kept' if medians['archsim --help'] < LIMIT_S else 'BROKEN'}")


if __name__ == "__main__":
    main()
