"""What a measurement over operating points below the safe voltage says: part of an accuracy report's JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archsim.numerics.accuracy_report import Spread


@dataclass(frozen=True, slots=True)
class Energy:
    """Of one inference: everything, and what the memories below their safe voltage take of it."""

    total_mj: float
    scaled_mj: float
    latency_ms: float


@dataclass(frozen=True, slots=True)
class SupplyAccuracy:
    """Accuracy at one operating point, over chips.

    `ber`: share of faulty cells by memory. `flip_rate`: share of the stored weights' bits that are read
    wrong, mean over the chips. `corrected_words`: words that ECC put right, mean over the chips.
    """

    vdd_v: float | None
    ber: dict[str, float]
    flip_rate: float
    corrected_words: float
    hardware: Spread
    per_chip: tuple[float, ...]
    energy: Energy | None = None

    @property
    def highest_ber(self) -> float:
        return max(self.ber.values(), default=0.0)


@dataclass(frozen=True, slots=True)
class StoredIn:
    """A memory with weak cells, and the layers whose weights or activations it holds."""

    name: str
    words: int
    word_bits: int
    ecc: bool
    weights_of: tuple[str, ...]
    activations_of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Knee:
    """The last point before accuracy falls: see `knee_of`. `energy_saving` is against the highest voltage."""

    vdd_v: float | None
    ber: dict[str, float]
    accuracy: float
    within: float
    energy_saving: float | None = None


@dataclass(frozen=True, slots=True)
class LowVoltage:
    """`points` stand from the highest voltage (the lowest BER) on."""

    kind: str
    encoding: str
    stuck_at_one: float
    column_share: float
    chips: int
    seed: int
    fault_map: str | None
    memories: tuple[StoredIn, ...]
    points: tuple[SupplyAccuracy, ...]
    knee: Knee | None


def knee_of(points: Sequence[SupplyAccuracy], nominal: float, within: float) -> Knee | None:
    """The point of the lowest voltage such that its mean accuracy and that of every higher voltage measured
    is at least `nominal - within`, which is the accuracy without faults and a share of 1. None where the
    first point falls below already."""
    good = None
    for point in points:
        if point.hardware.mean < nominal - within:
            break
        good = point
    if good is None:
        return None
    saving = None
    if good.energy is not None and points[0].energy is not None:
        saving = 1 - good.energy.total_mj / points[0].energy.total_mj
    return Knee(good.vdd_v, good.ber, good.hardware.mean, within, saving)
