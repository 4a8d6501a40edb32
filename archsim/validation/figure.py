"""A published figure, and how archsim arrives at its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["calibrated", "predicted"]


@dataclass(frozen=True)
class PublishedFigure:
    """`kind`: calibrated if any constant was fitted to this very figure, otherwise predicted.

    `remark` says what is assumed, or why the two differ.
    """

    system: str
    workload: str
    quantity: str
    unit: str
    published: float
    kind: Kind
    source: str
    simulate: Callable[[], float]
    remark: str = ""
