"""The accelerator families: each a spec model and a machine, imported when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from archsim.accelerators.machine import Machine

ENTRY_POINTS = "archsim.families"
"""The group under which an installed package names a module that registers families when imported."""

# family -> its spec and its machine: a class, or the module and the class to import
FAMILIES: dict[str, tuple[Any, Any]] = {
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


def register_family(name: str, spec: type[BaseModel], machine: Callable[[Any], Machine]) -> None:
    """Make a family known under the name that a YAML says in `family`.

    `spec` is the model of the YAML, `machine` makes a machine of one. An installed package does it without
    being imported first: entry point group ENTRY_POINTS, a module that calls this.
    """
    FAMILIES[name] = spec, machine


def has_family(name: str) -> bool:
    """Whether a family is known, or becomes so by what is installed."""
    if name not in FAMILIES:
        from importlib.metadata import entry_points

        for point in entry_points(group=ENTRY_POINTS):
            point.load()
    return name in FAMILIES


def spec_model(family: str) -> type[BaseModel]:
    return _load(FAMILIES[family][0])


def machine_of(family: str, spec: BaseModel) -> Machine:
    return _load(FAMILIES[family][1])(spec)


def _load(target: Any) -> Any:
    if not isinstance(target, str):
        return target
    module, name = target.split(":")
    return getattr(import_module(module), name)
