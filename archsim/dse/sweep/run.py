"""`archsim sweep` in Python: a sweep in, a file of results out, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np

from archsim.dse.sweep.evaluate import Evaluator, peak_mb
from archsim.dse.sweep.ledger import Chunk, Ledger
from archsim.dse.sweep.local_workers import LocalWorkers
from archsim.dse.sweep.outcome import FAILED, Outcome, packed
from archsim.dse.sweep.point_queue import MOST_DEATHS, PointQueue
from archsim.dse.sweep.rounds import points_of, rounds_of
from archsim.dse.sweep.space import Int
from archsim.dse.sweep.sweep import Sweep
from archsim.dse.sweep.workers import Done, Workers

MOST_MB = 2000.0
"""Memory a worker process may have held before it is replaced by a new one."""

LOOK_S = 0.5
"""How long to wait for a chunk before looking up again."""


@dataclass(frozen=True)
class Progress:
    """Where a sweep is. `known` points were done before it was resumed; `deaths` counts workers that died."""

    done: int
    points: int
    failed: int
    known: int
    deaths: int
    elapsed_s: float

    @property
    def points_per_s(self) -> float:
        return (self.done - self.known) / self.elapsed_s if self.elapsed_s else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds to go at the rate so far; None before the first chunk."""
        return (self.points - self.done) / self.points_per_s if self.done > self.known else None


@dataclass(frozen=True)
class Swept:
    """What became of a sweep: its results are in the file at `path`."""

    path: Path
    progress: Progress
    interrupted: bool


def sweep(
    asked: Sweep,
    path: str | Path,
    *,
    resume: bool = False,
    workers: int | None = None,
    cluster: str | None = None,
    worker_mb: float = MOST_MB,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Swept:
    """Evaluate every point of a sweep that is not in the file at `path` yet, and record it there.

    `workers`: processes on this machine; default: one a processor. `cluster`: address of a Dask scheduler
    whose workers are used instead. Ctrl-C ends it after the points under way; `resume` goes on from what is
    recorded. A script that calls this guards it by `if __name__ == "__main__":`, as its processes import it.
    Raises InputError for a sweep whose parts do not fit together, and as `Ledger`.
    """
    evaluator = Evaluator.of(asked)
    rounds = rounds_of(evaluator.space, asked)

    def pool() -> Workers:
        if cluster is not None:
            from archsim.dse.sweep.cluster_workers import ClusterWorkers

            return ClusterWorkers(evaluator, cluster)
        return LocalWorkers(evaluator, workers or os.cpu_count() or 1, most_mb=worker_mb)

    with Ledger(path, evaluator.about(), resume=resume) as ledger, _interrupts() as interrupts:
        run = _Run(ledger, points_of(evaluator.space, asked), pool, interrupts, on_progress)
        try:
            numbers = next(rounds)
            while run.finish(numbers):
                numbers = rounds.send(ledger.table)
        except StopIteration:
            pass
        finally:
            run.close()
        return Swept(Path(path), run.progress(), interrupted=interrupts.asked)


class _Run:
    """The parent of one sweep: hands out chunks and records them."""

    def __init__(
        self,
        ledger: Ledger,
        points: int,
        pool: Callable[[], Workers],
        interrupts: _Interrupts,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.ledger, self.points, self.make_pool = ledger, points, pool
        self.interrupts, self.on_progress = interrupts, on_progress
        self.pool: Workers | None = None
        self.finished = ledger.finished()
        self.known = self.done = len(self.finished)
        self.failed = ledger.failed()
        self.deaths = 0
        self.started = time.monotonic()

    def finish(self, numbers: Int) -> bool:
        """Do what is left of a round; False if it was interrupted."""
        queue = PointQueue(numbers[~np.isin(numbers, self.finished)])
        if not len(queue):
            return True
        self.pool = self.pool or self.make_pool()
        busy = 0
        while True:
            if self.interrupts.asked:
                self.pool.stop()
            while len(queue) and self.pool.has_room() and not self.interrupts.asked:
                self.pool.submit(queue.take(self.pool.count))
                busy += 1
            if not busy:
                return not self.interrupts.asked
            for done in self.pool.wait(LOOK_S):
                busy -= 1
                self.collect(done, queue)
            self.on_progress(self.progress())

    def collect(self, done: Done, queue: PointQueue) -> None:
        if done.chunk is None:
            self.deaths += 1
            deadly = queue.give_back(done.task)
            if deadly is not None:
                self.record(_died(deadly))
            return
        self.record(done.chunk)
        queue.note(done.chunk.points, done.chunk.wall_s)
        if done.chunk.points < len(done.task.numbers):
            queue.put_rest(done.task.numbers[done.chunk.points :])

    def record(self, chunk: Chunk) -> None:
        if not chunk.points:
            return
        self.ledger.record(chunk)
        self.done += chunk.points
        self.failed += chunk.failed

    def progress(self) -> Progress:
        elapsed = time.monotonic() - self.started
        return Progress(self.done, self.points, self.failed, self.known, self.deaths, elapsed)

    def close(self) -> None:
        if self.pool is not None:
            self.pool.close()


def _died(number: int) -> Chunk:
    """The record of a point that no worker survives."""
    error = f"{MOST_DEATHS} workers died over this point; it may need more memory than there is"
    return Chunk(1, 1, packed([Outcome(number, FAILED, error=error)]), 0.0, 0.0, peak_mb(), "none")


@dataclass
class _Interrupts:
    """Whether Ctrl-C (or SIGTERM) was pressed; the second time it is an exception, as usual."""

    asked: bool = False

    def note(self, _signal: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def _interrupts() -> Iterator[_Interrupts]:
    """Signals become a wish while a sweep runs, so that none falls between a chunk and its record."""
    found = _Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield found
        return
    before = {name: signal.signal(name, found.note) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield found
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
