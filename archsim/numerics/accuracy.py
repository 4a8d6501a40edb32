"""Accuracy of a network: in floating point, in whole numbers, and on chips with crossbars.

Causes are switched on one at a time, each beside exact whole numbers: the range and levels of the ADCs with
the split over row groups (`adc_range`), the ADCs' own errors without rounding (`adc_noise`), the errors of
cells with ideal converters (`cell_noise`). `quantization` is the step from floating point to whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import onnx

from archsim.errors import InputError
from archsim.numerics.accuracy_report import Accuracy, AdcPoint, BatchNormGain, Cause, Spread
from archsim.numerics.array_product import Steps
from archsim.numerics.batch_norm import float_moments, recalibrated
from archsim.numerics.calibration import Arrays, Calibration, calibration_for
from archsim.numerics.chips import Build, classify, in_cache_sized_runs
from archsim.numerics.crossbar import Crossbar
from archsim.numerics.faults.supply_sweep import SupplySweep, measure_supplies
from archsim.numerics.labelled import Labelled, labelled_for
from archsim.numerics.layer_statistics import layer_statistics
from archsim.numerics.network import Network, read_network
from archsim.numerics.quantise import Fit
from archsim.numerics.quantised_network import QuantisedNetwork, quantise_network
from archsim.numerics.range_calibration import ConvertedSums, adc_steps, observe_sums, without_errors
from archsim.numerics.twin import EXACT, Chip, Hardware, build_twin
from archsim.workloads.precision import Precision

Progress = Callable[[int, int], None]
"""Called with (models classified, models in all)."""

CAUSE_CHIPS = 5  # chips that a single cause is averaged over, at most


@dataclass(frozen=True, slots=True)
class AccuracyOptions:
    """What to measure. `images`: at most so many test items. `adc_bits`: resolutions to repeat the chips at.

    `batch_norm` re-calibrates every chip (`archsim.numerics.batch_norm`); `causes` tells errors apart.
    """

    chips: int = 20
    seed: int = 0
    images: int | None = None
    adc_bits: tuple[int, ...] = ()
    weight_fit: Fit = "least_squares"
    activation_fit: Fit = "least_squares"
    batch_norm: bool = False
    causes: bool = True

    def __post_init__(self) -> None:
        if self.chips < 1:
            raise InputError(f"chips is {self.chips!r}; at least 1 is needed")


def measure_accuracy(
    model: Path,
    data: Path | str | Arrays,
    calibration: Path | str | Arrays,
    precision: Precision | Callable[[str], Precision],
    crossbar: Crossbar | None = None,
    options: AccuracyOptions | None = None,
    *,
    accelerator: str | None = None,
    sweep: Callable[[QuantisedNetwork], SupplySweep] | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Accuracy:
    """Accuracy of the ONNX classifier at `model` on `data`, with all products on `crossbar` if there is one.

    `data` has an array for every input, and `labels`; `calibration` has inputs alone, and should not share
    items with `data`. `sweep`: measure on chips below their safe voltage too. Raises InputError for whatever
    of these does not fit.
    """
    options = options or AccuracyOptions()
    network = read_network(model)
    test = labelled_for(network.model, data, options.images)
    inputs = calibration_for(network.model, calibration)
    quantised = quantise_network(
        network, inputs, precision, weight_fit=options.weight_fit, activation_fit=options.activation_fit
    )
    found = _Measurement(quantised, _all_on(network, crossbar), test, inputs, options, progress).report(
        accelerator
    )
    if sweep is None:
        return found
    return replace(found, low_voltage=measure_supplies(quantised, sweep(quantised), test, inputs, progress))


def ready_hardware(
    model: Path,
    calibration: Path | str | Arrays,
    precision: Precision | Callable[[str], Precision],
    crossbar: Crossbar | None,
    fit: Fit = "least_squares",
) -> tuple[QuantisedNetwork, Hardware]:
    """What `build_twin` needs: the quantised network, and its hardware with the ADCs' ranges set."""
    network = read_network(model)
    inputs = calibration_for(network.model, calibration)
    quantised = quantise_network(network, inputs, precision, weight_fit=fit, activation_fit=fit)
    return quantised, on_crossbars(quantised, crossbar, inputs)


def on_crossbars(quantised: QuantisedNetwork, crossbar: Crossbar | None, inputs: Calibration) -> Hardware:
    """All products on arrays alike, with the ADCs' ranges set by `inputs`; exact where there are none."""
    crossbars = _all_on(quantised.network, crossbar)
    if not crossbars:
        return EXACT
    sums = observe_sums(quantised, crossbars, inputs)
    return Hardware(crossbars, adc_steps(quantised, crossbars, sums, inputs))


def is_drawn(crossbar: Crossbar) -> bool:
    """Whether chips differ from each other, or a chip's runs."""
    return crossbar.converter.has_errors or crossbar.cells.has_errors


def _all_on(network: Network, crossbar: Crossbar | None) -> dict[str, Crossbar]:
    return {} if crossbar is None else {product.name: crossbar for product in network.products}


class _Measurement:
    """One call's data, and the models that it classifies."""

    def __init__(
        self,
        quantised: QuantisedNetwork,
        crossbars: Mapping[str, Crossbar],
        test: Labelled,
        calibration: Calibration,
        options: AccuracyOptions,
        progress: Progress,
    ) -> None:
        self._quantised = quantised
        self._crossbars = crossbars
        self._calibration = calibration
        self._options = options
        self._progress = progress
        self._done = 0
        self._test = in_cache_sized_runs(test, quantised, crossbars)
        self._sums: Mapping[str, ConvertedSums] = (
            observe_sums(quantised, crossbars, calibration) if crossbars else {}
        )
        self._steps = self._steps_of(crossbars)
        wanted = options.batch_norm and bool(crossbars)
        self._references = float_moments(quantised.network, list(crossbars), calibration) if wanted else {}

    def report(self, accelerator: str | None) -> Accuracy:
        options, network = self._options, self._quantised.network
        hardware = Hardware(self._crossbars, self._steps)
        causes = self._causes() if options.causes else {}
        sweep = [(bits, self._with_adc_bits(bits)) for bits in options.adc_bits if self._crossbars]
        groups: list[list[Build]] = [
            [lambda: network.model, partial(build_twin, self._quantised)],
            self._chips(hardware) if self._crossbars else [],
            self._chips(hardware, batch_norm=True) if self._references else [],
            *(self._chips(each)[:CAUSE_CHIPS] for each in causes.values()),
            *(self._chips(each, batch_norm=bool(self._references)) for _, each in sweep),
        ]
        (exact, quantized), *chips = self._classified(groups)
        plain, corrected, *rest = [Spread.of(found) if found else None for found in chips]
        final = corrected or plain or Spread.of([quantized])
        alone = [spread for spread in rest if spread is not None]
        return Accuracy(
            model=network.path.stem,
            accelerator=accelerator,
            images=len(self._test),
            calibration_images=self._calibration.images,
            chips=options.chips,
            seed=options.seed,
            float=exact,
            quantized=quantized,
            hardware=final,
            per_chip=tuple((chips[1] or chips[0]) if self._crossbars else [quantized]),
            causes=(
                Cause("quantization", Spread.of([quantized]), exact - quantized),
                *(Cause(c, s, quantized - s.mean) for c, s in zip(causes, alone, strict=False)),
            ),
            layers=layer_statistics(self._quantised, hardware, Chip(0, options.seed), self._test.inputs),
            adc_sweep=tuple(
                AdcPoint(bits, s) for (bits, _), s in zip(sweep, alone[len(causes) :], strict=True)
            ),
            batch_norm=BatchNormGain(plain, corrected.mean - plain.mean) if plain and corrected else None,
            warnings=self._warnings(),
        )

    def _steps_of(self, crossbars: Mapping[str, Crossbar]) -> dict[str, Steps]:
        return adc_steps(self._quantised, crossbars, self._sums, self._calibration)

    def _causes(self) -> dict[str, Hardware]:
        """Hardware with one cause of error each; those that the crossbar does not have are left out."""
        crossbars = self._crossbars.values()
        wanted = {
            "adc_range": (bool(crossbars), True, {}),
            "adc_noise": (any(c.converter.has_errors for c in crossbars), False, {"converters": False}),
            "cell_noise": (any(c.cells.has_errors for c in crossbars), False, {"cells": False}),
        }
        return {
            cause: Hardware(
                {name: without_errors(c, **kept) for name, c in self._crossbars.items()},
                self._steps,
                levels=levels,
            )
            for cause, (present, levels, kept) in wanted.items()
            if present
        }

    def _with_adc_bits(self, bits: int) -> Hardware:
        crossbars = {
            name: replace(c, converter=replace(c.converter, bits=bits)) for name, c in self._crossbars.items()
        }
        return Hardware(crossbars, self._steps_of(crossbars))

    def _chips(self, hardware: Hardware, *, batch_norm: bool = False) -> list[Build]:
        """A model for every chip; a single one where nothing is drawn."""
        drawn = any(map(is_drawn, hardware.crossbars.values()))
        count = self._options.chips if drawn else 1
        return [partial(self._chip, hardware, Chip(n, self._options.seed), batch_norm) for n in range(count)]

    def _chip(self, hardware: Hardware, chip: Chip, batch_norm: bool) -> onnx.ModelProto:
        if batch_norm:
            hardware = recalibrated(self._quantised, hardware, chip, self._references, self._calibration)
        return build_twin(self._quantised, hardware, chip)

    def _classified(self, groups: Sequence[Sequence[Build]]) -> list[list[float]]:
        builds = [build for group in groups for build in group]

        def done() -> None:
            self._done += 1
            self._progress(self._done, len(builds))

        found = iter(classify(builds, self._test, done))
        return [[next(found) for _ in group] for group in groups]

    def _warnings(self) -> tuple[str, ...]:
        told = []
        if self._quantised.network.digital:
            names = ", ".join(self._quantised.network.digital)
            told.append(f"computed in floating point, having no stored weight matrix: {names}")
        rounded = [p.product.name for p in self._quantised.products if not p.stays_whole]
        if rounded:
            told.append(f"sums may pass 2^24, where float32 rounds them: {', '.join(rounded)}")
        return tuple(told)
