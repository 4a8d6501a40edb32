"""Schedules: what an actor does, or a resource serves, as a run-length coded nested loop.

A schedule is an immutable tree. Its leaves are `Firing`s (in an actor's schedule) or `Grant`s (in a
resource's static order); its inner nodes are `Loop`s. A million tiles of a ragged three-deep loop
nest are a tree of some twenty nodes, and every function here costs time in nodes, not in firings
(except `iterate`, which walks the firings themselves).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from archsim.errors import InputError


@dataclass(frozen=True)
class Firing:
    """One execution of an actor. Rates are by channel name; a channel left out has rate 0.

    cycles: how long the firing lasts, >= 0.
    take:   tokens removed from each input channel at the END of the firing (which frees their places).
    give:   tokens put into each output channel at the END; their places are reserved at the START.
    need:   tokens that must be present in each input channel at the START; where left out, as many as
            are taken. A tile reused by four firings: three of need=1, take=0, then one of take=1.
    """

    cycles: int
    take: Mapping[str, int] = field(default_factory=dict, hash=False)
    give: Mapping[str, int] = field(default_factory=dict, hash=False)
    need: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        _demand_count(self.cycles, "cycles of a firing")
        for kind in ("take", "give", "need"):
            rates = dict(getattr(self, kind))
            for channel, rate in rates.items():
                _demand_count(rate, f"rate {kind}[{channel!r}] of a firing")
            object.__setattr__(self, kind, rates)
        for channel, need in self.need.items():
            if need < self.take.get(channel, 0):
                raise InputError(
                    f"firing takes {self.take[channel]} tokens of channel {channel!r} but needs only {need}: "
                    f"need must be >= take; leave need out to need what is taken"
                )

    def needs(self) -> dict[str, int]:
        """Tokens that must be present at the start, by input channel (positive ones only)."""
        return {channel: n for channel, n in {**self.take, **self.need}.items() if n}


@dataclass(frozen=True)
class Grant:
    """One turn of an actor in the static order of a resource."""

    actor: str


@dataclass(frozen=True)
class Loop:
    """`count` repetitions of `body`, a sequence of loops and leaves. Count 0 means nothing."""

    count: int
    body: tuple[Node, ...]

    def __init__(self, count: int, body: Iterable[Node]) -> None:
        _demand_count(count, "count of a loop")
        object.__setattr__(self, "count", count)
        object.__setattr__(self, "body", tuple(body))
        for node in self.body:
            if not isinstance(node, Loop | Firing | Grant):
                raise InputError(f"body of a loop holds {node!r}: allowed are Loop, Firing and Grant")


Leaf = Firing | Grant
Node = Loop | Firing | Grant


def _demand_count(value: object, what: str) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"{what} is {value!r}: give a whole number >= 0 (an int; round cycles up yourself)")


def sequence(*nodes: Node) -> Loop:
    """The nodes one after the other, once."""
    return Loop(1, nodes)


def iterate(node: Node) -> Iterator[Leaf]:
    """Every leaf in order of execution: as many items as there are firings."""
    if not isinstance(node, Loop):
        yield node
        return
    for _ in range(node.count):
        for child in node.body:
            if isinstance(child, Loop):
                yield from iterate(child)
            else:
                yield child


def leaf_counts(node: Node, times: int = 1) -> Iterator[tuple[Leaf, int]]:
    """Each leaf of the tree with the number of times it is executed (leaves never reached are left out)."""
    pending = [(node, times)]
    while pending:
        node, times = pending.pop()
        if not isinstance(node, Loop):
            yield node, times
        elif node.count:
            pending.extend((child, times * node.count) for child in reversed(node.body))


def total_firings(node: Node) -> int:
    """Number of firings (or grants) of the whole schedule."""
    return sum(times for _, times in leaf_counts(node))


def busy_cycles(node: Node) -> int:
    """Sum of the cycles of all firings of the whole schedule."""
    return sum(leaf.cycles * times for leaf, times in leaf_counts(node) if isinstance(leaf, Firing))


def normalise(node: Node) -> Loop:
    """The same sequence of leaves as a loop with no trivial parts.

    Empty loops are dropped, loops of count 1 dissolved, a loop that holds only a loop is merged with
    it, and equal neighbours become one loop. An empty schedule is `Loop(0, ())`.
    """
    runs = _runs(node)
    if not runs:
        return Loop(0, ())
    if len(runs) == 1:
        count, body = runs[0]
        return Loop(count, body)
    return Loop(1, _nodes(runs))


def _runs(node: Node) -> list[tuple[int, tuple[Node, ...]]]:
    """The node as (count, body) runs, no two neighbours with the same body."""
    if not isinstance(node, Loop):
        return [(1, (node,))]
    if not node.count:
        return []
    runs: list[tuple[int, tuple[Node, ...]]] = []
    for child in node.body:
        for count, body in _runs(child):
            if runs and runs[-1][1] == body:
                runs[-1] = (runs[-1][0] + count, body)
            else:
                runs.append((count, body))
    if node.count == 1 or not runs:
        return runs
    if len(runs) == 1:
        return [(node.count * runs[0][0], runs[0][1])]
    return [(node.count, _nodes(runs))]


def _nodes(runs: list[tuple[int, tuple[Node, ...]]]) -> tuple[Node, ...]:
    nodes: list[Node] = []
    for count, body in runs:
        if count == 1:
            nodes.extend(body)
        else:
            nodes.append(Loop(count, body))
    return tuple(nodes)
