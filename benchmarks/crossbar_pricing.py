"""CPU time of pricing every way to run a network's layers on crossbars, and of simulating it.

CiMLoop prices 0.28 layers a second with one mapping each, 83 mapping-layers a second with 5,000 (its
paper, one core of another machine).
"""

from __future__ import annotations

import time

from archsim.accelerators.library import load_accelerator
from archsim.simulation import simulate
from archsim.workloads.library import load_workload


def main() -> None:
    layers = load_workload("resnet18").layers
    for name in ("isaac", "wang2022-c2c"):
        machine = load_accelerator(name)
        machine.options(layers[0])
        start = time.process_time()
        rows = sum(machine.options(layer).priced for layer in layers)
        seconds = time.process_time() - start
        rate = f"{rows / seconds:,.0f} a second"
        print(f"{name}: {rows} ways of {len(layers)} layers in {seconds * 1e3:.1f} ms of CPU, {rate}")
        start = time.process_time()
        simulate("resnet18", name)
        print(f"{name}: resnet18 simulated in {time.process_time() - start:.2f} s CPU")


if __name__ == "__main__":
    main()
