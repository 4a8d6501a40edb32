"""A study with everything it names loaded, and the plan, the front or the conflict that comes of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from archsim.accelerators.library import read_accelerator
from archsim.accelerators.machine import Machine
from archsim.dse.baseline import Baseline
from archsim.dse.bits import BitSpace, bit_space
from archsim.dse.buys import buys
from archsim.dse.conflict import Conflict, explain
from archsim.dse.executions import Executions
from archsim.dse.explore import Explorer, Found, Progress
from archsim.dse.fault_loss import fault_losses
from archsim.dse.formulation import Formulation, Limit
from archsim.dse.fronts import FrontPoint, front
from archsim.dse.layer_columns import SensitivityTable
from archsim.dse.limits import error_limit, limits_of, measure_of, reads_error, shares_error
from archsim.dse.plan import (
    BudgetUse,
    Buys,
    FrontFile,
    FrontPlan,
    PatchesOfPlan,
    Plan,
    PlanLayer,
    Status,
    Step,
)
from archsim.dse.points import make_points
from archsim.dse.quantities import ERROR, FAULT_LOSS, Quantity
from archsim.dse.rematerialise import MOST_EXECUTIONS
from archsim.dse.solve_point import PointResult
from archsim.dse.study import Study
from archsim.dse.twin_errors import MEASURING, TwinErrors
from archsim.dse.unrolled import unrolled_rows
from archsim.dse.verify import ErrorLimit, Verified, search_verified, verified
from archsim.simulation import run_rows
from archsim.workloads.patched import Patching, patched
from archsim.workloads.workload import Workload

PROVEN = 1e-6
"""Relative gap up to which a plan counts as optimal; whole numbers (cycles) are proven exactly."""


@dataclass(frozen=True)
class Outcome:
    """What a search says: a plan, plans along a front, or the budgets that conflict.

    None of these if the time ran out (status UNKNOWN) or Ctrl-C came first.
    """

    study: Study
    status: Status
    plan: Plan | None = None
    front: tuple[FrontPlan, ...] = ()
    conflict: Conflict | None = None
    interrupted: bool = False

    @property
    def front_file(self) -> FrontFile:
        """The front as a document of its own."""
        return FrontFile(study=self.study.name, status=self.status, points=list(self.front))


class StudySearch:
    """Raises InputError for a study whose parts do not fit together.

    `patching`: the first layers of the workload run in patches; `whole` is then the search without.
    """

    def __init__(
        self,
        study: Study,
        workload: Workload,
        sensitivity: SensitivityTable | None,
        workers: int,
        on_progress: Callable[[Progress], None],
        *,
        patching: Patching | None = None,
        whole: StudySearch | None = None,
    ) -> None:
        self.study, self.sensitivity, self.patching = study, sensitivity, patching
        self.workload = workload if patching is None else patched(workload, patching)
        spec, self.faults = read_accelerator(study.accelerator), fault_losses(study)
        space = bit_space(self.workload, study.bits, own_patch_bits=study.own_patch_bits)
        points, self.refused = make_points(spec, space, study.points_of_hardware(), study.goal().objective)
        executions = Executions() if whole is None else whole.explorer.executions
        self.explorer = Explorer(spec, points, workers, on_progress, executions=executions)
        self.started = self.explorer.started if whole is None else whole.started
        self.measure, self.unverified = measure_of(study, space)
        self.base = self._baseline() if whole is None else whole.base
        self.error_limit = error_limit(study, self.base)
        unlimited = Formulation(
            space,
            study.goal(),
            (),
            sensitivity,
            self.faults,
            self._errors(space, [point.machine for point in points]) if reads_error(study) else None,
            policy=study.memory_policy,
            most_executions=MOST_EXECUTIONS if study.allow_recompute else 1,
        )
        self.formulation = unlimited.with_limits(*limits_of(study, self.base), *self._limits_of_error())

    def in_patches(self, patching: Patching, on_progress: Callable[[Progress], None]) -> StudySearch:
        """The same study with the first layers in patches; what the kernel executed is known to both."""
        return StudySearch(
            self.study,
            self.workload,
            self.sensitivity,
            self.explorer.workers,
            on_progress,
            patching=patching,
            whole=self,
        )

    def _baseline(self) -> Baseline:
        study = self.study
        return Baseline.of(
            self.workload,
            self.explorer.spec,
            study.baseline_bits,
            study.goal(),
            self.sensitivity,
            self.faults,
            study.time_limit_s,
            self.explorer.executions,
            study.memory_policy,
            self._errors if shares_error(study) else None,
        )

    def _errors(self, space: BitSpace, machines: Iterable[Machine]) -> TwinErrors:
        assert self.measure is not None

        def tell(done: int, twins: int) -> None:
            elapsed = time.monotonic() - self.started
            self.explorer.on_progress(Progress(MEASURING, done, twins, {}, None, -math.inf, elapsed))

        return self.measure.errors(space, machines, self.explorer.workers, tell)

    def _limits_of_error(self) -> list[Limit]:
        if self.measure is None or self.error_limit == ErrorLimit():
            return []
        exact = self.measure.twins.float_accuracy(self.measure.images)
        return [Limit(ERROR, self.error_limit.at_most(exact))]

    def one_plan(self) -> Outcome:
        """The best plan, or why there is none."""
        study = self.study

        def best(asked: Formulation) -> Found:
            return self.explorer.search(asked, time_limit_s=study.time_limit_s, gap=study.gap)

        if self.measure is None:
            found = best(self.formulation)
            if found.best is None:
                return self.nothing(found)
            plan = self.plan(found.best, self.formulation, found, marginals=study.marginals)
        else:
            checked = search_verified(best, self.formulation, self.measure, self.error_limit)
            if isinstance(checked, Found):
                return self.nothing(checked)
            found = checked.found
            plan = self.verified_plan(checked, marginals=study.marginals and checked.is_within)
        return Outcome(study, plan.status, plan, interrupted=found.interrupted)

    def verified_plan(self, checked: Verified, *, marginals: bool) -> Plan:
        best = checked.found.best
        assert best is not None
        return checked.told(self.plan(best, checked.asked, checked.found, marginals=marginals))

    def along_front(self, quantities: list[Quantity], on_point: Callable[[FrontPoint], None]) -> Outcome:
        """A plan per point of the front."""
        study = self.study
        ends = front(
            self.explorer,
            self.formulation,
            quantities,
            study.points,
            time_limit_s=study.time_limit_s,
            gap=study.gap,
            on_point=on_point,
        )
        if not ends.points:
            return self.nothing(ends.first)
        names = [quantity.name for quantity in quantities]
        plans = tuple(
            FrontPlan(
                values=dict(zip(names, point.values, strict=True)),
                plan=self.plan_of_front(point),
            )
            for point in ends.points
        )
        proven = all(point.proven for point in ends.points)
        status: Status = "OPTIMAL" if proven and not ends.interrupted else "FEASIBLE"
        return Outcome(study, status, front=plans, interrupted=ends.interrupted)

    def plan_of_front(self, point: FrontPoint) -> Plan:
        if self.measure is None:
            return self.plan(point.result, point.asked, point.found, marginals=False)
        return self.verified_plan(verified(point.asked, point.found, self.measure), marginals=False)

    def nothing(self, found: Found) -> Outcome:
        """Why there is no plan: time ran out, nothing found fits (the nearest), or budgets conflict."""
        if found.interrupted or found.bound != math.inf:
            plan = None
            if found.nearest is not None:
                plan = self.plan(found.nearest, self.formulation, found, marginals=False)
            return Outcome(self.study, "UNKNOWN", plan, interrupted=found.interrupted)
        conflict = explain(self.explorer, self.formulation, time_limit_s=self.study.time_limit_s)
        return Outcome(self.study, "INFEASIBLE", conflict=conflict)

    def plan(self, best: PointResult, formulation: Formulation, found: Found, *, marginals: bool) -> Plan:
        """The plan of a result: executed as a whole for its totals."""
        assert best.rows is not None
        study, point = self.study, best.point
        chosen = formulation.table_rows(point, best.rows)
        rows = point.rows(self.workload.layers, chosen)
        executed, executed_rows = unrolled_rows(self.workload, rows, best.steps)
        run = run_rows(executed, point.machine, executed_rows, settings={"minimize": formulation.goal.text})
        mapping = {layer.name: layer.mapping for layer in run.layers}
        layers = [
            PlanLayer(
                name=row.layer.name,
                weight_bits=row.layer.precision.weight_bits,
                activation_bits=row.layer.precision.activation_bits,
                output_bits=row.layer.precision.output_bits,
                mapping=mapping[row.layer.name],
                latency_cycles=int(table.cycles[index]),
                energy_pj=float(table.energy_pj[index]),
            )
            for row, table, index in zip(rows, point.tables, chosen, strict=True)
        ]
        return Plan(
            study=study.name,
            workload=study.workload,
            patches=None if (p := self.patching) is None else PatchesOfPlan(stage=p.stage, grid=p.grid),
            dims=study.dims,
            accelerator=study.accelerator,
            hardware=dict(point.values),
            minimize=formulation.goal.text,
            status=_status(best, found),
            objective=best.value,
            best_bound=found.bound if math.isfinite(found.bound) else None,
            gap=found.gap if math.isfinite(found.gap) else None,
            then={formulation.goal.then.name: best.then},
            wall_s=time.monotonic() - self.started,
            layers=layers,
            schedule=[Step(layer=step.layer, kept_until=step.kept_until) for step in best.steps],
            totals=asdict(run.totals),
            budgets=self._uses(best, formulation),
            baseline=self.base.to_dict(),
            buys=self._buys(best, formulation) if marginals and not found.interrupted else [],
            search=self._statistics(best, found),
            warnings=[*run.warnings, *self.unverified],
        )

    def _uses(self, best: PointResult, formulation: Formulation) -> list[BudgetUse]:
        uses = []
        for limit in self.formulation.limits:
            used = formulation.used(best.point, best.rows or (), limit.quantity, best.steps, best.between)
            name, at_most = limit.quantity.name, limit.at_most
            uses.append(BudgetUse(name=name, limit=at_most, used=used, slack=at_most - used))
        return uses

    def _buys(self, best: PointResult, formulation: Formulation) -> list[Buys]:
        left_out = (ERROR,) if self.measure is None else (ERROR, FAULT_LOSS)
        study = self.study
        return buys(self.explorer, formulation, best, left_out, study.time_limit_s, study.gap)

    def _statistics(self, best: PointResult, found: Found) -> dict[str, object]:
        points = self.explorer.points
        tables = {id(table): table for point in points for table in point.tables}.values()
        return {
            "points": len(points),
            "refused": dict(self.refused),
            "dropped": dict(found.dropped),
            "solved": found.solved,
            **(
                {"times_solved": best.times_solved, "between_stages": dict(best.between)}
                if best.between
                else {}
            ),
            "mappings_priced": sum(table.options.priced for table in tables),
            "rows_kept": sum(len(table.options) for table in tables),
            "rows_executed": sum(int(table.executed.sum()) for table in tables),
        }


def _status(best: PointResult, found: Found) -> Status:
    if best.excess:
        return "UNKNOWN"
    return "OPTIMAL" if found.gap <= PROVEN else "FEASIBLE"
