"""Settings of single layers in a YAML, by the layer's name or a pattern of names."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from archsim.errors import InputError
from archsim.workloads.layer import Layer
from archsim.workloads.workload import Workload

_Setting = TypeVar("_Setting")


def setting_of(layer: Layer, settings: Mapping[str, _Setting]) -> _Setting | None:
    """What the first matching pattern says; a name of its own comes before patterns."""
    if layer.name in settings:
        return settings[layer.name]
    return next((given for pattern, given in settings.items() if fnmatchcase(layer.name, pattern)), None)


def is_pattern(name: str) -> bool:
    """Whether it may match several names, or none."""
    return any(sign in name for sign in "*?[")


def check_patterns(workload: Workload, key: str, settings: Mapping[str, object]) -> None:
    """Raises InputError for a pattern that matches no layer."""
    names = [layer.name for layer in workload.layers]
    for pattern in settings:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InputError(
                f"{key}: {pattern!r} matches no layer of {workload.name}, which has: {', '.join(names)}"
            )
