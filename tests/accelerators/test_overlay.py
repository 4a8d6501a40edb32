"""The overlay family: the engine's cycles, what is moved, packing of narrow operands, pruned transformers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import DoesNotFit
from archsim.accelerators.overlay.machine import OverlayMachine
from archsim.accelerators.overlay.tiles import Product
from archsim.errors import InputError
from archsim.kernel import engine
from archsim.simulation import simulate
from archsim.validation.clusters import convolution, product
from archsim.workloads.models import build_model
from archsim.workloads.models.transformer import HEATVIT_KEPT
from archsim.workloads.precision import Precision


def machine(**changes: Any) -> OverlayMachine:
    spec = {
        "family": "overlay",
        "name": "test",
        "device": "zcu102",
        "clock_mhz": 200.0,
        "engine": {"pixels": 4, "channels": 16, "products": 8},
        "buffers": {"input_kib": 64.0, "weight_kib": 64.0, "output_kib": 64.0},
    }
    found = load_accelerator(spec | changes)
    assert isinstance(found, OverlayMachine)
    return found


def test_a_product_that_fills_the_engine_takes_its_macs() -> None:
    layer = product(64, 64, 64, "w8a8")
    table = machine().options(layer)
    assert table.cycles.min() >= layer.macs / 512
    did = machine().performed(table.row(int(table.cycles.argmin())))
    assert did.compute_cycles == pytest.approx(layer.macs / 512, abs=11 * 8)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.integers(0, 10**6))
def test_the_kernel_does_what_the_table_prices(m: int, k: int, n: int, seed: int) -> None:
    layer, on = product(m, k, n, "w8a8"), machine()
    table = on.options(layer)
    place = int(np.random.default_rng(seed).integers(len(table)))
    row = table.row(place)
    execution = engine.simulate(on.program([row]))
    did = on.performed(row)
    assert execution.actors["matmul:compute"].busy_cycles == did.compute_cycles
    assert execution.cycles >= row.cycles - 1
    assert execution.cycles <= float(table.cycles_high[place]) + 1
    least = (m * k + k * n + m * n) / on.dram_bytes_per_cycle
    assert execution.resource_busy_cycles["ddr"] >= least
    assert did.dram_bytes >= m * k + k * n + m * n - 1e-6


@pytest.mark.parametrize("kernel", [1, 3])
def test_a_convolution_reads_at_least_its_image(kernel: int) -> None:
    layer, on = convolution(28, 32, 64, "w8a8", kernel), machine()
    table = on.options(layer)
    assert (
        table.traffic_bytes["ddr"].min() >= layer.input_bytes + layer.weight_bytes + layer.output_bytes - 64
    )
    for row in (table.row(0), table.row(len(table) - 1)):
        assert on.row(layer, on.performed(row).mapping).mapping == row.mapping


def test_narrow_operands_share_the_dsps() -> None:
    on = machine()
    eight, four = on.engine.sizes(Precision(8, 8, 8)), on.engine.sizes(Precision(4, 4, 4))
    assert np.prod(four) == 2 * np.prod(eight)
    with pytest.raises(InputError, match="built for w8a8 and cannot multiply w16a16"):
        on.engine.sizes(Precision(16, 16, 16))


def test_rows_of_mixed_precision_take_their_share_of_the_engine() -> None:
    """Half of the channels at 4 bits, three a DSP where two of 8 bits are: 2 channels in the room of 5/3."""
    given = {"engine": {"channels": 60, "products": 8, "packing": {4: 3}}}
    rows = {"narrow_rows": {"*": {"weight_bits": 4, "share": 0.5}}}
    layer = product(64, 64, 720, "w8a8")
    whole, mixed = machine(**given), machine(**given, **rows)
    assert (whole.engine.sizes(layer.precision)[1], mixed._engine_sizes(layer)[1]) == (60, 72)
    fastest = [float(on.options(layer).cycles.min()) for on in (whole, mixed)]
    assert fastest[1] == pytest.approx(fastest[0] * 60 / 72, rel=0.05)
    weights = [on.options(layer).traffic_bytes["ddr"].min() for on in (whole, mixed)]
    assert weights[0] - weights[1] == pytest.approx(64 * 720 * 2 / 8)  # two bits less a weight
    assert machine(**rows).engine.resources() == machine().engine.resources()


def test_all_rows_narrow_is_the_narrow_precision() -> None:
    layer, narrow = product(64, 64, 96, "w8a4"), product(64, 64, 96, "w4a4")
    on = machine(narrow_rows={"mat*": {"weight_bits": 4, "share": 1.0}})
    assert on.options(layer).cycles.min() == machine().options(narrow).cycles.min()
    assert on.performed(on.options(layer).row(0)).mapping["narrow_rows"] == "100 % of 4 bits"
    with pytest.raises(InputError, match=r"narrow_rows: 'block1' matches no layer of resnet8"):
        simulate("resnet8", machine(narrow_rows={"block1": {"weight_bits": 4, "share": 0.5}}))
    elsewhere = simulate("resnet8", machine(narrow_rows={"block*": {"weight_bits": 4, "share": 0.5}}))
    assert elsewhere.totals == simulate("resnet8", machine()).totals


def test_depthwise_channels_run_side_by_side() -> None:
    (layer,) = [x for x in build_model("ds-cnn").layers if x.name == "block1.depthwise"]
    shape = Product.of(layer)
    assert (shape.groups, shape.n, shape.k) == (1, 64, 9)
    assert shape.m * shape.n * shape.k == layer.macs


def test_what_does_not_fit_is_told() -> None:
    with pytest.raises(InputError, match=r"take 4,096 dsp, but zcu102 has 2,520"):
        machine(engine={"pixels": 16, "channels": 32, "products": 16})
    tiny = machine(buffers={"input_kib": 0.001, "weight_kib": 64.0, "output_kib": 64.0})
    with pytest.raises(DoesNotFit, match="no tile of layer 'matmul' fits the buffers"):
        tiny.options(product(64, 64, 64, "w8a8"))


def test_pruned_tokens_shrink_the_layers_behind_and_selectors_cost() -> None:
    whole, pruned = build_model("deit-tiny"), build_model("heatvit-deit-tiny")
    by_name = {layer.name: layer for layer in pruned.layers}
    for block, kept in HEATVIT_KEPT.items():
        assert by_name[f"block{block:02}.mlp.fc1"].contraction is not None
        assert by_name[f"block{block:02}.mlp.fc1"].inputs[0].shape[1] == kept
        assert by_name[f"selector{block:02}.local"].macs > 0
    assert by_name["block02.mlp.fc1"].inputs[0].shape[1] == 197
    shared = sum(by_name[layer.name].macs for layer in whole.layers if layer.name in by_name)
    selectors = sum(layer.macs for layer in pruned.layers if layer.name.startswith("selector"))
    assert pruned.macs == shared + selectors < whole.macs


def test_pruning_pays_on_the_engine() -> None:
    latency = {name: simulate(name, "heatvit-zcu102").totals.latency_ms
               for name in ("deit-tiny", "heatvit-deit-tiny")}  # fmt: skip
    assert 1.4 < latency["deit-tiny"] / latency["heatvit-deit-tiny"] < 2.2
