"""CPU time of the selection core: Pareto pruning, multiple choice under budgets, fronts, explanations.

The synthetic network has 54 layers of 187 Pareto points over latency, energy, held bytes and noise, under
three tight budgets that pull against each other. The last rows are ResNet-50 on systolic-32-edge with six
precisions and a random sensitivity, tables built beforehand.

Run: python benchmarks/selection.py [--seeds 4] [--limit 60]   (about 1 min of CPU)
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from timing import timed

from archsim.dse.selection.explain import explain_infeasible
from archsim.dse.selection.front import pareto_front
from archsim.dse.selection.pareto import pareto_rows, undominated
from archsim.dse.selection.problem import Budget, Choices, Problem, minimize, minimize_product
from archsim.dse.selection.select import Selection, prune, solve

LAYERS, ROWS = 54, 187
QUANTITIES = ("latency_cycles", "energy_pj", "held_bytes", "noise")
PRECISIONS = ("w2a4", "w4a4", "w8a4", "w2a8", "w4a8", "w8a8")


def synthetic_table(rng: np.random.Generator, name: str) -> Choices:
    """A random sample of a layer's front: fewer bits cost less and make noise, the rest is traded."""
    count = 60 * ROWS
    size = rng.lognormal(0, 1)
    bits = rng.choice(np.arange(2, 9), count)
    share = rng.dirichlet(np.ones(3), count) * 2 + 0.5 + 0.1 * rng.random((count, 3))
    work = size * (0.3 + bits / 8)
    values = np.stack(
        [
            np.round(1e5 * work * share[:, 0]),
            1e6 * work * share[:, 1],
            np.round(1e5 * size * bits / 8 * share[:, 2]),
            10 * size**0.3 * 4.0**-bits,
        ],
        axis=1,
    )
    front = values[undominated(values, np.zeros((count, 1), dtype=np.int64))]
    kept = front[rng.permutation(len(front))[:ROWS]]
    return Choices(name, dict(zip(QUANTITIES, kept.T, strict=True)))


def synthetic_problem(seed: int, latency_weight: float) -> Problem:
    """Limits are 1 % above the totals of the selection that is least in a weighted sum."""
    rng = np.random.default_rng(seed)
    tables = tuple(synthetic_table(rng, f"layer{layer}") for layer in range(LAYERS))
    weights = dict(zip(QUANTITIES, (latency_weight, 1.0, 1.0, 1.5), strict=True))
    means = {name: np.mean([table.columns[name].mean() for table in tables]) for name in QUANTITIES}
    rows = [
        int(np.sum([table.columns[n] * weights[n] / means[n] for n in QUANTITIES], axis=0).argmin())
        for table in tables
    ]
    free = Problem(tables, minimize("latency_cycles", then="energy_pj"))
    budgets = tuple(Budget(name, name, 1.01 * free.total(name, rows)) for name in QUANTITIES[1:])
    return Problem(tables, free.objective, budgets)


def real_problem() -> Problem:
    """ResNet-50 on the edge array; sensitivity falls by 4 with every bit, how large it is is random."""
    from archsim.accelerators.library import load_accelerator
    from archsim.workloads.library import load_workload
    from archsim.workloads.precision import Precision

    machine, rng = load_accelerator("systolic-32-edge"), np.random.default_rng(0)
    tables = []
    for layer in load_workload("resnet50").layers:
        if not layer.macs:
            continue
        options = machine.options(layer, [Precision.parse(text) for text in PRECISIONS])
        bits = [(p.weight_bits, p.activation_bits) for p in options.precisions]
        weight_bits, activation_bits = np.array(bits)[options.precision].T
        weights, activations = rng.lognormal(-3, 1, 2)
        columns = {
            "latency_cycles": options.cycles,
            "energy_pj": options.total_energy_pj,
            "sensitivity": weights * 4.0 ** (4 - weight_bits) + activations * 4.0 ** (4 - activation_bits),
        }
        tables.append(Choices(layer.name, columns))
    least = sum(float(table.columns["sensitivity"].min()) for table in tables)
    return Problem(
        tuple(tables),
        minimize("latency_cycles", then="energy_pj"),
        (Budget("sensitivity", "sensitivity", 5 * least),),
    )


def show(name: str, work: Callable[[], Any]) -> Any:
    result, used = timed(work)
    detail = ""
    if isinstance(result, Selection):
        detail = f"{result.status}, gap {result.gap:.1e}, second objective's {result.then_gap:.1e}"
    print(f"{name:50s} {used.cpu_s:8.2f} {used.wall_s:8.2f}  {detail}", flush=True)
    return result


def pruning(rng: np.random.Generator) -> None:
    for rows in (10**5, 10**6):
        for columns in (2, 3, 4):
            values = rng.lognormal(0, 1, (rows, columns))
            others = values[:, :-1].prod(axis=1)
            values[:, -1] = rng.lognormal(0, 0.3, rows) / others ** (1 / (columns - 1))
            keys = np.zeros((rows, 1), dtype=np.int64)
            kept = len(undominated(values, keys))
            show(
                f"Pareto front of {rows} rows, {columns} columns ({kept} stay)",
                lambda values=values, keys=keys: undominated(values, keys),
            )


def real(limit_s: float) -> None:
    problem = real_problem()
    rows = sum(choice.rows for choice in problem.choices)
    read = ("latency_cycles", "energy_pj", "sensitivity")
    show(f"ResNet-50: pruning {rows} rows", lambda: [pareto_rows(c, read) for c in problem.choices])
    terms = (*problem.objective.terms, *problem.objective.then)
    small = prune(problem, terms).problem
    show("ResNet-50: latency, pruning included", lambda: solve(problem, time_limit_s=limit_s))
    show("ResNet-50: latency", lambda: solve(small, time_limit_s=limit_s))
    product = Problem(small.choices, minimize_product("energy_pj", "latency_cycles"), small.budgets)
    show("ResNet-50: energy-delay product", lambda: solve(product, time_limit_s=limit_s))
    show("ResNet-50: front of 15 points", lambda: pareto_front(small, "latency_cycles", "energy_pj", 15))
    tight = Budget("sensitivity", "sensitivity", small.budgets[0].limit / 4)
    best = solve(Problem(small.choices, minimize("energy_pj", then="latency_cycles"))).objective or 0.0
    budgets = (tight, Budget("energy", "energy_pj", 1.1 * best))
    clash = Problem(small.choices, small.objective, budgets)
    conflict = show("ResNet-50: two budgets that conflict, explained", lambda: explain_infeasible(clash))
    print("\n".join(conflict.sentences()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4, help="synthetic networks (default 4)")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds a solve (default 60)")
    arguments = parser.parse_args()
    print(f"{'':50s} {'CPU s':>8s} {'wall s':>8s}")
    solve(synthetic_problem(0, 0.3), gap=0.5)  # loads the solvers
    pruning(np.random.default_rng(0))
    for seed in range(arguments.seeds):
        for weight in (0.3, 0.6):
            problem = synthetic_problem(seed, weight)
            name = f"{LAYERS} layers x {ROWS} rows, 3 budgets, network {seed}, {weight}"
            show(name, lambda problem=problem: solve(problem, time_limit_s=arguments.limit))
            show(
                "  to a gap of 0.1 %",
                lambda problem=problem: solve(problem, time_limit_s=arguments.limit, gap=1e-3),
            )
    real(arguments.limit)


if __name__ == "__main__":
    main()
