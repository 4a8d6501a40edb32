"""Accuracy of a network on many chips at several operating points below the safe voltage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

import numpy as np
import onnx

from archsim.errors import InputError
from archsim.numerics.accuracy_report import Spread
from archsim.numerics.calibration import Calibration
from archsim.numerics.chips import Build, classify
from archsim.numerics.faults.addresses import Placed
from archsim.numerics.faults.cells import ChipMap, DrawnChip, FaultModel, Memory, Supply
from archsim.numerics.faults.encoding import Encoding
from archsim.numerics.faults.fault_report import Energy, LowVoltage, StoredIn, SupplyAccuracy, knee_of
from archsim.numerics.faults.measured_map import MeasuredChip
from archsim.numerics.faults.stored_activations import StoredActivations
from archsim.numerics.faults.stored_weights import Flips, ReadBack, StoredWeights
from archsim.numerics.labelled import Labelled
from archsim.numerics.quantised_network import QuantisedNetwork, with_codes
from archsim.numerics.twin import Hardware, build_twin

Progress = Callable[[int, int], None]
WORD_BITS = 64


@dataclass(frozen=True, eq=False)
class Storage:
    """Where a network's numbers lie: the memories that each layer's weights pass, and its inputs, by layer.
    Layers that are not named lie where nothing fails."""

    weights: Mapping[str, Sequence[Placed]] = field(default_factory=dict)
    activations: Mapping[str, Sequence[Placed]] = field(default_factory=dict)
    encoding: Encoding = "twos_complement"


@dataclass(frozen=True, eq=False)
class SupplySweep:
    """`supplies` to measure at; `chips` chips of `seed` are drawn by `model`, or `fault_map` is the one chip.

    The knee is the last point `within` this share of the accuracy without faults. `energy` is what an
    inference takes at a voltage, `safe` where nothing fails; both only pass through to the report.
    """

    storage: Storage
    supplies: Sequence[Supply]
    model: FaultModel = FaultModel()
    fault_map: MeasuredChip | None = None
    chips: int = 20
    seed: int = 0
    within: float = 0.01
    energy: Mapping[float, Energy] = field(default_factory=dict)
    safe: Energy | None = None

    def chip_maps(self) -> list[ChipMap]:
        if self.fault_map is not None:
            return [self.fault_map]
        return [DrawnChip(self.model, number, self.seed) for number in range(self.chips)]


def one_memory(
    quantised: QuantisedNetwork,
    layers: Sequence[str],
    *,
    ecc: bool = False,
    protected_bits: int = 0,
    name: str = "weights",
) -> dict[str, tuple[Placed, ...]]:
    """A memory of 64-bit words, just large enough for the weights of `layers`, for each of them."""
    words = sum(
        -(-p.codes.size // (WORD_BITS // p.weight_bits))
        for p in quantised.products
        if p.product.name in layers
    )
    memory = Memory(name, max(1, words), WORD_BITS, ecc, protected_bits)
    return dict.fromkeys(layers, (Placed(memory),))


def measure_supplies(
    quantised: QuantisedNetwork,
    sweep: SupplySweep,
    test: Labelled,
    calibration: Calibration,
    progress: Progress = lambda _done, _all: None,
) -> LowVoltage:
    """Accuracy at every supply, from the highest voltage (lowest BER) on.

    Raises InputError for a storage that cannot hold the numbers, or a fault map that does not hold.
    """
    if not sweep.storage.weights and not sweep.storage.activations:
        raise InputError(
            "no layer's weights or activations lie in a memory that fails; there is nothing to measure"
        )
    measured = _Measurement(quantised, sweep, test, calibration)
    supplies = sorted(sweep.supplies, key=_from_safe_on)
    chips = sweep.chip_maps()
    found = measured.accuracies(supplies, chips, progress)
    points = tuple(
        SupplyAccuracy(
            supply.vdd_v,
            supply.mean(),
            float(np.mean([flips.rate for flips, _ in row])),
            float(np.mean([flips.corrected_words for flips, _ in row])),
            Spread.of([accuracy for _, accuracy in row]),
            tuple(accuracy for _, accuracy in row),
            None if supply.vdd_v is None else sweep.energy.get(supply.vdd_v),
        )
        for supply, row in zip(supplies, found, strict=True)
    )
    model = sweep.model
    knee = knee_of(points, measured.without_faults, sweep.within, sweep.safe)
    return LowVoltage(
        "stuck" if sweep.fault_map else model.kind, sweep.storage.encoding, model.stuck_at_one,
        model.column_share, len(chips), sweep.seed, sweep.fault_map.source if sweep.fault_map else None,
        _stored_in(sweep.storage), points, sweep.safe, knee,
    )  # fmt: skip


def _from_safe_on(supply: Supply) -> tuple[float, float]:
    return -(supply.vdd_v or 0.0), max(supply.mean().values(), default=0.0)


class _Measurement:
    """Chips that read the same numbers are classified once."""

    def __init__(
        self, quantised: QuantisedNetwork, sweep: SupplySweep, test: Labelled, calibration: Calibration
    ) -> None:
        storage = sweep.storage
        self._quantised = quantised
        self._weights = StoredWeights(quantised, storage.weights, storage.encoding)
        self._activations = StoredActivations(quantised, storage.activations, calibration)
        self._test = test
        self.without_faults = 0.0

    def accuracies(
        self, supplies: Sequence[Supply], chips: Sequence[ChipMap], progress: Progress
    ) -> list[list[tuple[Flips, float]]]:
        """Flips and accuracy of every chip, a list a supply."""
        builds: dict[bytes, Build] = {b"": partial(build_twin, self._quantised)}
        rows: list[list[tuple[Flips, bytes]]] = []
        for supply in supplies:
            row = []
            for chip in chips:
                read = self._weights.read(chip, supply)
                key = self._key(read, chip, supply)
                builds.setdefault(key, partial(self._chip, chip, supply))
                row.append((read.flips, key))
            rows.append(row)
        done = iter(range(1, len(builds) + 1))
        found = classify(list(builds.values()), self._test, lambda: progress(next(done), len(builds)))
        accuracy = dict(zip(builds, found, strict=True))
        self.without_faults = accuracy[b""]
        return [[(flips, accuracy[key]) for flips, key in row] for row in rows]

    def _key(self, read: ReadBack, chip: ChipMap, supply: Supply) -> bytes:
        """The same for chips that compute the same; empty without a fault."""
        digest = blake2b(digest_size=16)
        for name, codes in read.codes.items():
            digest.update(name.encode() + codes.tobytes())
        activations = self._activations.read(chip, supply)
        for name, passed in activations.items():
            digest.update(name.encode())
            for through in passed:
                digest.update(through.pattern.tobytes() + b"".join(t.tobytes() for t in through.tables))
        return digest.digest() if read.codes or activations else b""

    def _chip(self, chip: ChipMap, supply: Supply) -> onnx.ModelProto:
        read = self._weights.read(chip, supply)
        hardware = Hardware(activations=self._activations.read(chip, supply))
        return build_twin(with_codes(self._quantised, read.codes), hardware)


def _stored_in(storage: Storage) -> tuple[StoredIn, ...]:
    sides = (storage.weights, storage.activations)
    memories = {at.memory.name: at.memory for side in sides for passed in side.values() for at in passed}
    return tuple(
        StoredIn(name, memory.words, memory.word_bits, memory.ecc, *(_passing(side, name) for side in sides))
        for name, memory in memories.items()
    )


def _passing(side: Mapping[str, Sequence[Placed]], memory: str) -> tuple[str, ...]:
    return tuple(layer for layer, passed in side.items() if memory in {at.memory.name for at in passed})
