"""The time, the interruption and the progress of one search."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

TICK_S = 0.2
GRACE_S = 5.0
"""How long a solver that was told to stop is waited for."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a search is. `incumbent` is None and `gap` infinite until a selection is known."""

    stage: str  # "first objective", "second objective", ...
    incumbent: float | None
    bound: float
    gap: float
    elapsed_s: float


def relative_gap(value: float, bound: float) -> float:
    """How far above a lower bound a value is, relative to the value; 0 where they are equal."""
    if value <= bound:
        return 0.0
    return (value - bound) / abs(value) if value and math.isfinite(bound) else math.inf


class Session:
    """One search: when it must end, whether the user interrupted it, and who hears how it goes.

    Solvers run in a thread of their own, so that Ctrl-C (KeyboardInterrupt in the calling thread) reaches
    Python at once, and progress is reported from the calling thread.
    """

    def __init__(self, time_limit_s: float, on_progress: Callable[[Progress], None] | None = None) -> None:
        self.started = time.monotonic()
        self.time_limit_s = time_limit_s
        self.interrupted = False
        self.stage = "first objective"
        self._share = 1.0
        self._on_progress = on_progress
        self._best: tuple[float | None, float] = (None, -math.inf)
        self._told: tuple[str, float | None, float] | None = None

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    @property
    def left_s(self) -> float:
        return 0.0 if self.interrupted else max(0.0, self._share * self.time_limit_s - self.elapsed_s)

    @property
    def over(self) -> bool:
        return self.left_s <= 0.0

    def allow(self, share: float) -> None:
        """From now on the search must end after that share of the time limit."""
        self._share = share

    def enter(self, stage: str) -> None:
        """The search of another objective begins."""
        self.stage, self._best = stage, (None, -math.inf)

    def note(self, value: float | None, bound: float) -> None:
        """A selection of that cost, or a bound, is known; called from any thread."""
        known, least = self._best
        if value is not None:
            known = value if known is None else min(known, value)
        self._best = (known, max(least, bound))

    def tell(self) -> None:
        """Report progress, if there is any; called from the thread that started the search."""
        value, bound = self._best
        if self._on_progress is None or self._told == (self.stage, value, bound):
            return
        self._told = (self.stage, value, bound)
        gap = math.inf if value is None else relative_gap(value, bound)
        self._on_progress(Progress(self.stage, value, bound, gap, self.elapsed_s))

    def run(self, work: Callable[[], T], stop: Callable[[], None]) -> T | None:
        """Call `work` in a thread. On KeyboardInterrupt `stop` it: None if it then doesn't end by itself."""
        results: list[T] = []
        errors: list[BaseException] = []

        def target() -> None:
            try:
                results.append(work())
            except BaseException as error:  # raised again in the calling thread
                errors.append(error)

        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        try:
            while thread.is_alive():
                thread.join(TICK_S)
                self.tell()
        except KeyboardInterrupt:
            self.interrupted = True
            stop()
            thread.join(GRACE_S)
        if errors:
            raise errors[0]
        return results[0] if results else None
