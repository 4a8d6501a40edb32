"""Layer by layer: how far results are off, and what the converters do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from archsim.numerics.accuracy_report import LayerAccuracy, OnArrays
from archsim.numerics.array_product import array_product
from archsim.numerics.calibration import Calibration
from archsim.numerics.model_edit import with_outputs
from archsim.numerics.quantised_network import QuantisedNetwork, QuantisedProduct
from archsim.numerics.range_calibration import without_errors
from archsim.numerics.sessions import Session
from archsim.numerics.twin import Chip, Hardware, build_twin
from archsim.numerics.twin_taps import STATISTICS, Tap, statistic_name

_IMAGES = 64  # items that statistics are taken on, at most


def layer_statistics(
    quantised: QuantisedNetwork, hardware: Hardware, chip: Chip, inputs: Calibration
) -> tuple[LayerAccuracy, ...]:
    """Every product of the network on one chip, from the first items of `inputs`."""
    images = max(inputs.batch, min(_IMAGES, inputs.images) // inputs.batch * inputs.batch)
    few = replace(inputs, images=min(images, inputs.images))
    results = [p.product.result for p in quantised.products]
    models = [quantised.network.model, build_twin(quantised), build_twin(quantised, hardware, chip)]
    sessions = [Session(with_outputs(model, results)) for model in models]
    signal, errors = np.zeros(len(results)), np.zeros((2, len(results)))
    for feeds in few.runs():
        exact, *others = [session.run(results, feeds) for session in sessions]
        signal += [_power(values) for values in exact]
        errors += [[_power(a - b) for a, b in zip(made, exact, strict=True)] for made in others]
    on_arrays = _on_arrays(quantised, hardware, chip, few) if hardware.crossbars else {}
    return tuple(
        LayerAccuracy(
            name=p.product.name,
            operator=p.product.node.op,
            weight_bits=p.weight_bits,
            activation_bits=p.activation_bits,
            quantized_sqnr_db=_decibel(signal[place], errors[0, place]),
            hardware_sqnr_db=_decibel(signal[place], errors[1, place]),
            arrays=on_arrays.get(p.product.name),
        )
        for place, p in enumerate(quantised.products)
    )


def _on_arrays(
    quantised: QuantisedNetwork, hardware: Hardware, chip: Chip, inputs: Calibration
) -> dict[str, OnArrays]:
    """By product on a crossbar: means over the runs."""
    session = Session(build_twin(quantised, hardware, chip, Tap(statistics=True)))
    names = [statistic_name(product, each) for product in hardware.crossbars for each in STATISTICS]
    means = np.mean([session.run(names, feeds) for feeds in inputs.runs()], axis=0, dtype=np.float64)
    rows = dict(zip(hardware.crossbars, means.reshape(-1, len(STATISTICS)).tolist(), strict=True))
    return {
        p.product.name: _statistics(p, hardware, dict(zip(STATISTICS, rows[p.product.name], strict=True)))
        for p in quantised.products
        if p.product.name in rows
    }


def _statistics(quantised: QuantisedProduct, hardware: Hardware, measured: Mapping[str, float]) -> OnArrays:
    name = quantised.product.name
    crossbar, steps = hardware.crossbars[name], hardware.steps[name]
    array = array_product(quantised, without_errors(crossbar), Chip().layer(0))
    reach = steps.of_conversion() * crossbar.converter.steps(array.signed)
    tells_apart = (steps.of_conversion() == 1).all() and not crossbar.converter.rises(array.signed)
    return OnArrays(
        sqnr_db=_decibel(measured["power"] - measured["mean"] ** 2, measured["error"]),
        row_groups=len(array.groups),
        conversions_per_output=len(array.groups) * array.slices.conversions * array.input_slices,
        adc_bits=crossbar.converter.bits,
        adc_lsb=steps.lsb,
        lossless=bool(tells_apart and (reach >= array.largest_sums()).all()),
        clipped=measured["clipped"],
    )


def _power(values: np.ndarray) -> float:
    return float((values.astype(np.float64) ** 2).sum())


def _decibel(signal: float, error: float) -> float | None:
    """10 · log10(signal / error); None without an error or a signal."""
    return 10 * float(np.log10(signal / error)) if signal > 0 and error > 0 else None
