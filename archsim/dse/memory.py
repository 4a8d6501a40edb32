"""What a network's activations take, and what patches or recomputation save: one object, one JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from archsim.dse.memory_patches import PatchSearch, search_patches
from archsim.dse.rematerialise import Rematerialisation, rematerialise
from archsim.errors import InputError
from archsim.workloads.activation_memory import POLICIES, layer_by_layer, peak
from archsim.workloads.workload import LiveMemory, Workload

SCHEMA = "archsim.memory/1"
WORDS = {
    "alive": "every tensor alive",
    "in_place": "in place",
    "published": "in place, without residuals and input",
}
"""By policy what counts."""


@dataclass(frozen=True)
class MemoryReport:
    """Peaks layer by layer by what counts; what a limit makes of it, where one is given."""

    workload: str
    peaks: dict[str, LiveMemory]
    limit_bytes: float | None = None
    patches: PatchSearch | None = None
    recomputation: Rematerialisation | None = None

    def to_dict(self) -> dict[str, Any]:
        """The documented object `archsim.memory/1`."""
        return {
            "schema": SCHEMA,
            "workload": self.workload,
            "layer_by_layer": {name: asdict(entry) for name, entry in self.peaks.items()},
            "limit_bytes": self.limit_bytes,
            "patches": None if self.patches is None else asdict(self.patches),
            "recomputation": None if self.recomputation is None else asdict(self.recomputation),
        }


def memory_report(
    workload: Workload,
    limit_bytes: float | None = None,
    *,
    patches: bool = False,
    recompute: bool = False,
    policy: str = "published",
    patch_bits: Sequence[int] = (),
    time_limit_s: float = 60.0,
) -> MemoryReport:
    """Peaks of a workload; with a limit the patches (under `policy`) or the recomputation that meet it.

    `policy` is one of POLICIES. `patch_bits`: activation widths that a patch may have; default: the layers'
    own. Raises InputError when the limit cannot be met, or for a policy that is none.
    """
    if policy not in POLICIES:
        raise InputError(f"what counts of activations is {policy!r}; allowed: {', '.join(POLICIES)}")
    peaks = {WORDS[name]: peak(layer_by_layer(workload, each)) for name, each in POLICIES.items()}
    plan = again = None
    if limit_bytes is not None and patches:
        plan = search_patches(workload, limit_bytes, policy=POLICIES[policy], bits=patch_bits)
    if limit_bytes is not None and recompute:
        again = rematerialise(workload, limit_bytes, time_limit_s=time_limit_s)
    return MemoryReport(workload.name, peaks, limit_bytes, plan, again)
