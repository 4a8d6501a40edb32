"""The patch stage and grid under a limit of SRAM."""

from itertools import pairwise, product

import pytest

from archsim.dse.memory_patches import search_patches, widest_bits
from archsim.errors import InputError
from archsim.workloads.activation_memory import PUBLISHED
from archsim.workloads.library import load_workload
from archsim.workloads.patches import patch_plan, stages

MOBILENETV2 = load_workload("mobilenetv2")


def test_mobilenetv2_in_the_published_memory():
    """172 kB is met by at most the published overhead of 4×4 patches."""
    found = search_patches(MOBILENETV2, 172 * 1024)
    assert found.best is not None
    assert found.best.peak_bytes <= 172 * 1024
    assert found.best.overhead <= 0.093
    every = [
        patch_plan(stage, (n, m), PUBLISHED)
        for stage in stages(MOBILENETV2)
        for n in range(1, 6)
        for m in range(1, 6)
        if n * m > 1 and max(n, m) <= min(stage.outputs[0].shape[2:])
    ]
    assert found.best.macs <= min(plan.macs for plan in every if plan.peak_bytes <= 172 * 1024)


def test_the_front_falls_in_memory_as_it_rises_in_work():
    front = search_patches(MOBILENETV2, 512 * 1024, finest=4).front
    assert len(front) > 3
    assert all(a.macs <= b.macs and a.peak_bytes > b.peak_bytes for a, b in pairwise(front))


def test_no_patches_where_none_are_needed():
    assert search_patches(MOBILENETV2, 1400 * 1024, finest=2).best is None


def test_too_little_memory_is_told():
    with pytest.raises(InputError, match=r"layer by layer it takes 1372 KiB, in patches at least [\d.]+ KiB"):
        search_patches(MOBILENETV2, 20 * 1024, finest=4)


def test_patches_are_as_wide_as_the_memory_allows():
    """Against every choice of widths on a small grid, and on MobileNetV2."""
    workload = MOBILENETV2
    (stage,) = [x for x in stages(workload) if x.layers[-1].name == "stage2.0.project"]
    grid = (2, 2)
    least, most = (patch_plan(stage, grid, PUBLISHED, [[bits] * 2] * 2).stage_bytes for bits in (4, 8))
    for share in (0.0, 0.3, 0.6, 1.0):
        limit = least + share * (most - least)
        found = widest_bits(stage, grid, PUBLISHED, limit, (4, 8))
        fitting = [
            sum(bits)
            for bits in product((4, 8), repeat=4)
            if patch_plan(stage, grid, PUBLISHED, [bits[:2], bits[2:]]).stage_bytes <= limit
        ]
        assert sum(map(sum, found)) == max(fitting)
        assert patch_plan(stage, grid, PUBLISHED, found).stage_bytes <= limit

    grids = [(3, 3), (4, 4)]
    mixed, alone = (search_patches(workload, 172 * 1024, grids=grids, bits=bits) for bits in ((4, 8), ()))
    assert mixed.best is not None
    assert alone.best is not None
    assert mixed.best.macs <= alone.best.macs
    assert mixed.best.peak_bytes <= 172 * 1024
    assert mixed.bits is not None
