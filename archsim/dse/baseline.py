"""What a plan is compared with: the accelerator as its YAML has it, every layer at one precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from archsim.accelerators.machine import Machine
from archsim.dse.bits import BitSpace, uniform_space
from archsim.dse.executions import Executions
from archsim.dse.explore import Explorer
from archsim.dse.fault_loss import FaultLosses
from archsim.dse.formulation import Formulation
from archsim.dse.layer_columns import SensitivityTable
from archsim.dse.points import make_points
from archsim.dse.quantities import Goal, budget_quantity
from archsim.dse.solve_point import PointResult
from archsim.dse.twin_errors import TwinErrors
from archsim.errors import InputError
from archsim.simulation import run_rows
from archsim.workloads.activation_memory import MemoryPolicy
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload

ErrorsOf = Callable[[BitSpace, Iterable[Machine]], TwinErrors]
"""Measures the errors of machines' twins."""


@dataclass(frozen=True)
class Baseline:
    """The best tilings of that accelerator for the same goal, without budgets; `reason` if there are none."""

    bits: str
    formulation: Formulation
    best: PointResult | None
    reason: str = ""

    @classmethod
    def of(
        cls,
        workload: Workload,
        spec: Mapping[str, Any],
        bits: str,
        goal: Goal,
        sensitivity: SensitivityTable | None,
        faults: FaultLosses | None,
        time_limit_s: float,
        executions: Executions,
        policy: MemoryPolicy,
        errors_of: ErrorsOf | None = None,
    ) -> Baseline:
        """`executions` are shared with the search, `policy` says what of activations counts.

        `errors_of` where the goal or a share of the baseline's accuracy reads them. Raises InputError for
        bits that are no precision, and KeyboardInterrupt on Ctrl-C, as nothing is known yet.
        """
        space = uniform_space(workload, Precision.parse(bits))
        formulation = Formulation(space, goal, (), sensitivity, faults, policy=policy)
        try:
            points, _ = make_points(spec, formulation.space, [{}])
        except InputError as error:
            return cls(bits, formulation, None, str(error))
        if errors_of is not None:
            errors = errors_of(formulation.space, [point.machine for point in points])
            formulation = replace(formulation, errors=errors)
        explorer = Explorer(spec, points, executions=executions)
        found = explorer.search(formulation, time_limit_s=time_limit_s)
        if found.interrupted:
            raise KeyboardInterrupt
        too_large = "" if found.nearest is None else "its stages leave no room for what stands between them"
        return cls(bits, formulation, found.best, points[0].unfit or too_large)

    def used(self, budget: str) -> float:
        """How much of a budget the baseline takes. Raises InputError if it cannot run at all."""
        if self.best is None:
            why = self.reason or "the time ran out"
            raise InputError(f"budgets: {budget} is a share of the baseline, which cannot run: {why}")
        best, quantity = self.best, budget_quantity(budget)
        return self.formulation.used(best.point, best.rows or (), quantity, between=best.between)

    def to_dict(self) -> dict[str, Any] | None:
        """Totals as of a run, with the bits and the goal's value; None if it cannot run."""
        if self.best is None or self.best.rows is None:
            return None
        rows = self.best.point.rows(self.formulation.space.workload.layers, self.best.rows)
        run = run_rows(self.formulation.space.workload, self.best.point.machine, rows, settings={})
        return {"bits": self.bits, "objective": self.best.value, **asdict(run.totals)}
