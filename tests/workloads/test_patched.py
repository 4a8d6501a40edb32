"""A network with its first layers in patches: it computes the same values, and what it costs is counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_patches import NETWORKS, mobilenetv2

from archsim.errors import InputError
from archsim.workloads.activation_memory import LIVENESS, PUBLISHED, MemoryPolicy, layer_by_layer, peak
from archsim.workloads.layer import Layer
from archsim.workloads.patch_names import is_of_a_patch, whole_name
from archsim.workloads.patched import Patching, patched
from archsim.workloads.patches import patch_plan, stages

KIB = 1024
POLICIES = st.sampled_from(
    (LIVENESS, PUBLISHED, MemoryPolicy(), MemoryPolicy(in_place=False, residuals=False))
)


def computed(layer: Layer, inputs: list[np.ndarray]) -> np.ndarray:
    """One channel that stands for all: a convolution by weights drawn from the layer's name, or a sum."""
    c = layer.contraction
    if c is None:
        return np.sum(inputs, axis=0)
    top, left, bottom, right = c.padding
    (x,) = inputs
    assert x.shape == c.input_size
    padded = np.pad(x, ((top, bottom), (left, right)))
    weights = np.random.default_rng(sum(whole_name(layer.name).encode())).normal(size=(c.R, c.S))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (c.R, c.S))[:: c.stride[0], :: c.stride[1]]
    found = np.einsum("pqrs,rs->pq", windows, weights)
    return found[: c.P, : c.Q]


def read_part(layer: Layer, shape: tuple[int, ...], made: tuple[slice, ...]) -> tuple[slice, ...]:
    """Where in the whole input the part lies that makes these rows and columns of the whole output."""
    c = layer.contraction
    stride, padding = ((1, 1), (0, 0)) if c is None else (c.stride, c.padding[:2])
    starts = [max(0, own.start * s - pad) for own, s, pad in zip(made, stride, padding, strict=True)]
    return tuple(slice(start, start + size) for start, size in zip(starts, shape[2:], strict=True))


@settings(max_examples=40, deadline=None)
@given(workload=NETWORKS, grid=st.tuples(st.integers(1, 4), st.integers(1, 4)), data=st.data())
def test_patches_compute_what_the_whole_does(workload, grid, data):
    stage = data.draw(st.sampled_from(stages(workload)))
    output = stage.outputs[0]
    assume(all(n <= size for n, size in zip(grid, output.shape[2:], strict=True)))
    whole = {"input": np.random.default_rng(0).normal(size=workload.inputs[0].shape[2:])}
    for layer in stage.layers:
        whole[layer.outputs[0].name] = computed(layer, [whole[t.name] for t in layer.inputs])
    needed = stage.needed(0, grid[0]), stage.needed(1, grid[1])
    originals = {layer.name: layer for layer in stage.layers}
    joined = np.full_like(whole[output.name], np.nan)
    for layer in patched(workload, Patching(stage.layers[-1].name, grid)).layers:
        if not is_of_a_patch(layer.name):
            continue
        patch = map(int, layer.name.rpartition("@")[2].split(","))
        original = originals[whole_name(layer.name)]
        name = original.outputs[0].name
        at = tuple(
            slice(side[name].first[i], side[name].last[i]) for side, i in zip(needed, patch, strict=True)
        )
        parts = [whole[whole_name(t.name)][read_part(original, t.shape, at)] for t in layer.inputs]
        made = computed(layer, parts)
        assert made.shape == layer.outputs[0].shape[2:]
        np.testing.assert_allclose(made, whole[name][at])
        if name == output.name:
            joined[at] = made
    np.testing.assert_allclose(joined, whole[output.name])


@settings(max_examples=40, deadline=None)
@given(workload=NETWORKS, grid=st.tuples(st.integers(1, 3), st.integers(1, 3)), data=st.data())
def test_work_and_memory_are_those_of_the_plan(workload, grid, data):
    stage = data.draw(st.sampled_from(stages(workload)))
    policy = data.draw(POLICIES)
    assume(all(n <= size for n, size in zip(grid, stage.outputs[0].shape[2:], strict=True)))
    cut = patched(workload, Patching(stage.layers[-1].name, grid))
    plan = patch_plan(stage, grid, policy)
    assert cut.macs == plan.macs
    assert cut.weight_bytes == workload.weight_bytes
    assert peak(layer_by_layer(cut, policy)).bytes == plan.peak_bytes


def test_mobilenetv2_in_patches():
    """MCUNetV2's 1372 → 172 kB, and what everything alive takes beside it."""
    workload, _ = mobilenetv2()
    cut = patched(workload, Patching("stage3.0.project", (4, 4)))
    assert peak(layer_by_layer(cut, PUBLISHED)).bytes / KIB == pytest.approx(172, abs=0.6)
    assert peak(layer_by_layer(cut, MemoryPolicy())).bytes == 196 * KIB
    assert cut.peak_memory.bytes == peak(layer_by_layer(cut, LIVENESS)).bytes == 318.5 * KIB


@pytest.mark.parametrize(
    ("patching", "said"),
    [
        (Patching("stage2.1.depthwise", (2, 2)), "no patch stage ends at 'stage2.1.depthwise'"),
        (Patching("conv1", (200, 1)), "does not fit the stage's output of 112×112"),
    ],
)
def test_patches_that_are_none(patching, said):
    with pytest.raises(InputError, match=said):
        patched(mobilenetv2()[0], patching)
