"""The accelerator families: each a spec model and a machine, imported when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from archsim.accelerators.machine import Machine

# family -> (module and class of its spec, module and class of its machine)
FAMILIES = {
    "systolic": (
        "archsim.accelerators.systolic.spec:SystolicSpec",
        "archsim.accelerators.systolic.machine:SystolicMachine",
    ),
    "cluster": (
        "archsim.accelerators.cluster.spec:ClusterSpec",
        "archsim.accelerators.cluster.machine:ClusterMachine",
    ),
    "crossbar": (
        "archsim.accelerators.crossbar.spec:CrossbarSpec",
        "archsim.accelerators.crossbar.machine:CrossbarMachine",
    ),
    "dataflow": (
        "archsim.accelerators.dataflow.spec:DataflowSpec",
        "archsim.accelerators.dataflow.machine:DataflowMachine",
    ),
    "overlay": (
        "archsim.accelerators.overlay.spec:OverlaySpec",
        "archsim.accelerators.overlay.machine:OverlayMachine",
    ),
}


def spec_model(family: str) -> type[BaseModel]:
    return _load(FAMILIES[family][0])


def machine_of(family: str, spec: BaseModel) -> Machine:
    return _load(FAMILIES[family][1])(spec)


def _load(target: str) -> Any:
    module, name = target.split(":")
    return getattr(import_module(module), name)
