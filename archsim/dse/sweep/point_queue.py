"""The points still to do, dealt out in chunks of some seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from archsim.dse.sweep.space import Int
from archsim.dse.sweep.workers import Task

AIM_S, LEAST_S = 3.0, 1.0
"""A chunk is to take so long: less costs time to hand it out, more is lost when a worker dies. Towards the
end chunks get smaller, down to the least."""

FIRST_POINTS = 4
FASTER = 8
"""A chunk has at most so many times the points of the one before: the next ones may be slower."""

TURNS = 3
"""Chunks a worker is to have at least, so that all are busy to the end."""

MOST_DEATHS = 3
"""Workers that may die over one point before it counts as failed."""


class PointQueue:
    """`open_points` in an order in which neighbours have most in common."""

    def __init__(self, open_points: Int) -> None:
        self._points, self._next = open_points, 0
        self._again: deque[Task] = deque()
        self._size = float(FIRST_POINTS)
        self._seconds_per_point = AIM_S / FIRST_POINTS

    def __len__(self) -> int:
        return len(self._points) - self._next + sum(len(task.numbers) for task in self._again)

    def take(self, workers: int) -> Task:
        """The next chunk: those that were given back come first."""
        if self._again:
            return self._again.popleft()
        even = -(-(len(self._points) - self._next) // (TURNS * workers))
        least = LEAST_S / self._seconds_per_point
        size = int(max(1, min(self._size, max(even, least))))
        numbers = self._points[self._next : self._next + size]
        self._next += len(numbers)
        return Task(numbers.tolist())

    def note(self, points: int, wall_s: float) -> None:
        """Learn from a finished chunk how many points fill the next one."""
        if points:
            self._seconds_per_point = max(wall_s / points, 1e-9)
            self._size = max(1.0, min(AIM_S / self._seconds_per_point, FASTER * max(points, FIRST_POINTS)))

    def give_back(self, task: Task) -> int | None:
        """A task over which a worker died comes again, in two halves; the point that kills every worker is
        returned instead."""
        numbers, deaths = list(task.numbers), task.deaths + 1
        if len(numbers) == 1 and deaths >= MOST_DEATHS:
            return numbers[0]
        half = (len(numbers) + 1) // 2
        for part in (numbers[:half], numbers[half:]):
            if part:
                self._again.append(Task(part, deaths))
        return None

    def put_rest(self, numbers: Sequence[int]) -> None:
        """Points of a task that its worker left undone."""
        self._again.append(Task(numbers))
