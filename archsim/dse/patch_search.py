"""Where the patch stage ends and how fine its grid is, under a limit of SRAM: every choice tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from archsim.errors import InputError
from archsim.workloads.activation_memory import PUBLISHED, MemoryPolicy, layer_by_layer, peak
from archsim.workloads.patches import Grid, PatchPlan, patch_plan, stages
from archsim.workloads.workload import Workload

FINEST = 8


@dataclass(frozen=True)
class PatchSearch:
    """The least overhead that meets the limit (`best`; None: no patches are needed), and the whole front.

    `front`: plans that no other beats in both peak bytes and MACs, the largest memory first; the first is
    without patches if `unpatched_bytes` is on it. All candidates were tried, so both are optimal among them.
    """

    unpatched_bytes: int
    best: PatchPlan | None
    front: tuple[PatchPlan, ...]
    tried: int


def search_patches(
    workload: Workload,
    max_sram_bytes: float,
    *,
    policy: MemoryPolicy = PUBLISHED,
    finest: int = FINEST,
    grids: Sequence[Grid] | None = None,
) -> PatchSearch:
    """The fewest MACs under a limit of activation memory, over all stages and grids up to `finest`².

    Raises InputError when no candidate meets the limit; it tells the least memory that one does.
    """
    whole = peak(layer_by_layer(workload, policy)).bytes
    sides = range(1, finest + 1)
    every = list(product(sides, sides)) if grids is None else list(grids)
    plans = [
        patch_plan(stage, grid, policy)
        for stage in stages(workload)
        for grid in every
        if grid != (1, 1) and all(n <= size for n, size in zip(grid, stage.outputs[0].shape[2:], strict=True))
    ]
    front = _front(plans)
    if whole <= max_sram_bytes:
        return PatchSearch(whole, None, front, len(plans))
    fitting = [plan for plan in plans if plan.peak_bytes <= max_sram_bytes]
    if not fitting:
        least = min([whole, *(plan.peak_bytes for plan in plans)])
        raise InputError(
            f"workload {workload.name!r} does not fit {max_sram_bytes / 1024:.4g} KiB of activations: "
            f"layer by layer it takes {whole / 1024:.4g} KiB, in patches at least {least / 1024:.4g} KiB "
            f"({len(plans)} stages and grids tried). Raise the limit, or give its layers fewer bits."
        )
    best = min(fitting, key=lambda p: (p.macs, p.peak_bytes, p.grid[0] * p.grid[1]))
    return PatchSearch(whole, best, front, len(plans))


def _front(plans: Sequence[PatchPlan]) -> tuple[PatchPlan, ...]:
    kept: list[PatchPlan] = []
    for plan in sorted(plans, key=lambda p: (p.macs, p.peak_bytes)):
        if not kept or plan.peak_bytes < kept[-1].peak_bytes:
            kept.append(plan)
    return tuple(kept)
