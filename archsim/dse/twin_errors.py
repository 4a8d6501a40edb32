"""The accuracy of a hardware point as a search reads it: errors of its twin, layer by layer.

A point's error is that of its twin with every layer at its widest. Fewer bits of a layer add what they add
alone, as in a sensitivity table, measured on the same chips and images. That sum steers the search; what it
chooses is measured again as a whole (`archsim.dse.verify`), then with the bit errors of SRAMs.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from archsim.dse.fault_loss import FaultLosses
from archsim.errors import InputError
from archsim.numerics.quantise import check_bits
from archsim.numerics.sensitivity import OPERANDS, Key, Sensitivity

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine, Row
    from archsim.components.sram_supply import Stored
    from archsim.dse.bits import BitSpace
    from archsim.dse.study import AccuracyMeasure
    from archsim.numerics.accuracy_report import Spread
    from archsim.numerics.crossbar import Crossbar
    from archsim.numerics.twin_accuracy import Bits, TwinAccuracy
    from archsim.workloads.precision import Precision


MEASURING = "measuring accuracy"
"""What a search does while twins are measured."""


@dataclass(frozen=True)
class PointError:
    """`widest`: the error with every layer at its most bits; `added`: what fewer bits add, None if none are
    open."""

    widest: float
    added: Sensitivity | None


@dataclass(frozen=True)
class TwinErrors:
    """Errors by what the twin reads of a machine: machines alike in that have the same."""

    by_hardware: Mapping[Crossbar | None, PointError]

    def of(self, machine: Machine) -> PointError:
        from archsim.evaluation import crossbar_of  # with the numerics that only such studies need

        return self.by_hardware[crossbar_of(machine)]


@dataclass(frozen=True)
class OnChips:
    """Accuracy on `chips`, and without the bit errors of their SRAMs (None where these are not known)."""

    hardware: Spread
    chips: range
    without_faults: float | None = None

    @property
    def fault_loss(self) -> float | None:
        """What bit errors cost; 0 where accuracy rose by chance."""
        return None if self.without_faults is None else max(0.0, self.without_faults - self.hardware.mean)


def error_measure(workload: str, settings: AccuracyMeasure) -> ErrorMeasure:
    """What measures a workload's twins. One that was made before serves again while its files are the same.

    Raises InputError for a workload without weights, and data that do not fit it.
    """
    from archsim.workloads.library import model_file

    given = [Path(path) for path in (settings.data, settings.calibration) if path is not None]
    files = [model_file(workload), *(path for path in given if path.is_file())]
    content = hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files))
    return _measure(workload, settings.model_dump_json(), content.digest())


@lru_cache(maxsize=4)
def _measure(workload: str, asked: str, _content: bytes) -> ErrorMeasure:
    from archsim.dse.study import AccuracyMeasure
    from archsim.evaluation import twin_accuracy

    settings = AccuracyMeasure.model_validate_json(asked)
    twins = twin_accuracy(
        workload, data=settings.data, calibration=settings.calibration,
        seed=settings.seed, batch_norm=settings.batch_norm,
    )  # fmt: skip
    return ErrorMeasure(twins, settings)


class ErrorMeasure:
    """Measures twins of one model as a study says: on some chips and images, or verifies on others."""

    def __init__(self, twins: TwinAccuracy, settings: AccuracyMeasure) -> None:
        self.twins, self.settings = twins, settings
        self.images, self.other_images = twins.images(settings.images)
        self.chips = range(settings.chips)
        self.other_chips = range(settings.chips, 2 * settings.chips)

    def errors(
        self,
        space: BitSpace,
        machines: Iterable[Machine],
        workers: int = 1,
        on_measured: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> TwinErrors:
        """Errors of the machines' twins at all bits of the space, by `workers` threads.

        `on_measured` is told how many twins of how many are done. Ctrl-C raises KeyboardInterrupt after the
        chips under way. Raises InputError for a model and a space that name other layers.
        """
        from archsim.evaluation import crossbar_of

        hardware = list(dict.fromkeys(map(crossbar_of, machines)))
        widest = self._widest(space)
        narrower = _narrower(space, widest)
        wanted = [(each, bits) for each in hardware for bits in (widest, *narrower.values())]
        found = iter(self._measured(wanted, workers, on_measured))
        return TwinErrors(
            {
                each: _point_error(space, next(found), {key: next(found) for key in narrower})
                for each in hardware
            }
        )

    def check(self, space: BitSpace) -> None:
        """Raises InputError for bits or layers of the space that twins do not have."""
        for name, precision in self._widest(space).items():
            check_bits(precision.weight_bits, f"layer {name!r}: weight bits")
            check_bits(precision.activation_bits, f"layer {name!r}: activation bits")

    def verified(self, machine: Machine, rows: Sequence[Row], faults: FaultLosses | None = None) -> OnChips:
        """Accuracy of layers that run as these rows on the other chips and images: on one chip where nothing
        is drawn. Chips that `faults` were measured on are others, too."""
        known = faults or FaultLosses({})
        first = max(self.other_chips.start, known.chips)
        faulty = range(first, first + self.settings.chips)
        return self._of_rows(machine, rows, self.other_chips, faulty, self.other_images, known)

    def of_rows(self, machine: Machine, rows: Sequence[Row]) -> Spread:
        """The same on the chips and images that searches measure on, where nothing was chosen by them."""
        return self._of_rows(machine, rows, self.chips, self.chips, self.images, FaultLosses({})).hardware

    def _of_rows(
        self,
        machine: Machine,
        rows: Sequence[Row],
        chips: range,
        faulty: range,
        images: range,
        faults: FaultLosses,
    ) -> OnChips:
        """On `chips`, or with bit errors in SRAMs on the chips `faulty`."""
        from archsim.evaluation import crossbar_of
        from archsim.numerics.accuracy import is_drawn
        from archsim.undervolting import failing

        bits = {row.layer.name: row.layer.precision for row in rows}
        crossbar = crossbar_of(machine)
        found = failing(machine, rows)
        if found and crossbar is None:
            return self._with_bit_errors(found, bits, faulty, images, faults)
        drawn = chips if crossbar is not None and is_drawn(crossbar) else chips[:1]
        hardware = self.twins.measure(crossbar, bits, drawn, images)
        return OnChips(hardware, drawn, None if found else hardware.mean)

    def _with_bit_errors(
        self,
        found: Sequence[tuple[str, Stored]],
        bits: Bits,
        chips: range,
        images: range,
        faults: FaultLosses,
    ) -> OnChips:
        from archsim.numerics.faults.cells import FaultModel
        from archsim.numerics.faults.supply_sweep import SupplySweep
        from archsim.undervolting import storage_of, supply_of

        sweep = SupplySweep(
            storage_of(found, self.twins.products),
            [supply_of(found)],
            FaultModel(faults.kind),
            chips=len(chips),
            first_chip=chips.start,
            seed=self.settings.seed,
        )
        without, hardware = self.twins.with_bit_errors(bits, sweep, images)
        return OnChips(hardware, chips, without)

    def _widest(self, space: BitSpace) -> dict[str, Precision]:
        """The most bits of every layer that the twin computes in whole numbers."""
        products = self.twins.products
        widest = {layer.name: layer.precision for layer in space.widest.layers if layer.name in products}
        missing = [name for name in products if name not in widest]
        if missing:
            raise InputError(
                f"the model computes layer {missing[0]!r}, which {space.workload.name} does not have"
            )
        return widest

    def _measured(
        self,
        wanted: Sequence[tuple[Crossbar | None, Bits]],
        workers: int,
        on_measured: Callable[[int, int], None],
    ) -> list[float]:
        """The error of every twin, in order; by threads, as onnxruntime computes outside Python."""
        stop = threading.Event()

        def check() -> None:
            if stop.is_set():
                raise CancelledError

        def measure(crossbar: Crossbar | None, bits: Bits) -> float:
            return 1 - self.twins.measure(crossbar, bits, self.chips, self.images, check).mean

        with ThreadPoolExecutor(workers) as pool:
            try:
                tasks = [pool.submit(measure, *each) for each in wanted]
                for done, task in enumerate(as_completed(tasks), 1):
                    task.result()
                    on_measured(done, len(tasks))
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            return [task.result() for task in tasks]


def _narrower(space: BitSpace, widest: Bits) -> dict[Key, dict[str, Precision]]:
    """The bits of all layers, with one operand of one layer at one of its smaller widths."""
    found: dict[Key, dict[str, Precision]] = {}
    for layer, precisions in zip(space.workload.layers, space.precisions, strict=True):
        if layer.name not in widest:
            continue
        own = widest[layer.name]
        for operand in OPERANDS:
            field = f"{operand}_bits"
            for bits in sorted({getattr(p, field) for p in precisions} - {getattr(own, field)}):
                found[layer.name, operand, bits] = {**widest, layer.name: replace(own, **{field: bits})}
    return found


def _point_error(space: BitSpace, widest: float, narrower: Mapping[Key, float]) -> PointError:
    """What is measured against the widest; a layer that the twin computes in floating point adds nothing."""
    if not narrower:
        return PointError(widest, None)
    added: dict[Key, float] = {
        (layer.name, operand, bits): max(0.0, narrower.get((layer.name, operand, bits), widest) - widest)
        for layer, precisions in zip(space.workload.layers, space.precisions, strict=True)
        if layer.contraction is not None
        for operand in OPERANDS
        for bits in sorted({getattr(p, f"{operand}_bits") for p in precisions})
    }
    return PointError(widest, Sensitivity(added, "top-1 error"))
