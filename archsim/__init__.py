"""archsim: simulate a neural network on a virtual DNN accelerator.

import archsim
run = archsim.simulate("resnet50", "systolic-128")
run.totals.latency_ms, run.energy, run.to_html("report.html")

outcome = archsim.search(archsim.load_study("edge-energy"))
outcome.plan.totals, archsim.run_plan(outcome.plan)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archsim.accelerators.library import list_accelerators, load_accelerator
    from archsim.dse.plan import Plan, read_plan
    from archsim.dse.replay import run_plan
    from archsim.dse.search import Outcome, search
    from archsim.dse.stable_latency import stable_latency
    from archsim.dse.study import Study
    from archsim.dse.study_files import list_studies, load_study
    from archsim.dse.sweep.files import list_sweeps, load_sweep
    from archsim.dse.sweep.results import Results, read_results
    from archsim.dse.sweep.run import sweep
    from archsim.dse.sweep.sweep import Sweep
    from archsim.errors import InputError
    from archsim.evaluation import accuracy, ber_sensitivity, twin, with_activity
    from archsim.numerics.accuracy_report import Accuracy
    from archsim.run import Run
    from archsim.simulation import simulate
    from archsim.undervolting import Undervolting
    from archsim.workloads.export import export_workload
    from archsim.workloads.layer import Contraction, Layer, Tensor
    from archsim.workloads.library import list_workloads, load_workload
    from archsim.workloads.precision import Precision
    from archsim.workloads.workload import Workload

__version__ = "0.1.0"

# name -> module, imported when the name is first used: `archsim --help` must not wait for pandas and onnx
_HOMES = {
    "Accuracy": "archsim.numerics.accuracy_report",
    "Contraction": "archsim.workloads.layer",
    "InputError": "archsim.errors",
    "Layer": "archsim.workloads.layer",
    "Outcome": "archsim.dse.search",
    "Plan": "archsim.dse.plan",
    "Precision": "archsim.workloads.precision",
    "Results": "archsim.dse.sweep.results",
    "Run": "archsim.run",
    "Study": "archsim.dse.study",
    "Sweep": "archsim.dse.sweep.sweep",
    "Tensor": "archsim.workloads.layer",
    "Undervolting": "archsim.undervolting",
    "Workload": "archsim.workloads.workload",
    "accuracy": "archsim.evaluation",
    "ber_sensitivity": "archsim.evaluation",
    "export_workload": "archsim.workloads.export",
    "list_accelerators": "archsim.accelerators.library",
    "list_studies": "archsim.dse.study_files",
    "list_sweeps": "archsim.dse.sweep.files",
    "list_workloads": "archsim.workloads.library",
    "load_accelerator": "archsim.accelerators.library",
    "load_study": "archsim.dse.study_files",
    "load_sweep": "archsim.dse.sweep.files",
    "load_workload": "archsim.workloads.library",
    "read_plan": "archsim.dse.plan",
    "read_results": "archsim.dse.sweep.results",
    "run_plan": "archsim.dse.replay",
    "search": "archsim.dse.search",
    "simulate": "archsim.simulation",
    "stable_latency": "archsim.dse.stable_latency",
    "sweep": "archsim.dse.sweep.run",
    "twin": "archsim.evaluation",
    "with_activity": "archsim.evaluation",
}

__all__ = [
    "Accuracy",
    "Contraction",
    "InputError",
    "Layer",
    "Outcome",
    "Plan",
    "Precision",
    "Results",
    "Run",
    "Study",
    "Sweep",
    "Tensor",
    "Undervolting",
    "Workload",
    "__version__",
    "accuracy",
    "ber_sensitivity",
    "export_workload",
    "list_accelerators",
    "list_studies",
    "list_sweeps",
    "list_workloads",
    "load_accelerator",
    "load_study",
    "load_sweep",
    "load_workload",
    "read_plan",
    "read_results",
    "run_plan",
    "search",
    "simulate",
    "stable_latency",
    "sweep",
    "twin",
    "with_activity",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'archsim' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
