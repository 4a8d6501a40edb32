"""Channel-pruned networks against networks that are built with fewer channels from the start."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.workloads.channel_pruning import with_pruned_channels
from archsim.workloads.layer import Tensor
from archsim.workloads.library import list_workloads, load_workload
from archsim.workloads.models.builder import NetworkBuilder

shares = st.floats(0.01, 1.0)
TRACES = [name for name in list_workloads() if not name.endswith("onnx")]


def network(inner: int, hidden: int, wide: int):
    """A residual block with `inner` channels, a chain through pooling and a depthwise layer, a classifier."""
    net = NetworkBuilder("net")
    x = net.conv("stem", Tensor("image", (2, 3, 16, 16)), 8, 3, padding=1, activation="relu")
    y = net.conv("block1", x, inner, 3, padding=1, activation="relu")
    x = net.add("add", net.conv("block2", y, 8, 3, padding=1), x, activation="relu")
    y = net.conv("chain1", x, hidden, 1, activation="relu6")
    y = net.conv("depthwise", y, hidden, 3, stride=2, padding=1, groups=hidden, activation="relu6")
    y = net.pool("pool", "max_pool", y, 2, stride=2)
    y = net.conv("chain2", y, wide, 1)
    net.linear("fc", net.global_average_pool("average", y), 10)
    return net.build()


@given(shares)
def test_a_pruned_network_is_the_one_built_with_fewer_channels(kept):
    pruned = with_pruned_channels(network(12, 20, 32), kept)
    built = network(ceil(kept * 12), ceil(kept * 20), ceil(kept * 32))
    assert pruned.layers == built.layers
    assert pruned.macs == built.macs
    assert pruned.parameters == built.parameters


def test_what_is_added_or_leaves_the_network_keeps_its_channels():
    pruned = with_pruned_channels(network(12, 20, 32), 0.5)
    channels = {layer.name: layer.outputs[0].shape[1] for layer in pruned.layers}
    assert channels["stem"] == channels["block2"] == channels["add"] == 8
    assert channels["fc"] == 10
    assert channels["block1"] == 6
    assert channels["depthwise"] == channels["pool"] == 10


@pytest.mark.parametrize("name", TRACES)
def test_all_of_the_channels_are_the_network_itself(name):
    workload = load_workload(name)
    assert with_pruned_channels(workload, 1.0).layers == workload.layers
    assert with_pruned_channels(workload, 0.5).macs <= workload.macs


@pytest.mark.parametrize("kept", [0.0, 1.01, -1])
def test_a_share_outside_is_refused(kept):
    with pytest.raises(InputError, match="above 0 up to 1"):
        with_pruned_channels(load_workload("resnet8"), kept)
