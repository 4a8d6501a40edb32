"""Accuracy of a network on many chips at several operating points below the safe voltage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import count

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
from archsim.numerics.faults.stored_weights import Flips, StoredWeights
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
    """`supplies` to measure at; `chips` chips of `seed`, from number `first_chip` on, are drawn by `model`,
    or `fault_map` is the one chip.

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
    first_chip: int = 0

    def chip_maps(self) -> list[ChipMap]:
        if self.fault_map is not None:
            return [self.fault_map]
        return [DrawnChip(self.model, self.first_chip + number, self.seed) for number in range(self.chips)]


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
    exact, (points,) = measure_accuracies(quantised, [sweep], test, calibration, progress)
    model, fault_map = sweep.model, sweep.fault_map
    return LowVoltage(
        kind=model.kind if fault_map is None else "stuck",
        encoding=sweep.storage.encoding,
        stuck_at_one=model.stuck_at_one,
        column_share=model.column_share,
        chips=len(sweep.chip_maps()),
        seed=sweep.seed,
        fault_map=None if fault_map is None else fault_map.source,
        memories=_stored_in(sweep.storage),
        points=points,
        safe=sweep.safe,
        knee=knee_of(points, exact, sweep.within, sweep.safe),
    )


def measure_accuracies(
    quantised: QuantisedNetwork,
    sweeps: Sequence[SupplySweep],
    test: Labelled,
    calibration: Calibration,
    progress: Progress = lambda _done, _all: None,
) -> tuple[float, list[tuple[SupplyAccuracy, ...]]]:
    """Accuracy without faults, and at the supplies of every sweep, from the highest voltage (lowest BER) on.

    Chips that read the same numbers are classified once.
    """
    builds: dict[bytes, Build] = {b"": partial(build_twin, quantised)}
    rows: list[tuple[SupplySweep, Supply, list[tuple[Flips, bytes]]]] = []
    for sweep in sweeps:
        network = _StoredNetwork(quantised, sweep.storage, calibration)
        for supply in sorted(sweep.supplies, key=_from_safe_on):
            row = []
            for chip in sweep.chip_maps():
                flips, key = network.read(chip, supply)
                builds.setdefault(key, partial(network.twin, chip, supply))
                row.append((flips, key))
            rows.append((sweep, supply, row))
    done = count(1)
    found = classify(list(builds.values()), test, lambda: progress(next(done), len(builds)))
    accuracy = dict(zip(builds, found, strict=True))
    points = [
        tuple(_point(supply, row, accuracy, sweep.energy) for own, supply, row in rows if own is sweep)
        for sweep in sweeps
    ]
    return accuracy[b""], points


def _from_safe_on(supply: Supply) -> tuple[float, float]:
    return -(supply.vdd_v or 0.0), max(supply.mean().values(), default=0.0)


def _point(
    supply: Supply,
    row: Sequence[tuple[Flips, bytes]],
    accuracy: Mapping[bytes, float],
    energy: Mapping[float, Energy],
) -> SupplyAccuracy:
    accuracies = tuple(accuracy[key] for _, key in row)
    return SupplyAccuracy(
        vdd_v=supply.vdd_v,
        ber=supply.mean(),
        flip_rate=float(np.mean([flips.rate for flips, _ in row])),
        corrected_words=float(np.mean([flips.corrected_words for flips, _ in row])),
        hardware=Spread.of(accuracies),
        per_chip=accuracies,
        energy=None if supply.vdd_v is None else energy.get(supply.vdd_v),
    )


class _StoredNetwork:
    """A network whose numbers lie in memories, as chips read it."""

    def __init__(self, quantised: QuantisedNetwork, storage: Storage, calibration: Calibration) -> None:
        self._quantised = quantised
        self._weights = StoredWeights(quantised, storage.weights, storage.encoding)
        self._activations = StoredActivations(quantised, storage.activations, calibration)

    def read(self, chip: ChipMap, supply: Supply) -> tuple[Flips, bytes]:
        """How many bits flip, and a key that is the same for chips that compute the same; empty without a
        fault."""
        read, activations = self._weights.read(chip, supply), self._activations.read(chip, supply)
        digest = blake2b(digest_size=16)
        for name, codes in read.codes.items():
            digest.update(name.encode() + codes.tobytes())
        for name, passed in activations.items():
            digest.update(name.encode())
            for through in passed:
                digest.update(through.pattern.tobytes() + b"".join(t.tobytes() for t in through.tables))
        return read.flips, digest.digest() if read.codes or activations else b""

    def twin(self, chip: ChipMap, supply: Supply) -> onnx.ModelProto:
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
