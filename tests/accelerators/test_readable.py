"""A mapping written into a result and read back is the same row at the same price; a bad one is refused."""

from copy import deepcopy
from random import Random

import pytest
from systolic_cases import (
    layer_of,
    machine_of,
    memories_of,
    random_contraction,
    random_tiers,
    sram,
    three_srams,
)
from test_conservation import random_layer, random_machine
from test_unrolled import machine_case, small_contraction

from archsim import Contraction, InputError, Layer, Tensor

C = Contraction(K=6, C=4, P=5, Q=5, R=3, S=3)
GOOD = {"tile": {"B": [1], "P": [5], "Q": [3], "K": [2], "CRS": [36]}, "order": ["weight"], "folds": 9}


def check_round_trip(machine, layer, rng: Random) -> None:
    options = machine.options(layer)
    for index in rng.sample(range(len(options)), min(20, len(options))):
        row = options.row(index)
        written = machine.performed(row).mapping
        again = machine.row(row.layer, written)
        assert machine.performed(again).mapping == written
        assert again.cycles == pytest.approx(row.cycles, rel=1e-12)
        assert again.energy_pj == pytest.approx(row.energy_pj, rel=1e-12)


@pytest.mark.parametrize("number", range(20))
def test_rows_of_classical_arrays(number):
    rng = Random(f"readable {number}")
    check_round_trip(random_machine(rng, 1500, tile_candidates=None), random_layer(rng), rng)


@pytest.mark.parametrize("number", range(10))
def test_rows_of_unrolled_arrays(number):
    rng = Random(f"readable unrolled {number}")
    check_round_trip(machine_case(number), layer_of(small_contraction(rng)), rng)


@pytest.mark.parametrize("number", range(10))
def test_rows_behind_several_tiers(number):
    rng = Random(f"readable tiers {number}")
    machine = machine_of(memories_of(random_tiers(rng)), bits_per_cycle=3.0, tile_candidates=3)
    check_round_trip(machine, layer_of(random_contraction(rng)), rng)


def test_a_layer_on_the_vector_unit():
    machine = machine_of(three_srams(5000))
    layer = Layer("add", "add", (Tensor("a", (64,)),), (Tensor("b", (64,)),), ops={"add": 64})
    options = machine.options(layer)
    written = machine.performed(options.row(0)).mapping
    row = machine.row(layer, written)
    assert (row.cycles, row.energy_pj) == (options.row(0).cycles, options.row(0).energy_pj)
    assert machine.performed(row).mapping == written
    with pytest.raises(InputError, match=r"'add': mapping.unit is 'array'"):
        machine.row(layer, {"unit": "array"})


def changed(*path, to) -> dict:
    mapping = deepcopy(GOOD)
    part = mapping
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = to
    return mapping


BAD = {
    "tile.X": changed("tile", "X", to=[1]),
    "mapping.tile.P is .6.": changed("tile", "P", to=[6]),
    "mapping.tile.P is .0.": changed("tile", "P", to=[0]),
    "mapping.tile.P is .True.": changed("tile", "P", to=[True]),
    "mapping.tile.P is .2.5.": changed("tile", "P", to=[2.5]),
    "mapping.tile.P is 5": changed("tile", "P", to=5),
    "mapping.tile.P is .5, 5.": changed("tile", "P", to=[5, 5]),
    "mapping.tile.K is missing": {**GOOD, "tile": {k: v for k, v in GOOD["tile"].items() if k != "K"}},
    "mapping.tile is missing": {k: v for k, v in GOOD.items() if k != "tile"},
    "mapping.tile is 3": changed("tile", to=3),
    "mapping.order is .'sideways'.": changed("order", to=["sideways"]),
    "mapping.order is missing": {k: v for k, v in GOOD.items() if k != "order"},
    "mapping.order is 'weight'": changed("order", to="weight"),
    "mapping.split is 'M'": changed("split", to="M"),
    "no key 'tiles'": changed("tiles", to={}),
    "mapping is .1.": [1],
}


@pytest.mark.parametrize("message", BAD)
def test_bad_mappings_are_refused(message):
    machine = machine_of(three_srams(5000))
    machine.row(layer_of(C), GOOD)
    expected = "no dimension 'X'" if message == "tile.X" else message
    with pytest.raises(InputError, match=f"layer 'layer': .*{expected}"):
        machine.row(layer_of(C), BAD[message])


def test_tiles_that_grow_inwards():
    machine = machine_of([sram("outer", ["input", "weight", "output"], 9000), *three_srams(5000)])
    tile = {dim: [size[0], size[0]] for dim, size in GOOD["tile"].items()}
    good = {"tile": tile, "order": ["weight", "output"]}
    machine.row(layer_of(C), good)
    with pytest.raises(InputError, match=r"tile.P is \[2, 3\]; allowed: sizes that do not grow"):
        machine.row(layer_of(C), {**good, "tile": {**tile, "P": [2, 3]}})


def test_cores_need_a_split():
    machine = machine_of(three_srams(5000), cores=2)
    machine.row(layer_of(C), {**GOOD, "split": "N"})
    with pytest.raises(InputError, match=r"mapping.split is ''; allowed: M, N or K"):
        machine.row(layer_of(C), GOOD)


def test_tiles_that_do_not_fit():
    machine = machine_of(three_srams(100))
    with pytest.raises(InputError, match=r"layer 'layer': mapping.tile does not fit: .* would hold"):
        machine.row(layer_of(C), GOOD)


def test_a_step_that_is_not_the_unrolling():
    array = {"rows": 2, "columns": 2, "dataflow": "unrolled"}
    buffer = sram("buffer", ["input", "weight", "output"], 1 << 20)
    machine = machine_of([buffer], unroll={"rows": {"C": 2}, "columns": {"K": 2}}, **array)
    row = machine.options(layer_of(C)).row(0)
    written = machine.performed(row).mapping
    machine.row(layer_of(C), written)
    wrong = deepcopy(written)
    wrong["tile"]["K"][-1] = 1
    with pytest.raises(InputError, match=r"tile.K .*2 as the last size"):
        machine.row(layer_of(C), wrong)
