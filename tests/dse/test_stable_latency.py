"""A latency that stays while supply and clock change, by sub-networks."""

import pytest

from archsim.accelerators.library import load_accelerator
from archsim.dse.stable_latency import stable_latency
from archsim.errors import InputError
from archsim.simulation import simulate
from archsim.workloads.channel_pruning import with_pruned_channels
from archsim.workloads.library import load_workload

SHARES = (1.0, 0.75, 0.5, 0.25)


@pytest.fixture(scope="module")
def resnet8():
    return load_workload("resnet8")


@pytest.fixture(scope="module")
def found(resnet8):
    return stable_latency(resnet8, "gap9", [{"vdd_v": 0.7}, {"vdd_v": 0.8}], kept=SHARES)


def test_the_largest_that_is_fast_enough_is_taken(resnet8, found):
    fast, slow = found.points
    assert (fast.vdd_v, slow.vdd_v) == (0.8, 0.7)
    assert fast.kept == 1.0
    assert found.target_ms == fast.latency_ms == fast.whole_ms
    on = load_accelerator("gap9", vdd_v=0.7)
    tried = {s: simulate(with_pruned_channels(resnet8, s), on).totals.latency_ms for s in SHARES}
    assert slow.kept == max(s for s in SHARES if tried[s] <= found.target_ms)
    assert slow.latency_ms == tried[slow.kept]


def test_the_spread_shrinks_and_energy_with_it(found):
    assert found.spread < 0.5 * found.spread_before
    _, slow = found.points
    assert slow.energy_mj < slow.whole_mj


def test_where_no_share_is_fast_enough_the_smallest_is_taken(resnet8):
    found = stable_latency(resnet8, "gap9", [{"vdd_v": 0.65}], kept=(1.0, 0.5), target_ms=0.01)
    (point,) = found.points
    assert point.kept == 0.5
    assert not point.meets(found.target_ms)


def test_nothing_to_choose_from_is_refused(resnet8):
    with pytest.raises(InputError, match="at least one"):
        stable_latency(resnet8, "gap9", [])
    with pytest.raises(InputError, match="no operating points"):
        stable_latency(resnet8, "systolic-32-edge", [{"vdd_v": 0.7}])
