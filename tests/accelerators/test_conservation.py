"""What cannot be lost or made: products, energy, compulsory traffic; and what can only help."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from systolic_cases import (
    CLOCK_MHZ,
    DATAFLOWS,
    counts_of,
    layer_of,
    machine_of,
    random_contraction,
    row_of,
    sizes_of,
    sram,
    three_srams,
)

import archsim
from archsim import Contraction, InputError, Precision, Tensor
from archsim.workloads.workload import Workload

PLENTY = 1 << 30
MINIMIZE = ("latency", "energy", "edp")


def random_machine(rng: Random, capacity: float, **more):
    """Three buffers, or one above another; nothing bypasses the outermost. `rng` decides all but capacity."""
    shared = sram("shared", ["input", "weight", "output"], 3 * capacity)
    near = sram("near", ["input", "weight", "output"], capacity)
    kind = {
        "memories": rng.choice((three_srams(capacity), [shared], [shared, near])),
        "dataflow": rng.choice(DATAFLOWS),
        "rows": rng.randint(1, 6),
        "columns": rng.randint(1, 6),
        "cores": rng.choice((1, 1, 2)),
        "overlap_folds": rng.random() < 0.3,
        "bits_per_cycle": rng.choice((2.0, 40.0, None)),
    }
    return machine_of(**{**kind, "tile_candidates": 3, **more})


def random_layer(rng: Random):
    return layer_of(random_contraction(rng), rng.choice(("w8a8", "w4a8", "w8a16o32")))


def compulsory_bits(layer) -> int:
    """Every input that some window covers, every weight and every output, once."""
    c, p = layer.contraction, layer.precision
    lines = [
        {i * stride + k * dilation - pad for i in range(size) for k in range(kernel)} & set(range(limit))
        for size, kernel, stride, dilation, pad, limit in zip(
            (c.P, c.Q), (c.R, c.S), c.stride, c.dilation, c.padding[:2], c.input_size, strict=True
        )
    ]
    inputs = c.B * c.G * c.C * len(lines[0]) * len(lines[1])
    return inputs * p.activation_bits + c.weight_elements * p.weight_bits + c.output_elements * p.output_bits


@pytest.mark.parametrize("number", range(40))
def test_energy_is_counts_times_unit_energies(number):
    """In the run's table, and in the options table for the row that was chosen."""
    rng = Random(f"energy {number}")
    machine = random_machine(rng, 1500)
    layer = random_layer(rng)
    objective = MINIMIZE[number % 3]
    run = archsim.simulate(Workload.from_layers("one", [layer]), machine, minimize=objective)
    table = run.energy
    assert np.allclose(table["count"] * table["unit_energy_pj"], table["energy_pj"], rtol=1e-12)
    assert run.totals.energy_mj * 1e9 == pytest.approx(table["energy_pj"].sum(), rel=1e-12)
    (ran,) = run.layers
    assert ran.energy_pj == pytest.approx(table["energy_pj"].sum(), rel=1e-12)
    assert table.loc[(table.component == "mac") & (table.action == "mac"), "count"].sum() == layer.macs
    leak = table[table.action == "leak"]
    assert set(leak["count"]) == {ran.latency_cycles}
    leakage_mw = sum(figure.value for figure in machine.leakage().values())
    assert leak["energy_pj"].sum() == pytest.approx(
        leakage_mw * 1e3 / CLOCK_MHZ * ran.latency_cycles, rel=1e-12
    )

    options = machine.options(layer)
    priced = rows_mapped(options, ran.mapping)
    assert len(priced) == 1
    behind = ran.latency_cycles - options.cycles[priced[0]]
    assert behind >= -1e-6
    expected = options.row(priced[0]).energy_pj + behind * leakage_mw * 1e3 / CLOCK_MHZ
    assert ran.energy_pj == pytest.approx(expected, rel=1e-9)
    by_component = table.groupby("component")["energy_pj"].sum()
    for component, energy_pj in options.energy_pj.items():
        extra = behind * machine.leakage()[component].value if component in machine.leakage() else 0.0
        assert by_component.get(component, 0.0) == pytest.approx(
            np.broadcast_to(energy_pj, len(options))[priced[0]] + extra, rel=1e-9, abs=1e-9
        )


def rows_mapped(options, mapping) -> np.ndarray:
    """Indexes of the rows that have this (readable) mapping; tile sizes it does not name are 0."""
    levels = len(mapping["order"])
    named = {"order": mapping["order"], "split": mapping.get("split", ""), **mapping["tile"]}
    same = np.ones(len(options), dtype=bool)
    for column, book in options.codebooks.items():
        for key, values in book.items():
            entries = [np.array_equal(value, named.get(key, [0] * levels)) for value in values]
            same &= np.array(entries)[options.mapping[column]]
    return np.flatnonzero(same)


@pytest.mark.parametrize("number", range(40))
def test_no_mapping_moves_less_than_each_operand_once(number):
    rng = Random(f"compulsory {number}")
    layer = random_layer(rng)
    machine = random_machine(rng, 1500 if number % 2 else PLENTY)
    options = machine.options(layer)
    moved = options.traffic_bytes["dram"] * 8
    assert moved.min() >= compulsory_bits(layer)
    if number % 2 == 0:
        assert moved.min() == compulsory_bits(layer)
    for index in rng.sample(range(len(options)), min(5, len(options))):
        counts = counts_of(machine.performed(options.row(index)))
        assert counts["mac", "mac"] == layer.macs
        assert counts["dram", "read"] + counts["dram", "write"] == moved[index]


@pytest.mark.parametrize("number", range(30))
def test_more_capacity_is_never_worse(number):
    """Buffers' figures are given, so size costs nothing: what fitted still fits."""
    layer = random_layer(Random(f"capacity {number}"))
    best: dict[str, list[float]] = {objective: [] for objective in MINIMIZE}
    for capacity in (300, 500, 900, 2000, 6000, PLENTY):
        machine = random_machine(Random(f"capacity machine {number}"), capacity)
        try:
            options = machine.options(layer)
        except InputError:
            assert not best["latency"]
            continue
        best["latency"].append(options.cycles.min())
        best["energy"].append(options.total_energy_pj.min())
        best["edp"].append((options.cycles * options.total_energy_pj).min())
    for costs in best.values():
        assert len(costs) > 1
        assert costs == sorted(costs, reverse=True)


@pytest.mark.parametrize("number", range(30))
@pytest.mark.parametrize(("fewer", "more"), [("w4a8", "w8a8"), ("w8a4o8", "w8a8"), ("w2a3o5", "w4a8o16")])
def test_fewer_bits_are_never_dearer(number, fewer, more):
    """Row by row: the same mapping with narrower operands."""
    rng = Random(f"bits {number}")
    layer = layer_of(random_contraction(rng))
    machine = random_machine(rng, PLENTY)
    options = machine.options(layer, [Precision.parse(fewer), Precision.parse(more)])
    half = len(options) // 2
    assert list(options.precision) == [0] * half + [1] * half
    narrow, wide = slice(0, half), slice(half, None)
    assert (options.cycles[narrow] <= options.cycles[wide]).all()
    for name, energy_pj in options.energy_pj.items():
        column = np.broadcast_to(energy_pj, len(options))
        assert (column[narrow] <= column[wide] * (1 + 1e-12)).all(), name
    for columns in (options.traffic_bytes, options.held_bytes):
        for name, column in columns.items():
            assert (column[narrow] <= column[wide]).all(), name


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_groups_are_separate_layers(dataflow):
    """G groups move and take G times what one does (the very first and last tile overlap apart)."""
    one = Contraction(K=6, C=5, P=6, Q=6, R=3, S=3, padding=(1, 1, 1, 1))
    many = Contraction(G=4, K=6, C=5, P=6, Q=6, R=3, S=3, padding=(1, 1, 1, 1))
    machine = machine_of(three_srams(PLENTY), dataflow=dataflow, tile_candidates=4)
    single, grouped = (machine.options(layer_of(c)) for c in (one, many))
    assert len(single) == len(grouped)
    assert np.array_equal(single.cycles * 4, grouped.cycles)
    assert np.array_equal(single.traffic_bytes["dram"] * 4, grouped.traffic_bytes["dram"])
    assert np.allclose(single.total_energy_pj * 4, grouped.total_energy_pj)


@pytest.mark.parametrize("number", range(20))
def test_pruning_keeps_the_best_rows(number):
    """Asked for one objective, the table drops rows but neither the optimum nor any of the shortlist."""
    rng = Random(f"pruned {number}")
    machine = random_machine(rng, 1500)
    layer = random_layer(rng)
    everything = machine.options(layer)
    for objective in MINIMIZE:
        few = machine.options(layer, minimize=objective)
        assert len(few) <= len(everything)
        assert few.priced == everything.priced
        costs = [
            [
                (everything.row(i).cycles, everything.row(i).energy_pj)
                for i in everything.shortlist(objective)
            ],
            [(few.row(i).cycles, few.row(i).energy_pj) for i in few.shortlist(objective)],
        ]
        assert costs[0] == costs[1]


@pytest.mark.parametrize("kernel", [2, 3, 4, 5])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_stores_every_output(kernel, padding, stride):
    """Its output has (P − 1)·stride + kernel − 2·padding rows, each of which is stored and multiplied for."""
    pads = (padding,) * 4
    c = Contraction(
        K=3, C=4, P=5, Q=6, R=kernel, S=kernel, stride=(stride, stride), padding=pads, transposed=True
    )
    layer = layer_of(c)
    machine = machine_of(three_srams(PLENTY), tile_candidates=3)
    options = machine.options(layer)
    row = options.row(int(np.argmin(options.traffic_bytes["dram"])))
    counts = counts_of(machine.performed(row))
    assert counts["mac", "mac"] == layer.macs
    assert counts["dram", "write"] >= c.output_elements * 8
    assert counts["weight", "write"] >= c.weight_elements * 8
    assert counts["input", "write"] == c.input_elements * 8


def test_two_activations_multiplied_have_the_width_of_activations():
    """Attention's products have no static weights: w2 says nothing about their second operand."""
    c = Contraction(P=5, K=6, C=7)
    static = layer_of(c, "w2a8")
    dynamic = replace(static, weights=(), inputs=(*static.inputs, Tensor("keys", (6, 7))))
    machine = machine_of(three_srams(PLENTY))
    tiles = {dim: (n,) for dim, n in sizes_of(c).items()}
    loaded = [
        counts_of(machine.performed(row_of(layer, tiles, ("weight",))))["weight", "write"]
        for layer in (static, dynamic)
    ]
    assert loaded == [6 * 7 * 2, 6 * 7 * 8]


@pytest.mark.parametrize("word_bits", [17, 24, 34, 49, 72, 136])
def test_whole_words_are_not_rounded_up(word_bits):
    """Bits that fill their words exactly are exactly so many words: nothing may be lost in a quotient."""
    machine = machine_of(three_srams(PLENTY, word_bits=word_bits))
    for channels in range(1, 40):
        c = Contraction(G=3, P=1, K=channels, C=word_bits)
        row = row_of(layer_of(c), {d: (n,) for d, n in sizes_of(c).items()}, ("weight",))
        assert counts_of(machine.performed(row))["weight", "write"] == 3 * channels * 8
