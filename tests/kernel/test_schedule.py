"""Schedules against their expansion, firing by firing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.kernel import Firing, Grant, Loop, busy_cycles, iterate, normalise, sequence, total_firings
from archsim.kernel.program import END, compile_schedule
from archsim.kernel.schedule import leaf_counts

LEAVES = st.sampled_from(
    [Firing(0), Firing(3), Firing(3, take={"x": 1}), Firing(5, need={"x": 2}), Grant("a")]
)
TREES = st.recursive(LEAVES, lambda inner: st.builds(Loop, st.integers(0, 3), st.lists(inner, max_size=3)))


@given(TREES)
def test_totals_are_those_of_the_expansion(tree):
    leaves = list(iterate(tree))
    assert total_firings(tree) == len(leaves)
    assert busy_cycles(tree) == sum(leaf.cycles for leaf in leaves if isinstance(leaf, Firing))


@given(TREES)
def test_normalising_keeps_the_sequence_and_leaves_nothing_trivial(tree):
    normal = normalise(tree)
    assert list(iterate(normal)) == list(iterate(tree))
    assert normalise(normal) == normal
    loops = [child for child in normal.body if isinstance(child, Loop)]
    while loops:
        loop = loops.pop()
        assert loop.count >= 2
        assert loop.body
        loops += [child for child in loop.body if isinstance(child, Loop)]


@given(TREES)
def test_compiled_tables_walk_the_same_sequence(tree):
    program = compile_schedule(tree)
    counters = [0] * len(program.counts)
    leaf, walked = program.start, []
    while leaf != END:
        walked.append(program.leaves[leaf])
        leaf = program.step(leaf, counters)
    assert walked == list(iterate(tree))
    assert not any(counters)


def test_a_million_ragged_tiles_are_a_few_nodes():
    inner = sequence(Loop(99, [Firing(8)]), Firing(5))
    middle = sequence(Loop(99, [inner]), Loop(99, [Firing(7)]), Firing(4))
    tree = normalise(Loop(100, [middle]))
    assert total_firings(tree) == 10**6
    assert busy_cycles(tree) == 100 * (99 * (99 * 8 + 5) + 99 * 7 + 4)
    assert sum(1 for _ in leaf_counts(tree)) == 4


def test_equal_neighbours_and_nested_single_loops_become_one_loop():
    assert normalise(sequence(Firing(1), Loop(3, [Loop(2, [Firing(1)])]), Firing(1))) == Loop(8, [Firing(1)])
    assert normalise(sequence(Loop(0, [Firing(1)]), Loop(5, []))) == Loop(0, [])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Firing(-1), "cycles of a firing is -1"),
        (lambda: Firing(1.5), "cycles of a firing is 1.5"),  # type: ignore[arg-type]
        (lambda: Firing(1, give={"x": -2}), r"give\['x'\]"),
        (lambda: Firing(1, take={"x": 2}, need={"x": 1}), "needs only 1"),
        (lambda: Loop(-3, []), "count of a loop is -3"),
        (lambda: Loop(3, ["load"]), "allowed are Loop, Firing and Grant"),  # type: ignore[list-item]
    ],
)
def test_bad_schedules_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
