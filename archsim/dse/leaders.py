"""Bounds of latency that one point gives for others: more memory never makes a layer slower.

Points whose machines have the same timing differ in what fits. The one with the most memory runs every
mapping of the others in the same time; so nothing is faster on them than on their leader.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from archsim.dse.bits import BitSpace
from archsim.dse.point import Point


def leaders(points: Sequence[Point]) -> list[Point]:
    """Of each group of points with one timing the point that has no less of any memory than another."""
    return [leader for leader, members in _groups(points).items() if members]


def bounds_by_leader(
    points: Sequence[Point], bounds: Mapping[Point, float], space: BitSpace
) -> dict[Point, float]:
    """Bounds of the others of a group from their leader's, where it has one on tables.

    What is no contraction is cut into chunks by the capacity, so its bounds have to be the same.
    """
    found: dict[Point, float] = {}
    for leader, members in _groups(points).items():
        if leader.tables:
            found |= {m: bounds[leader] for m in members if _same_elsewhere(leader, m, space)}
    return found


def _groups(points: Sequence[Point]) -> dict[Point, list[Point]]:
    """Leader -> the others of its group."""
    alike: dict[Hashable, list[Point]] = defaultdict(list)
    for point in points:
        if point.machine.timing is not None:
            alike[point.machine.timing, point.machine.clock_mhz].append(point)
    found = {}
    for group in alike.values():
        most = tuple(map(max, zip(*(point.machine.capacities for point in group), strict=True)))
        leader = next((point for point in group if point.machine.capacities == most), None)
        if leader is not None:
            found[leader] = [point for point in group if point is not leader]
    return found


def _same_elsewhere(leader: Point, member: Point, space: BitSpace) -> bool:
    seen: set[object] = set()
    for layer, precisions, table in zip(space.workload.layers, space.precisions, leader.tables, strict=True):
        if layer.contraction is not None or (layer.work, precisions) in seen:
            continue
        seen.add((layer.work, precisions))
        own = member.machine.options(layer, precisions)
        if not np.array_equal(own.cycles, table.options.cycles):
            return False
    return True
