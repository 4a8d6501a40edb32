"""Worker processes on this machine: one pool a process, so that it is known which task killed one."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end
from typing import TYPE_CHECKING

from threadpoolctl import threadpool_limits

from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.ledger import Chunk
from archsim.dse.sweep.workers import Done, Task

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

_evaluator: Evaluator | None = None
_stopped: Event | None = None


class LocalWorkers:
    """See `Workers`. A process that held more than `most_mb` in a task is replaced before its next one."""

    def __init__(self, evaluator: Evaluator, count: int, *, most_mb: float) -> None:
        self._count, self.most_mb = count, most_mb
        self._evaluator = evaluator
        # forking a process with threads, as this one is, may deadlock the child
        self._context = multiprocessing.get_context("spawn")
        self._stop = self._context.Event()
        self._free = [self._started() for _ in range(count)]
        self._busy: dict[Future[Chunk], tuple[ProcessPoolExecutor, Task]] = {}

    @property
    def count(self) -> int:
        return self._count

    def has_room(self) -> bool:
        return bool(self._free)

    def submit(self, task: Task) -> None:
        slot = self._free.pop()
        try:
            future = _submitted(slot, task)
        except BrokenProcessPool:  # it died while it had nothing to do
            slot = self._started()
            future = _submitted(slot, task)
        self._busy[future] = slot, task

    def wait(self, seconds: float) -> list[Done]:
        ended, _ = wait(self._busy, timeout=seconds, return_when=FIRST_COMPLETED)
        return [self._collected(future) for future in ended]

    def stop(self) -> None:
        self._stop.set()

    def close(self) -> None:
        self._stop.set()
        for slot in (*self._free, *(slot for slot, _ in self._busy.values())):
            slot.shutdown(wait=False, cancel_futures=True)

    def _collected(self, future: Future[Chunk]) -> Done:
        slot, task = self._busy.pop(future)
        try:
            chunk = future.result()
        except BrokenProcessPool:
            self._free.append(self._started())
            return Done(task, None)
        if chunk.peak_mb > self.most_mb:
            slot.shutdown(wait=False)
            slot = self._started()
        self._free.append(slot)
        return Done(task, chunk)

    def _started(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, self._context, _start, (self._evaluator, self._stop))


def _submitted(slot: ProcessPoolExecutor, task: Task) -> Future[Chunk]:
    """Start the slot's process, if it is new, with Ctrl-C blocked: the parent decides what it means, and no
    handler in the process could be there before its imports are."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return slot.submit(_evaluate, task.numbers)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(evaluator: Evaluator, stopped: Event) -> None:
    global _evaluator, _stopped
    threadpool_limits(1, user_api="blas")  # small products, and a process a processor
    gc.set_threshold(200_000, 50, 100)  # what a worker remembers only grows: looking for garbage took 7 %
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _evaluator, _stopped = evaluator, stopped


def _end_with_parent() -> None:
    """A parent that is killed cannot tell its workers: they would wait for ever, or work for nobody."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for_end([parent.sentinel])
    os._exit(1)


def _evaluate(numbers: Sequence[int]) -> Chunk:
    assert _evaluator is not None
    assert _stopped is not None
    return _evaluator.chunk(numbers, _stopped.is_set)
