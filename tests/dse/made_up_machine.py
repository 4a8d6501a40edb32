"""A machine of drawn tables, slower on the kernel than its bounds say; and every plan of it, one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from archsim.accelerators.machine import Options, Row
from archsim.dse.bits import BitSpace
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.point import LayerTable, Point
from archsim.dse.quantities import AREA, DRAM, ENERGY, LATENCY, SENSITIVITY, Goal
from archsim.dse.selection.problem import Tie
from archsim.kernel.graph import Actor, Firing, Resource, TimedGraph
from archsim.workloads.layer import Layer, Tensor
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

PRECISIONS = (Precision(4, 8, 8), Precision(8, 8, 8))
LEAKAGE_PJ = 3.0
FRONT = frozenset(("cycles", "energy_pj", "traffic:dram"))
QUANTITIES = (LATENCY, ENERGY, AREA, DRAM, SENSITIVITY)


@dataclass
class MadeUpMachine:
    """Its program of a row takes the row's true cycles."""

    true_cycles: Mapping[tuple[str, int], int]
    clock_mhz: float
    area_mm2: float
    composition: str = "sequential"
    outer_memory: str = "dram"
    composition: str = "sequential"
    timing: None = None
    capacities: tuple[float, ...] = ()
    peak_macs_per_cycle: float = 128.0  # no layer has more MACs: no row is faster than a cycle

    def area(self) -> Mapping[str, Any]:
        return {"all": SimpleNamespace(value=self.area_mm2)}

    def program(self, rows: Sequence[Row]) -> TimedGraph:
        (row,) = rows
        taken = self.true_cycles[row.layer.name, int(row.mapping["number"])]
        return TimedGraph(
            [Actor(f"{row.layer.name}:all", Firing(taken), "array", (), "compute")], [], [Resource("array")]
        )


class Losses:
    def loss(self, layer: str, operand: str, bits: int) -> float:
        return {"weight": 10.0 / bits, "activation": 1.0}[operand] * (1 + len(layer) % 3)


@dataclass
class Case:
    """A hardware space with its formulation, and for every point the true costs of all rows."""

    formulation: Formulation
    points: list[Point]

    def plans(self) -> Iterator[tuple[Point, tuple[int, ...], dict[str, float]]]:
        """Every plan that keeps ties and limits, with its quantities in their own units."""
        for point in self.points:
            for rows in itertools.product(*(range(len(table.options)) for table in point.tables)):
                used = self.used(point, rows)
                if self.tied(point, rows) and all(
                    used[limit.quantity.name] <= limit.at_most for limit in self.formulation.limits
                ):
                    yield point, rows, used

    def tied(self, point: Point, rows: tuple[int, ...]) -> bool:
        bits = {
            layer.name: int(PRECISIONS[table.options.precision[row]].weight_bits)
            for layer, table, row in zip(
                self.formulation.space.workload.layers, point.tables, rows, strict=True
            )
        }
        return all(len({bits[name] for name in tie.layers}) == 1 for tie in self.formulation.space.ties)

    def used(self, point: Point, rows: tuple[int, ...]) -> dict[str, float]:
        machine: Any = point.machine
        layers = self.formulation.space.workload.layers
        cycles, energy, dram, loss = [], [], [], []
        for layer, table, row in zip(layers, point.tables, rows, strict=True):
            options = table.options
            taken = machine.true_cycles[layer.name, row]
            cycles.append(float(taken))
            energy.append(float(options.energy_pj["mac"][row] + LEAKAGE_PJ * (taken - options.cycles[row])))
            dram.append(float(options.traffic_bytes["dram"][row]))
            precision = PRECISIONS[options.precision[row]]
            losses = Losses()
            loss.append(
                losses.loss(layer.name, "activation", 8)
                + losses.loss(layer.name, "weight", precision.weight_bits)
            )
        return {
            "latency_ms": math.fsum(cycles) / (machine.clock_mhz * 1e3),
            "energy_mj": math.fsum(energy) / 1e9,
            "area_mm2": point.area_mm2,
            "dram_mb": math.fsum(dram) / 1e6,
            "sensitivity": math.fsum(loss),
        }

    def goal_of(self, used: Mapping[str, float]) -> float:
        goal = self.formulation.goal
        parts = [used[quantity.name] * weight for quantity, weight in goal.terms]
        return math.prod(parts) if goal.product else math.fsum(parts)


def workload(layers: int) -> Workload:
    """A chain of matrix products that share nothing but their tensors."""
    from archsim.workloads.layer import Contraction

    made = [
        Layer(
            name=f"layer{'x' * i}{i}",
            operator="gemm",
            inputs=(Tensor(f"t{i}", (4, 4)),),
            outputs=(Tensor(f"t{i + 1}", (4, 4)),),
            weights=(Tensor(f"w{i}", (4, 4)),),
            contraction=Contraction(P=4, K=4, C=4 + i),  # no two alike
        )
        for i in range(layers)
    ]
    return Workload.from_layers("chain", made)


@st.composite
def tables(draw: st.DrawFn, layer: Layer, truth: dict[tuple[str, int], int]) -> LayerTable:
    rows = draw(st.integers(1, 4))
    bound = [draw(st.integers(1, 12)) for _ in range(rows)]
    stall = [draw(st.integers(0, 4)) for _ in range(rows)]
    for row in range(rows):
        truth[layer.name, row] = bound[row] + stall[row]
    options = Options(
        layer=layer,
        precisions=PRECISIONS,
        precision=np.array([draw(st.integers(0, 1)) for _ in range(rows)]),
        cycles=np.array(bound, dtype=np.float64),
        cycles_high=np.array(bound, dtype=np.float64) + 4,
        energy_pj={"mac": np.array([float(draw(st.integers(1, 50))) for _ in range(rows)])},
        traffic_bytes={"dram": np.array([float(draw(st.integers(1, 9))) for _ in range(rows)])},
        held_bytes={},
        mapping={"number": np.arange(rows)},
        codebooks={"number": {"number": np.arange(rows)}},
        priced=rows,
        leakage_pj_per_cycle={"mac": LEAKAGE_PJ},
    )
    return LayerTable.of(options)


@st.composite
def goals(draw: st.DrawFn) -> Goal:
    kind = draw(st.sampled_from(("one", "one", "weighted", "product")))
    if kind == "product":
        return Goal(((ENERGY, 1.0), (LATENCY, 1.0)), LATENCY, product=True)
    first, then = draw(st.permutations(QUANTITIES))[:2]
    if kind == "one":
        return Goal(((first, 1.0),), then)
    return Goal(
        ((LATENCY, 1e4), (ENERGY, draw(st.sampled_from((1e3, 1e6))))), draw(st.sampled_from(QUANTITIES))
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Up to 3 points and 4 layers of up to 4 rows; limits that some plan just meets, or that none meets."""
    net = workload(draw(st.integers(1, 4)))
    points = []
    for number in range(draw(st.integers(1, 3))):
        truth: dict[tuple[str, int], int] = {}
        made = [draw(tables(layer, truth)) for layer in net.layers]
        machine: Any = MadeUpMachine(truth, 100.0, float(draw(st.integers(1, 4))))
        points.append(Point({"number": number}, machine, machine.area_mm2, tables=made, front=FRONT))
    points.sort(key=lambda point: point.area_mm2)
    ties = ()
    if len(net.layers) > 1 and draw(st.booleans()):
        ties = (Tie((net.layers[0].name, net.layers[1].name), ("weight_bits",)),)
    space = BitSpace(net, (PRECISIONS,) * len(net.layers), ties)
    free = Case(Formulation(space, draw(goals()), (), Losses()), points)
    limits = []
    plans = list(free.plans())
    for quantity in draw(st.lists(st.sampled_from(QUANTITIES), max_size=3, unique=True)):
        values = sorted({used[quantity.name] for _, _, used in plans})
        if values:
            at_most = draw(st.sampled_from(values)) * (1 + 1e-9)
            limits.append(Limit(quantity, at_most * draw(st.sampled_from((1.0, 1.0, 1.0, 0.7)))))
    return Case(free.formulation.with_limits(*limits), points)
