"""What an accuracy measurement says, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from archsim.atomic import whole_file
from archsim.numerics.faults.fault_report import LowVoltage

SCHEMA = "archsim.accuracy/1"


@dataclass(frozen=True, slots=True)
class Spread:
    """Accuracies of several chips, as shares of 1; `std` is that of the sample (0 for one chip)."""

    mean: float
    std: float
    worst: float
    best: float

    @classmethod
    def of(cls, accuracies: Sequence[float]) -> Spread:
        values = np.asarray(accuracies, np.float64)
        std = float(values.std(ddof=1)) if len(values) > 1 else 0.0
        return cls(float(values.mean()), std, float(values.min()), float(values.max()))


@dataclass(frozen=True, slots=True)
class Cause:
    """Accuracy with one cause of error alone, and what it costs against the quantised model without it.

    For `quantization` that is against the float model.
    """

    cause: str
    accuracy: Spread
    loss: float


@dataclass(frozen=True, slots=True)
class OnArrays:
    """What converters do to one product: `sqnr_db` is the variance of its exact result over the error added.

    `lossless`: the ADC tells every possible sum apart; `clipped`: the share of conversions that it cut off.
    """

    sqnr_db: float | None
    row_groups: int
    conversions_per_output: int
    adc_bits: int
    adc_lsb: float
    lossless: bool
    clipped: float


@dataclass(frozen=True, slots=True)
class LayerAccuracy:
    """One matrix product. SQNR: signal power over error power in dB, None where there is no error.

    `quantized_sqnr_db`, `hardware_sqnr_db`: the layer's result against the float model's, all errors of the
    layers before it included. `arrays` is None for a product that is computed exactly.
    """

    name: str
    operator: str
    weight_bits: int
    activation_bits: int
    quantized_sqnr_db: float | None
    hardware_sqnr_db: float | None
    arrays: OnArrays | None


@dataclass(frozen=True, slots=True)
class AdcPoint:
    adc_bits: int
    hardware: Spread


@dataclass(frozen=True, slots=True)
class BatchNormGain:
    """Accuracy of the same chips with and without re-calibration; `gain` is the difference of the means."""

    without: Spread
    gain: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Accuracies are shares of 1. `hardware` is over `chips` chips, `per_chip` in their order.

    `low_voltage`: the same with memories below their safe voltage, at several voltages.
    """

    model: str
    accelerator: str | None
    images: int
    calibration_images: int
    chips: int
    seed: int
    float: float
    quantized: float
    hardware: Spread
    per_chip: tuple[float, ...]
    causes: tuple[Cause, ...]
    layers: tuple[LayerAccuracy, ...]
    adc_sweep: tuple[AdcPoint, ...] = ()
    batch_norm: BatchNormGain | None = None
    low_voltage: LowVoltage | None = None
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, object]:
        """The content of the JSON: see docs/accuracy.md."""
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self, path: str | Path) -> None:
        """Write the JSON whole or not at all."""
        with whole_file(path) as file:
            file.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")
