"""Converters against the published models' own figures, and what must hold of any of them."""

import pytest

from archsim.components.adc import (
    ISAAC,
    SOURCES,
    KnownAdc,
    adc,
    area_um2,
    column_share,
    conversion_ns,
    energy_pj,
)
from archsim.errors import InputError

# hwcomponents-adc 1.0.21 at 32 nm: bits, MS/s, pJ (80 % of the model's energy), um2
SURVEY = [
    (4, 100, 0.7389994664760049, 3274.143146043401),
    (5, 500, 0.7490009454411481, 4397.022170057988),
    (6, 100, 0.8520743962233688, 3416.595230227761),
    (7, 1000, 1.0497490227334823, 5513.304188513018),
    (8, 100, 1.3709695758146885, 3938.925228370414),
    (8, 1000, 1.3709695758146885, 5971.633160744542),
    (10, 100, 2.6477373294082343, 4796.0260572355955),
    (10, 1000, 11.15638326108202, 11180.068071712603),
]
# ZigZag-IMC at 28 nm and 0.9 V: bits, pJ, um2
ZIGZAG = [
    (4, 0.324, 183),
    (5, 0.406, 336),
    (6, 0.489, 618),
    (7, 0.580, 1135),
    (8, 0.701, 2085),
    (10, 1.659, 7036),
]
# DNN+NeuroSim V1.4, 8 bits, a column of 10 kOhm: nm, pJ
NEUROSIM = [(65, 0.612), (32, 0.233), (22, 0.143), (7, 0.055)]
MODELS = tuple(SOURCES)


@pytest.mark.parametrize(("bits", "rate", "pj", "um2"), SURVEY)
def test_the_survey_is_hwcomponents(bits, rate, pj, um2):
    part = adc(bits, 32, rate_msps=rate)
    assert part.energy_pj["convert"].value == pytest.approx(pj, rel=3e-3)
    assert part.area_mm2.value * 1e6 == pytest.approx(um2, rel=3e-3)


@pytest.mark.parametrize(("bits", "pj", "um2"), ZIGZAG)
def test_zigzag(bits, pj, um2):
    # its supply of 0.9 V is not the node's nominal one, to which energy_pj refers
    part = adc(bits, 28, rate_msps=100, model="zigzag", vdd_v=0.9, leakage_share=0.0)
    assert part.energy_pj["convert"].value == pytest.approx(pj, rel=3e-3)
    assert part.area_mm2.value * 1e6 == pytest.approx(um2, rel=3e-3)


@pytest.mark.parametrize(("node", "pj"), NEUROSIM)
def test_neurosim(node, pj):
    assert energy_pj("neurosim", "sar", 8, node, 100, 10e3) == pytest.approx(pj, abs=6e-4)


@pytest.mark.parametrize(("bits", "figures"), ISAAC.items())
def test_isaac(bits, figures):
    assert energy_pj("isaac", "sar", bits, 32, 1200, 10e3) == pytest.approx(figures[0])
    assert area_um2("isaac", "sar", bits, 32, 1200) == pytest.approx(figures[1])


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("rate", [1, 100, 1300])
@pytest.mark.parametrize("kind", ["sar", "flash", "ramp"])
def test_fewer_bits_are_never_dearer_and_none_cheaper_than_four(model, rate, kind):
    for quantity in (
        lambda b: energy_pj(model, kind, b, 22, rate, 5e3),
        lambda b: area_um2(model, kind, b, 22, rate),
    ):
        by_bits = [quantity(bits) for bits in range(1, 15)]
        assert by_bits[:3] == [by_bits[3]] * 3
        assert by_bits == sorted(by_bits)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("bits", [4, 8, 11])
def test_the_interval_reaches_every_model(model, bits):
    part = adc(bits, 22, rate_msps=200, model=model)
    others = [adc(bits, 22, rate_msps=200, model=other) for other in MODELS]
    for figure in ("energy", "area"):
        own, values = (
            (part.energy_pj["convert"], [o.energy_pj["convert"].value for o in others])
            if figure == "energy"
            else (part.area_mm2, [o.area_mm2.value for o in others])
        )
        assert own.low <= min(values) * (1 + 1e-9)
        assert own.high >= max(values) * (1 - 1e-9)


def test_eight_bits_differ_eightfold_between_models():
    values = [energy_pj(m, "sar", 8, 32, 1200, 10e3) for m in MODELS]
    assert 6 < max(values) / min(values) < 10


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_leakage_and_conversions_are_the_power_at_full_rate(share):
    part = adc(8, 32, rate_msps=400, leakage_share=share)
    whole = adc(8, 32, rate_msps=400, leakage_share=0.0).energy_pj["convert"].value
    at_work_mw = part.energy_pj["convert"].value * 400 * 1e-3 + part.leakage_mw.value
    assert at_work_mw == pytest.approx(whole * 400 * 1e-3)


def test_a_known_converter_is_exact_at_its_bits_and_carried_by_the_model_elsewhere():
    known = KnownAdc(8, 3.56, 1941.0, "a paper")
    same = adc(8, 65, rate_msps=2, known=known, leakage_share=0.0)
    assert same.energy_pj["convert"].value == pytest.approx(3.56)
    assert same.energy_pj["convert"].uncertainty == 1.0
    assert same.area_mm2.value == pytest.approx(1941e-6)
    less = adc(5, 65, rate_msps=2, known=known, leakage_share=0.0)
    ratio = energy_pj("survey", "sar", 5, 65, 2, 10e3) / energy_pj("survey", "sar", 8, 65, 2, 10e3)
    assert less.energy_pj["convert"].value == pytest.approx(3.56 * ratio)
    assert less.energy_pj["convert"].uncertainty > 1.0


def test_energy_goes_with_the_square_of_the_supply():
    low, high = (adc(8, 65, rate_msps=1, vdd_v=v).energy_pj["convert"].value for v in (0.9, 1.2))
    assert high / low == pytest.approx((1.2 / 0.9) ** 2)


def test_the_columns_share_of_neurosim():
    with_current = energy_pj("neurosim", "sar", 6, 22, 100, 4e3)
    without = energy_pj("neurosim", "sar", 6, 22, 100, 1e15)
    assert column_share(6, 22, 4e3) == pytest.approx(1 - without / with_current)


def test_conversion_times():
    assert [conversion_ns(kind, 5) for kind in ("sar", "flash", "ramp")] == [6.0, 1.0, 32.0]


@pytest.mark.parametrize(
    ("bits", "changes", "says"),
    [
        (0, {}, "bits is 0"),
        (15, {}, "1 to 14"),
        (8, {"rate_msps": 0.0}, "rate_msps"),
        (8, {"model": "murmann"}, "survey"),
        (8, {"vdd_v": 0.1}, "supply"),
    ],
)
def test_what_is_refused(bits, changes, says):
    with pytest.raises(InputError, match=says):
        adc(bits, 32, **{"rate_msps": 100.0, **changes})
