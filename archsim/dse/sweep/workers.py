"""Those who evaluate chunks of points: what the parent knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from archsim.dse.sweep.ledger import Chunk


@dataclass(frozen=True, eq=False)
class Task:
    """Points given to a worker together; `deaths` is how often a worker died over them."""

    numbers: Sequence[int]
    deaths: int = 0


@dataclass(frozen=True)
class Done:
    """A task that ended: with a chunk of what was done, or None if its worker died."""

    task: Task
    chunk: Chunk | None


class Workers(Protocol):
    """A pool. A worker that dies is replaced, and its task comes back without a chunk."""

    @property
    def count(self) -> int: ...

    def has_room(self) -> bool:
        """Whether another task would keep somebody busy."""
        ...

    def submit(self, task: Task) -> None: ...

    def wait(self, seconds: float) -> list[Done]:
        """Tasks that ended, after so many seconds at the latest. Raises InputError when nobody is left."""
        ...

    def stop(self) -> None:
        """Ask for what is under way to end at its next point: its chunks still come, with what was done."""
        ...

    def close(self) -> None:
        """End all work at once."""
        ...
