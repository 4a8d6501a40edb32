"""Operating points of clusters: supply, clock and body bias."""

from __future__ import annotations

import pytest
from cluster_cases import conv, machine_of, spec_of

from archsim.accelerators.cluster.machine import ClusterMachine
from archsim.accelerators.cluster.spec import ClusterSpec
from archsim.accelerators.library import load_accelerator, read_accelerator
from archsim.accelerators.operating_point import lowest_supply, max_clock_mhz
from archsim.errors import InputError


def marsellus(**point) -> ClusterMachine:
    machine = load_accelerator("marsellus", **point)
    assert isinstance(machine, ClusterMachine)
    return machine


def test_clock_and_energy_follow_the_supply():
    machine = marsellus()
    low = marsellus(vdd_v=0.5)
    assert low.clock_mhz == 100
    ratio = low.prices.energy_pj["l1", "read"].value / machine.prices.energy_pj["l1", "read"].value
    assert ratio == pytest.approx((0.5 / 0.8) ** 2)
    assert low.leakage()["l2"].value < machine.leakage()["l2"].value


def test_body_bias_gives_clock_or_saves_supply():
    """Up to 30 % more clock; calibrated at 0.65 V."""
    spec = marsellus().spec
    assert max_clock_mhz(spec, 0.65, True) / max_clock_mhz(spec, 0.65) == pytest.approx(1.30, abs=0.03)
    assert max_clock_mhz(spec, 0.8, True) >= 470
    assert lowest_supply(spec, 400, True) < lowest_supply(spec, 400) - 0.05
    plain, biased = marsellus(clock_mhz=400), marsellus(clock_mhz=400, body_bias=True)
    assert biased.prices.point.vdd_v < plain.prices.point.vdd_v
    assert biased.prices.point.leakage_scale > plain.prices.point.leakage_scale
    layer = conv(24, 24, 64, 64, precision="w2a4")
    energies = [m.options(layer).total_energy_pj.min() for m in (plain, biased)]
    assert energies[1] < energies[0]


def test_a_clock_too_fast_is_told_what_it_needs():
    with pytest.raises(InputError, match=r"420 MHz is too fast for 0.5 V, which allows 100 MHz.* 0.8 V"):
        marsellus(vdd_v=0.5, clock_mhz=420)
    with pytest.raises(InputError, match="fastest clock"):
        marsellus(clock_mhz=1000)
    with pytest.raises(InputError, match=r"allowed: 0\.5 to 0\.8 V"):
        marsellus(vdd_v=1.1)
    with pytest.raises(InputError, match="body_bias"):
        load_accelerator(spec_of(), vdd_v=0.8, body_bias=True)
    with pytest.raises(InputError, match=r"family 'systolic' have no operating points.*: cluster"):
        load_accelerator("systolic-128", vdd_v=0.8)
    with pytest.raises(InputError, match=r"operating point: the machine at -1 V; a supply is above 0"):
        load_accelerator("marsellus", vdd_v=-1)


def test_an_operating_point_replaces_the_specs():
    """Supply and clock together, as one sets the other; body bias alone keeps them."""
    spec = read_accelerator("marsellus") | {"operating_point": {"vdd_v": 0.5, "body_bias": True}}
    assert point_of(spec, clock_mhz=420) == (
        pytest.approx(lowest_supply(marsellus().spec, 420, True)),
        420,
        True,
    )
    assert point_of(spec, clock_mhz=400, body_bias=False) == (pytest.approx(0.74), 400, False)
    assert point_of(spec, body_bias=False) == (0.5, 100, False)
    assert point_of(spec, vdd_v=0.8, clock_mhz=50) == (0.8, 50, True)


def point_of(spec, **point) -> tuple[float, float, bool]:
    machine = load_accelerator(spec, **point)
    assert isinstance(machine, ClusterMachine)
    found = machine.prices.point
    return found.vdd_v, found.clock_mhz, found.body_bias


def test_the_alpha_power_law_where_nothing_was_measured():
    spec = ClusterSpec.model_validate(spec_of(operating={"threshold_v": 0.41}))
    assert max_clock_mhz(spec, 0.8) == pytest.approx(370)
    law = ((0.6 - 0.41) / (0.8 - 0.41)) ** 1.3 * 0.8 / 0.6
    assert max_clock_mhz(spec, 0.6) == pytest.approx(370 * law)
    assert lowest_supply(spec, max_clock_mhz(spec, 0.6)) == pytest.approx(0.6)


def test_points_must_rise():
    points = [{"vdd_v": 0.8, "max_mhz": 100}, {"vdd_v": 0.7, "max_mhz": 200}]
    with pytest.raises(ValueError, match="points must rise"):
        machine_of(operating={"points": points})
