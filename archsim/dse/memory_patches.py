"""Where the patch stage ends, how fine its grid is and how wide each patch, under a limit of SRAM."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from archsim.errors import InputError
from archsim.workloads.activation_memory import PUBLISHED, MemoryPolicy, layer_by_layer, peak
from archsim.workloads.patched import Patching
from archsim.workloads.patches import Grid, PatchPlan, Stage, patch_bytes, patch_plan, stages
from archsim.workloads.workload import Workload

FINEST = 8
SECONDS = 20.0


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
    bits: tuple[tuple[int, ...], ...] | None = None  # of the best plan's patches, where they are chosen


def search_patches(
    workload: Workload,
    max_sram_bytes: float,
    *,
    policy: MemoryPolicy = PUBLISHED,
    finest: int = FINEST,
    grids: Sequence[Grid] | None = None,
    bits: Sequence[int] = (),
) -> PatchSearch:
    """The fewest MACs under a limit of activation memory, over all stages and grids up to `finest`².

    With `bits` every patch has one of these activation widths (QuantMCU): a stage and grid may be taken that
    fit at the narrowest, and then as many pixels as possible are as wide as possible.
    Raises InputError when no candidate meets the limit; it tells the least memory that one does.
    """
    whole = peak(layer_by_layer(workload, policy)).bytes
    sides = range(1, finest + 1)
    every = list(product(sides, sides)) if grids is None else list(grids)
    tried = [
        (stage, patch_plan(stage, grid, policy, _uniform(grid, min(bits)) if bits else None))
        for stage in stages(workload)
        for grid in every
        if grid != (1, 1) and stage.allows(grid)
    ]
    stage_of, plans = {id(plan): stage for stage, plan in tried}, [plan for _, plan in tried]
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
    if not bits:
        return PatchSearch(whole, best, front, len(plans))
    stage = stage_of[id(best)]
    chosen = widest_bits(stage, best.grid, policy, max_sram_bytes, bits)
    return PatchSearch(whole, patch_plan(stage, best.grid, policy, chosen), front, len(plans), chosen)


def patch_choices(
    narrow: Workload, wide: Workload, max_sram_bytes: float, policy: MemoryPolicy, finest: int = FINEST
) -> tuple[list[Patching | None], float]:
    """(What may meet the limit, the fewest MACs first; the least bytes that anything takes).

    The network as a whole (None) if it fits, and for every stage the grid with the fewest MACs that does: at
    the fewest bits that the layers may have (`narrow`) and, where that is another, at the most (`wide`).
    """
    sides = range(1, finest + 1)
    grids = [(rows, columns) for rows in sides for columns in sides if rows * columns > 1]
    least = peak(layer_by_layer(narrow, policy)).bytes
    fitting: dict[Patching | None, int] = {None: narrow.macs} if least <= max_sram_bytes else {}
    for workload in (narrow, wide):
        for stage in stages(workload):
            plans = [patch_plan(stage, grid, policy) for grid in grids if stage.allows(grid)]
            least = min([least, *(plan.peak_bytes for plan in plans)])
            within = [plan for plan in plans if plan.peak_bytes <= max_sram_bytes]
            if within:
                best = min(within, key=lambda plan: (plan.macs, plan.peak_bytes))
                fitting[Patching(stage.layers[-1].name, best.grid)] = best.macs
    return sorted(fitting, key=lambda patching: fitting[patching]), least


def widest_bits(
    stage: Stage, grid: Grid, policy: MemoryPolicy, max_sram_bytes: float, bits: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Activation bits of every patch, so that the bits of the stage's output are most within the memory.

    Proven by CP-SAT. The narrowest everywhere must fit.
    """
    from ortools.sat.python import cp_model

    model, patches = cp_model.CpModel(), grid[0] * grid[1]
    widths = sorted(set(bits))
    uniform = [patch_bytes(stage, grid, policy, _uniform(grid, width)) for width in widths]
    alive, made = (np.array([part[side].ravel() for part in uniform]) for side in (0, 1))  # (widths, patches)
    has = [[model.new_bool_var("") for _ in widths] for _ in range(patches)]
    most = model.new_int_var(0, math.ceil(alive.max() * 8), "")
    for patch, of_patch in enumerate(has):
        model.add_exactly_one(of_patch)
        for number, chosen in enumerate(of_patch):
            model.add(most >= math.ceil(alive[number, patch] * 8)).only_enforce_if(chosen)
    whole = sum(
        math.ceil(made[number, patch] * 8) * chosen
        for patch, of_patch in enumerate(has)
        for number, chosen in enumerate(of_patch)
    )
    model.add(most + whole <= int(max_sram_bytes * 8))
    model.maximize(whole)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = SECONDS
    solver.solve(model)
    found = [
        next(w for w, chosen in zip(widths, of_patch, strict=True) if solver.value(chosen))
        for of_patch in has
    ]
    return tuple(tuple(found[row * grid[1] : (row + 1) * grid[1]]) for row in range(grid[0]))


def _uniform(grid: Grid, width: int) -> list[list[int]]:
    return [[width] * grid[1] for _ in range(grid[0])]


def _front(plans: Sequence[PatchPlan]) -> tuple[PatchPlan, ...]:
    kept: list[PatchPlan] = []
    for plan in sorted(plans, key=lambda p: (p.macs, p.peak_bytes)):
        if not kept or plan.peak_bytes < kept[-1].peak_bytes:
            kept.append(plan)
    return tuple(kept)
