"""Points of a sweep evaluated, in whatever process: simulated, or searched."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.accelerators.spec_paths import place_of, with_values
from archsim.dse.layer_columns import SensitivityTable
from archsim.dse.search import Outcome as Found
from archsim.dse.search import search, sensitivity_table
from archsim.dse.study import Study
from archsim.dse.sweep.ledger import Chunk
from archsim.dse.sweep.outcome import FAILED, INFEASIBLE, OK, Outcome, packed
from archsim.dse.sweep.space import Design, Space
from archsim.dse.sweep.sweep import Sweep
from archsim.dse.twin_errors import error_measure
from archsim.errors import InputError
from archsim.run import Run
from archsim.simulation import chosen_rows, simulate
from archsim.totals import run_totals
from archsim.workloads.library import load_workload
from archsim.workloads.workload import Workload

MOST_S = 10.0
"""A chunk ends after so long with the points that are done: no more is lost when its worker dies."""


@dataclass(frozen=True)
class Evaluator:
    """A sweep with everything it names loaded: what a worker needs, without any file of its own."""

    sweep: Sweep
    space: Space
    workloads: tuple[Workload, ...]
    specs: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, sweep: Sweep) -> Evaluator:
        """Raises InputError for a workload, an accelerator or a path that is not there."""
        found = cls(
            sweep,
            Space.of(sweep),
            tuple(load_workload(name, dims=sweep.dims) for name in sweep.workloads),
            tuple(read_accelerator(accelerator) for accelerator in sweep.accelerators),
        )
        for spec in found.specs:
            for path in found.space.paths:
                place_of(spec, path)
        return found

    def fingerprint(self) -> str:
        """Equal for sweeps whose points come out equal: files are told by their content."""
        told = [self.sweep.fingerprint(), json.dumps(self.specs, sort_keys=True), repr(self.workloads)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()

    def about(self) -> dict[str, Any]:
        """The head of the ledger."""
        return {
            "name": self.sweep.name,
            "version": version("archsim"),
            "fingerprint": self.fingerprint(),
            "sweep": self.sweep.model_dump(mode="json", by_alias=True),
        }

    def chunk(self, numbers: Sequence[int], stopped: Callable[[], bool] = lambda: False) -> Chunk:
        """Evaluate points one after the other, until all are done, it is `stopped` or MOST_S are over."""
        cpu, wall = time.process_time(), time.perf_counter()
        done: list[Outcome] = []
        for design in self.space.designs(numbers):
            if stopped() or time.perf_counter() - wall > MOST_S:
                break
            done.append(self.outcome(design))
        return Chunk(
            points=len(done),
            failed=sum(outcome.status != OK for outcome in done),
            rows=packed(done),
            cpu_s=time.process_time() - cpu,
            wall_s=time.perf_counter() - wall,
            peak_mb=peak_mb(),
            worker=f"{os.uname().nodename}:{os.getpid()}",
        )

    def outcome(self, design: Design) -> Outcome:
        """The point's totals; whatever goes wrong with it is told, not raised."""
        try:
            return self._searched(design) if self.sweep.search is not None else self._ran(design)
        except InputError as error:
            return Outcome(design.number, FAILED, error=str(error))
        except Exception as error:  # a bug met by one point must not cost the others
            return Outcome(design.number, FAILED, error=f"{type(error).__name__}: {error}")

    def run(self, design: Design) -> Run:
        """The whole run of a point that is no search. Raises InputError as `simulate`."""
        machine = load_accelerator(self.spec(design))
        workload = self.workloads[design.workload]
        return simulate(workload, machine, minimize=self.sweep.minimize, precision=design.bits)

    def spec(self, design: Design) -> dict[str, Any]:
        return with_values(self.specs[design.accelerator], design.fields)

    def _ran(self, design: Design) -> Outcome:
        machine, workload = load_accelerator(self.spec(design)), self.workloads[design.workload]
        minimize, bits = self.sweep.minimize, design.bits
        totals, warnings = run_totals(workload, machine, minimize=minimize, precision=bits)
        found = Outcome(design.number, OK, totals, warnings=warnings)
        if self.sweep.accuracy is None:
            return found
        measure = error_measure(self.sweep.workloads[design.workload], self.sweep.accuracy)
        _, set_up, rows = chosen_rows(workload, machine, minimize=minimize, precision=bits)
        measured = measure.of_rows(set_up, rows)
        return replace(found, accuracy=measured.mean, accuracy_std=measured.std)

    def search(self, design: Design) -> Found:
        """What a search of the point finds. Raises InputError as `search`."""
        terms = self.sweep.search
        assert terms is not None
        study = Study(
            **{key: getattr(terms, key) for key in type(terms).model_fields},
            name=f"{self.sweep.name} {design.number}",
            workload=self.sweep.workloads[design.workload],
            dims=self.sweep.dims,
            accelerator=self.spec(design),
            marginals=False,
        )
        workload = self.workloads[design.workload]
        return search(study, workers=1, workload=workload, sensitivity=_sensitivity(study, workload))

    def _searched(self, design: Design) -> Outcome:
        found = self.search(design)
        if found.plan is not None:
            plan = found.plan
            outcome = Outcome(design.number, OK, plan.totals, None, plan.status, plan.gap, len(plan.warnings))
            if plan.accuracy is None:
                return outcome
            hardware = plan.accuracy.hardware
            return replace(outcome, accuracy=hardware.mean, accuracy_std=hardware.std)
        if found.conflict is not None:
            return Outcome(design.number, INFEASIBLE, error="\n".join(found.conflict.sentences()))
        return Outcome(design.number, FAILED, error="the time ran out before a plan was found")


_sensitivities: dict[str, SensitivityTable | None] = {}
"""Tables by what they depend on: a worker has one or a few."""


def _sensitivity(study: Study, workload: Workload) -> SensitivityTable | None:
    told = {"workload", "dims", "bits", "minimize", "then", "budgets", "sensitivity", "baseline_bits"}
    read = study.model_dump_json(include=told)
    if read not in _sensitivities:
        _sensitivities[read] = sensitivity_table(study, workload)
    return _sensitivities[read]


def peak_mb() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
