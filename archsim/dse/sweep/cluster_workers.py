"""Workers of a Dask cluster (the extra `archsim[cluster]`): the same chunks, on whatever machines it has."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, cast

from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.ledger import Chunk
from archsim.dse.sweep.outcome import packed
from archsim.dse.sweep.workers import Done, Task
from archsim.errors import InputError

if TYPE_CHECKING:
    from distributed import Future

AHEAD = 2
"""Tasks a worker has at a time: one under way, and one so that it need not wait for the next."""

CONNECT_S = 15
NOBODY_S = 120
"""Seconds without any worker after which the sweep gives up; a cluster that starts again may take as long."""


NOTHING = Chunk(0, 0, packed([]), 0.0, 0.0, 0.0, "none")
"""What a task comes back with that had not begun when all were to stop."""


class ClusterWorkers:
    """See `Workers`. Dask gives a dead worker's tasks to others; over one that kills several it gives up."""

    def __init__(self, evaluator: Evaluator, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise InputError("--cluster needs Dask: pip install 'archsim[cluster]'") from None
        try:
            self._client = Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(
                f"--cluster {address}: no scheduler answers ({error}); start one with: dask scheduler"
            ) from None
        self._payload = pickle.dumps(evaluator)
        self._tasks: dict[str, tuple[Future, Task]] = {}
        self._ended: SimpleQueue[str] = SimpleQueue()
        self._taken_back: list[Done] = []
        self._alone_s = 0.0
        self._stopped = False
        if not self._threads():
            self._client.close()
            raise InputError(
                f"--cluster {address}: the scheduler has no worker; start some: dask worker {address}"
            )

    @property
    def count(self) -> int:
        return max(1, self._threads())

    def has_room(self) -> bool:
        return not self._stopped and len(self._tasks) < AHEAD * self.count

    def submit(self, task: Task) -> None:
        future = self._client.submit(evaluate, self._payload, list(task.numbers), pure=False)
        self._tasks[str(future.key)] = future, task
        future.add_done_callback(lambda ended: self._ended.put(str(ended.key)))

    def wait(self, seconds: float) -> list[Done]:
        if self._taken_back:
            taken_back, self._taken_back = self._taken_back, []
            return taken_back
        try:
            keys = [self._ended.get(timeout=seconds)]
        except Empty:
            self._mind_the_alone(seconds)
            return []
        self._alone_s = 0.0
        while not self._ended.empty():
            keys.append(self._ended.get())
        return [self._collected(key) for key in keys if key in self._tasks]

    def stop(self) -> None:
        """What has not begun is taken back; what is under way ends as a whole chunk, of some seconds."""
        self._stopped = True
        waiting = cast("dict[str, tuple[str, ...]]", self._client.processing())
        begun = {str(key) for keys in waiting.values() for key in keys[:1]}
        for key, (future, task) in list(self._tasks.items()):
            if key not in begun and not future.done():
                future.cancel()
                del self._tasks[key]
                self._taken_back.append(Done(task, NOTHING))

    def close(self) -> None:
        self._client.cancel([future for future, _ in self._tasks.values()])
        self._client.close()

    def _collected(self, key: str) -> Done:
        future, task = self._tasks.pop(key)
        from distributed import KilledWorker

        try:
            return Done(task, future.result())
        except KilledWorker:
            return Done(task, None)

    def _threads(self) -> int:
        return sum(cast("dict[str, int]", self._client.nthreads()).values())

    def _mind_the_alone(self, seconds: float) -> None:
        self._alone_s = 0.0 if self._threads() else self._alone_s + seconds
        if self._alone_s > NOBODY_S:
            raise InputError("the cluster has lost all its workers; start some and go on with --resume")


_one_at_a_time = threading.Lock()
"""What a process keeps from point to point is not made for threads, and these would wait for each other."""


def evaluate(payload: bytes, numbers: Sequence[int]) -> Chunk:
    """A chunk, on a worker of the cluster."""
    with _one_at_a_time:
        return _evaluator_of(payload).chunk(numbers)


@lru_cache(maxsize=2)
def _evaluator_of(payload: bytes) -> Evaluator:
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
    return pickle.loads(payload)
