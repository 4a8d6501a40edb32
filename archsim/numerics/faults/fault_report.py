"""What a measurement over operating points below the safe voltage says: part of an accuracy report's JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archsim.numerics.accuracy_report import Spread


@dataclass(frozen=True, slots=True)
class Energy:
    """Of one inference: everything, and what the memories that run below their safe voltage take of it."""

    total_mj: float
    memories_mj: float
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
    """The last point before accuracy falls: see `knee_of`. `energy_saving`: share of the energy at the safe
    voltage."""

    vdd_v: float | None
    ber: dict[str, float]
    accuracy: float
    within: float
    energy_saving: float | None = None


@dataclass(frozen=True, slots=True)
class LowVoltage:
    """`points` stand from the highest voltage (the lowest BER) on; `safe` is the energy where none fails."""

    kind: str
    encoding: str
    stuck_at_one: float
    column_share: float
    chips: int
    seed: int
    fault_map: str | None
    memories: tuple[StoredIn, ...]
    points: tuple[SupplyAccuracy, ...]
    safe: Energy | None
    knee: Knee | None


def knee_of(
    points: Sequence[SupplyAccuracy], exact: float, within: float, safe: Energy | None = None
) -> Knee | None:
    """The point of the lowest voltage such that its mean accuracy and that of every higher voltage measured
    is at least `exact`, the accuracy without faults, less `within` (shares of 1). None where the first point
    falls below already."""
    good = None
    for point in points:
        if point.hardware.mean < exact - within:
            break
        good = point
    if good is None:
        return None
    saving = 1 - good.energy.total_mj / safe.total_mj if good.energy and safe else None
    return Knee(good.vdd_v, good.ber, good.hardware.mean, within, saving)
