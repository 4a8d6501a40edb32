"""Memory layer by layer and patch by patch: published MobileNetV2 figures, brute force, conservation."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.workloads.activation_memory import LIVENESS, PUBLISHED, MemoryPolicy, layer_by_layer, peak
from archsim.workloads.layer import Tensor
from archsim.workloads.library import load_workload
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.patches import Stage, patch_plan, stages
from archsim.workloads.workload import Workload

KIB = 1024
STAGE_END = "stage3.0.project"  # 28 × 28 × 32, as MCUNetV2 cuts MobileNetV2


def mobilenetv2() -> tuple[Workload, Stage]:
    workload = load_workload("mobilenetv2")
    (stage,) = [s for s in stages(workload) if s.layers[-1].name == STAGE_END]
    return workload, stage


def test_mobilenetv2_as_published():
    """1372 → 172 kB, 8.0 times less: MCUNetV2's figure 5. Predicted."""
    workload, stage = mobilenetv2()
    before = peak(layer_by_layer(workload, PUBLISHED)).bytes
    plan = patch_plan(stage, (4, 4), PUBLISHED)
    assert before == 1372 * KIB
    assert plan.peak_bytes / KIB == pytest.approx(172, abs=0.6)
    assert before / plan.peak_bytes == pytest.approx(8.0, abs=0.01)
    assert plan.input_patch == (75, 75)  # also in mcunet's issue 9
    assert plan.overhead == pytest.approx(0.093, abs=0.001)


def test_mobilenetv2_with_everything_alive():
    """Residuals and depthwise layers out of place, which the published figures leave out."""
    workload, stage = mobilenetv2()
    assert peak(layer_by_layer(workload, LIVENESS)).bytes == 1470 * KIB == workload.peak_memory.bytes
    assert patch_plan(stage, (4, 4), MemoryPolicy(in_place=True)).peak_bytes == 196 * KIB
    out_of_place = MemoryPolicy(in_place=False, residuals=False, network_input=False)
    assert patch_plan(stage, (4, 4), out_of_place).stage_bytes / KIB == pytest.approx(166.4, abs=0.05)


def test_receptive_fields_of_mobilenetv2():
    """Inner patches: 7 ← 15 ← 17 ← 35 ← 37 ← 75."""
    _, stage = mobilenetv2()
    needed = stage.needed(0, 4)
    inputs = {layer.name: int(needed[layer.inputs[0].name].lengths.max()) for layer in stage.layers}
    blocks = ("stage3.0.depthwise", "stage2.1.depthwise", "stage2.0.depthwise", "stage1.0.depthwise", "conv1")
    assert [inputs[name] for name in blocks] == [15, 17, 35, 37, 75]


def network(rows: int, columns: int, layers: list[tuple[int, int, int, bool]]) -> Workload:
    """Convolutions of (kernel, stride, channels, with residual)."""
    net = NetworkBuilder("net")
    x = Tensor("input", (1, 3, rows, columns))
    for i, (kernel, stride, channels, residual) in enumerate(layers):
        y = net.conv(f"conv{i}", x, channels, kernel, stride=stride, padding=kernel // 2)
        x = net.add(f"add{i}", x, y) if residual and x.shape == y.shape else y
    net.linear("fc", net.global_average_pool("pool", x), 4)
    return net.build()


NETWORKS = st.builds(
    network,
    st.integers(9, 24),
    st.integers(9, 24),
    st.lists(
        st.tuples(
            st.sampled_from((1, 3, 5)), st.sampled_from((1, 2)), st.sampled_from((3, 4)), st.booleans()
        ),
        min_size=1,
        max_size=4,
    ),
)


def pixels_needed(stage: Stage, rows: range, columns: range) -> dict[str, set[tuple[int, int]]]:
    """Walk back from one patch of the output, pixel by pixel; a patch is made as a whole rectangle."""
    needed = {stage.outputs[0].name: set(product(rows, columns))}
    for layer in reversed(stage.layers):
        made = needed[layer.outputs[0].name] = rectangle(needed.get(layer.outputs[0].name, set()))
        for tensor in layer.inputs:
            into = needed.setdefault(tensor.name, set())
            c = layer.contraction
            if c is None:
                into |= made
                continue
            for (y, x), r, s in product(made, range(c.R), range(c.S)):
                at = (y * c.stride[0] + r - c.padding[0], x * c.stride[1] + s - c.padding[1])
                if 0 <= at[0] < tensor.shape[2] and 0 <= at[1] < tensor.shape[3]:
                    into.add(at)
    return {name: rectangle(pixels) for name, pixels in needed.items()}


def rectangle(pixels: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """The smallest that holds the pixels: a stride leaves gaps that are made, too."""
    if not pixels:
        return pixels
    rows, columns = zip(*pixels, strict=True)
    return set(product(range(min(rows), max(rows) + 1), range(min(columns), max(columns) + 1)))


@settings(max_examples=20, deadline=None)
@given(workload=NETWORKS, grid=st.tuples(st.integers(1, 3), st.integers(1, 3)), data=st.data())
def test_patches_against_walking_back_pixel_by_pixel(workload, grid, data):
    stage = data.draw(st.sampled_from(stages(workload)))
    output = stage.outputs[0]
    if grid[0] > output.shape[2] or grid[1] > output.shape[3]:
        with pytest.raises(InputError, match="does not fit the stage's output"):
            patch_plan(stage, grid, PUBLISHED)
        return
    rows, columns = stage.needed(0, grid[0]), stage.needed(1, grid[1])
    macs = 0
    for i, j in product(range(grid[0]), range(grid[1])):
        own = (rows[output.name], columns[output.name])
        patch = tuple(range(int(e.first[n]), int(e.last[n])) for e, n in zip(own, (i, j), strict=True))
        walked = pixels_needed(stage, *patch)
        for layer in stage.layers:
            if layer.contraction is None:
                continue
            c, made = layer.contraction, walked[layer.outputs[0].name]
            macs += len(made) * layer.macs // (c.P * c.Q)
        for name, pixels in walked.items():
            ys, xs = zip(*pixels, strict=True)
            assert (min(ys), max(ys) + 1) == (rows[name].first[i], rows[name].last[i])
            assert (min(xs), max(xs) + 1) == (columns[name].first[j], columns[name].last[j])
    rest = sum(layer.macs for layer in workload.layers[len(stage.layers) :])
    assert patch_plan(stage, grid, PUBLISHED).macs == macs + rest


@settings(max_examples=20, deadline=None)
@given(workload=NETWORKS, data=st.data())
def test_one_patch_is_the_whole_and_a_finer_grid_does_more(workload, data):
    assume(
        all(
            min(x.contraction.R, x.contraction.S) >= x.contraction.stride[0]
            for x in workload.layers
            if x.macs
        )
    )
    stage = data.draw(st.sampled_from(stages(workload)))
    whole = patch_plan(stage, (1, 1), LIVENESS)
    assert whole.macs <= workload.macs  # rows that a stride never reads are not made
    if min(stage.outputs[0].shape[2:]) >= 2:
        assert patch_plan(stage, (2, 2), LIVENESS).macs >= whole.macs
    assert peak(layer_by_layer(workload, LIVENESS)).bytes == workload.peak_memory.bytes


def test_bits_by_patch():
    """QuantMCU's idea: 8 bits for a quarter of the patches, 4 for the others."""
    _, stage = mobilenetv2()
    mixed = np.full((4, 4), 4)
    mixed[1:3, 1:3] = 8
    whole = patch_plan(stage, (4, 4), PUBLISHED)
    some = patch_plan(stage, (4, 4), PUBLISHED, mixed.tolist())
    all_narrow = patch_plan(stage, (4, 4), PUBLISHED, np.full((4, 4), 4).tolist())
    assert all_narrow.stage_bytes < some.stage_bytes < whole.stage_bytes
    assert all_narrow.bit_operations < some.bit_operations < whole.bit_operations
    assert some.macs == whole.macs
    with pytest.raises(InputError, match="4 rows of 4 widths"):
        patch_plan(stage, (4, 4), PUBLISHED, [[8]])
