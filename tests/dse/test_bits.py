"""Which precisions a layer may choose, and which layers the graph ties together."""

from __future__ import annotations

import numpy as np
import pytest

from archsim.dse.bits import BitSpace, bit_space
from archsim.dse.study import BitChoices
from archsim.errors import InputError
from archsim.workloads.library import load_workload

MIXED = BitChoices(weights=[2, 4, 8], activations=[4, 8])


def labels(space: BitSpace, layer: str) -> list[str]:
    index = [x.name for x in space.workload.layers].index(layer)
    return [p.label for p in space.precisions[index]]


def tied(space: BitSpace, layer: str) -> set[str]:
    return {name for tie in space.ties if layer in tie.layers for name in tie.layers} - {layer}


def test_convolutions_choose_weights_inputs_and_outputs() -> None:
    space = bit_space(load_workload("resnet18"), MIXED)
    assert len(labels(space, "layer1.0.conv1")) == 3 * 2 * 2
    assert "w2a4o8" in labels(space, "layer1.0.conv1")


def test_a_pool_passes_its_width_on() -> None:
    space = bit_space(load_workload("resnet18"), MIXED)
    assert labels(space, "maxpool") == ["w8a4", "w8a8"]


def test_an_addition_ties_both_convolutions_that_feed_it() -> None:
    space = bit_space(load_workload("resnet18"), MIXED)
    assert {"layer2.0.conv2", "layer2.0.downsample"} <= tied(space, "layer2.0.add")


def test_one_tensor_one_width() -> None:
    """For any choice that keeps the ties, what a layer writes is what every reader reads."""
    space = bit_space(load_workload("resnet18"), MIXED)
    layers = space.workload.layers
    names = [layer.name for layer in layers]
    open_keys = {(name, key) for tie in space.ties for name in tie.layers for key in tie.keys}
    for index, layer in enumerate(layers):
        keys = space.keys(index, np.arange(len(space.precisions[index])))
        for tensor in layer.inputs:
            makers = [other for other in layers if tensor in other.outputs]
            for maker in makers:
                written = {p.output_bits for p in space.precisions[names.index(maker.name)]}
                read = {p.activation_bits for p in space.precisions[index]}
                key = f"bits of {tensor.name}"
                assert written == read
                assert len(written) == 1 or {(layer.name, key), (maker.name, key)} <= open_keys
                assert set(keys[key]) == read


def test_what_leaves_the_network_keeps_the_widest() -> None:
    space = bit_space(load_workload("resnet18"), MIXED)
    assert {p.output_bits for p in space.precisions[-1]} == {8}


def test_softmax_reads_the_widest() -> None:
    space = bit_space(load_workload("deit-tiny"), MIXED)
    assert {label[:4] for label in labels(space, "block00.attention.softmax")} == {"w8a8"}
    assert {p[-2:] for p in labels(space, "block00.attention.scores")} <= {"a8", "o8"}


def test_first_last_and_patterns() -> None:
    bits = BitChoices.model_validate(
        {
            "weights": [2, 4, 8],
            "activations": [4, 8],
            "layers": {
                "first": {"weights": [8], "activations": [8]},
                "last": {"weights": [8]},
                "layer4.*": {"weights": [4]},
            },
        }
    )
    space = bit_space(load_workload("resnet18"), bits)
    assert {p.weight_bits for p in space.precisions[0]} == {8}
    assert {p.activation_bits for p in space.precisions[0]} == {8}
    assert {label[:2] for label in labels(space, "fc")} == {"w8"}
    assert {label[:2] for label in labels(space, "layer4.1.conv2")} == {"w4"}


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ({"layers": {"layer9.*": {"weights": [4]}}}, "fits no layer of resnet18"),
        ({"tied": [["conv1", "nowhere"]]}, "'nowhere', which resnet18 does not have"),
        (
            {
                "activations": [4, 8],
                "layers": {
                    "layer2.0.conv1": {"activations": [4]},
                    "layer2.0.downsample": {"activations": [8]},
                },
            },
            "every reader of tensor 'layer1.1.add.out'",
        ),
    ],
)
def test_bad_choices(bits: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        bit_space(load_workload("resnet18"), BitChoices.model_validate(bits))
    assert message in str(caught.value)
