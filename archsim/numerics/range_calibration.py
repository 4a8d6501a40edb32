"""ADC steps from the sums that occur on calibration inputs.

The network runs on ideal arrays, so the sums are those of the whole numbers. All arrays of a layer share
their ranges; each column of a weight has its own, a power of two from the others'
(`archsim.numerics.full_scale`).

`calibrated` ranges have the least squared error of a layer's result, not of single conversions: rounding
errors average out over slices and columns, clipping errors do not. Each range is the one of least squared
error of its own conversions times a factor, the best of a few for the layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from archsim.numerics.array_product import ArrayProduct, Steps, array_product
from archsim.numerics.calibration import Calibration
from archsim.numerics.crossbar import Cells, Converter, Crossbar
from archsim.numerics.full_scale import full_scale_of, steps_for
from archsim.numerics.quantise import Floats
from archsim.numerics.quantised_network import QuantisedNetwork
from archsim.numerics.sessions import Session
from archsim.numerics.twin import Chip, Hardware, build_twin, worst_case_steps
from archsim.numerics.twin_taps import Tap, statistic_name, sums_name

_SAMPLE = 4_096  # sums of a conversion that its range is fitted on
_FACTORS = (1.0, 1.2, 1.4, 1.7, 2.0, 2.8, 4.0, 1e9)  # the last one: up to the largest sum that was seen
_FIT_IMAGES = 32  # calibration items that factors are compared on


@dataclass(frozen=True, eq=False)
class ConvertedSums:
    """What the ADCs of one product convert: the largest magnitude and a sample of every conversion's sums."""

    array: ArrayProduct
    largest: NDArray[np.float64]
    samples: tuple[Floats, ...]

    def full_scales(self, converter: Converter) -> NDArray[np.float64]:
        """The range that such converters have for every conversion."""
        if converter.full_scale == "worst_case":
            return self.array.largest_sums().astype(np.float64)
        pairs = zip(self.samples, self.largest, strict=True)
        return np.array(
            [full_scale_of(s, float(largest), converter, self.array.signed) for s, largest in pairs]
        )


def adc_steps(
    quantised: QuantisedNetwork,
    crossbars: Mapping[str, Crossbar],
    sums: Mapping[str, ConvertedSums],
    calibration: Calibration,
) -> dict[str, Steps]:
    """The steps of every product on a crossbar, by name."""
    ranges = {name: sums[name].full_scales(crossbar.converter) for name, crossbar in crossbars.items()}

    def steps_of(name: str, full_scales: NDArray[np.float64]) -> Steps:
        return steps_for(full_scales, crossbars[name].converter, sums[name].array.signed)

    steps = {name: steps_of(name, found) for name, found in ranges.items()}
    fitted = [name for name, c in crossbars.items() if c.converter.full_scale == "calibrated"]
    images = min(_FIT_IMAGES, calibration.images) // calibration.batch * calibration.batch
    few = replace(calibration, images=images or calibration.images)
    least = dict.fromkeys(fitted, float("inf"))
    for factor in _FACTORS if fitted else ():
        tried = steps | {
            name: steps_of(name, np.minimum(ranges[name] * factor, sums[name].largest)) for name in fitted
        }
        errors = _result_errors(quantised, crossbars, tried, few)
        for name in fitted:
            if errors[name] < least[name]:
                least[name], steps[name] = errors[name], tried[name]
    return steps


def _result_errors(
    quantised: QuantisedNetwork,
    crossbars: Mapping[str, Crossbar],
    steps: Mapping[str, Steps],
    calibration: Calibration,
) -> dict[str, float]:
    """Squared error of every product's result on ideal arrays, against the exact product of its inputs."""
    exact = {name: without_errors(crossbar) for name, crossbar in crossbars.items()}
    session = Session(build_twin(quantised, Hardware(exact, steps), Chip(), Tap(statistics=True)))
    names = [statistic_name(name, "error") for name in crossbars]
    totals = sum(np.array(session.run(names, feeds)) for feeds in calibration.runs())
    return dict(zip(crossbars, np.asarray(totals).tolist(), strict=True))


def observe_sums(
    quantised: QuantisedNetwork, crossbars: Mapping[str, Crossbar], calibration: Calibration
) -> dict[str, ConvertedSums]:
    """The sums of every product on a crossbar, by name."""
    ideal_crossbars = {name: without_errors(crossbar) for name, crossbar in crossbars.items()}
    chip = Chip()
    arrays = {
        p.product.name: array_product(p, ideal_crossbars[p.product.name], chip.layer(0))
        for p in quantised.products
        if p.product.name in crossbars
    }
    hardware = Hardware(
        ideal_crossbars, {name: worst_case_steps(a) for name, a in arrays.items()}, levels=False
    )
    session = Session(build_twin(quantised, hardware, chip, Tap(sums=True)))
    watched = {name: [sums_name(name, g) for g in range(len(array.groups))] for name, array in arrays.items()}
    largest = {name: np.zeros(array.slices.conversions) for name, array in arrays.items()}
    samples: dict[str, list[Floats]] = {name: [] for name in arrays}
    runs = -(-calibration.images // calibration.batch)
    for feeds in calibration.runs():
        made = iter(session.run([tensor for names in watched.values() for tensor in names], feeds))
        for name, tensors in watched.items():
            for _ in tensors:
                sums = _by_conversion(next(made), arrays[name])
                np.maximum(largest[name], np.abs(sums).max(axis=1), out=largest[name])
                step = max(1, sums.shape[1] * runs * len(tensors) // _SAMPLE)
                samples[name].append(sums[:, ::step].copy())
    return {
        name: ConvertedSums(array, largest[name], tuple(np.concatenate(samples[name], axis=1)))
        for name, array in arrays.items()
    }


def without_errors(crossbar: Crossbar, *, converters: bool = True, cells: bool = True) -> Crossbar:
    """The same without errors of its converters (levels and ranges stay), of its cells, or of both."""
    changed = crossbar
    if converters:
        none = dict.fromkeys(("gain_sigma", "offset_sigma_lsb", "inl_lsb", "thermal_sigma_lsb"), 0.0)
        changed = replace(changed, converter=replace(changed.converter, **none))
    return replace(changed, cells=Cells()) if cells else changed


def _by_conversion(sums: Floats, array: ArrayProduct) -> Floats:
    """(conversions, everything else) of an image whose channels are output by output."""
    split = sums.reshape(len(sums), array.outputs, array.slices.conversions, -1)
    return np.moveaxis(split, 2, 0).reshape(array.slices.conversions, -1)
