"""`accuracy` and `twin`: a trained ONNX model as an accelerator computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from archsim.accelerators.crossbar.machine import CrossbarMachine
from archsim.accelerators.crossbar.spec import numeric_parameters
from archsim.accelerators.library import load_accelerator
from archsim.errors import InputError
from archsim.numerics.accuracy import AccuracyOptions, Progress, measure_accuracy, ready_hardware
from archsim.numerics.accuracy_report import Accuracy
from archsim.numerics.activity import activities
from archsim.numerics.calibration import Arrays, calibration_for, read_arrays
from archsim.numerics.chips import run_items
from archsim.numerics.crossbar import Cells, Converter, Crossbar
from archsim.numerics.faults.cells import FaultModel
from archsim.numerics.labelled import LABELS, labelled_for
from archsim.numerics.layer_bits import bits_by_layer
from archsim.numerics.network import read_network
from archsim.numerics.quantise import Fit
from archsim.numerics.quantised_network import QuantisedNetwork, quantise_network
from archsim.numerics.twin import Chip, build_twin
from archsim.numerics.twin_accuracy import TwinAccuracy
from archsim.workloads.library import load_workload, model_file
from archsim.workloads.precision import Precision
from archsim.workloads.shipped_data import shipped_data

if TYPE_CHECKING:
    import onnx

    from archsim.accelerators.machine import Machine
    from archsim.numerics.faults.ber_sensitivity import BerSensitivity
    from archsim.numerics.faults.supply_sweep import SupplySweep
    from archsim.undervolting import Undervolting
    from archsim.workloads.workload import Workload

Accelerator = str | Path | Mapping[str, Any]
Widths = str | Precision | Callable[[str], Precision] | Mapping[str, str | Precision]
Data = str | Path | Arrays
_DEFAULT = "w8a8"
_CALIBRATION_ITEMS = 64  # taken from the test data, at most, where there are no others


def accuracy(
    model: str | Path,
    on: Accelerator | None = None,
    *,
    data: Data | None = None,
    calibration: Data | None = None,
    bits: Widths | None = None,
    chips: int = 20,
    seed: int = 0,
    images: int | None = None,
    adc_bits: Sequence[int] = (),
    fit: Fit = "least_squares",
    batch_norm: bool = False,
    causes: bool = True,
    undervolting: Undervolting | None = None,
    progress: Progress = lambda _done, _all: None,
) -> Accuracy:
    """Accuracy of a classifier in floating point, in whole numbers, and on the chips of an accelerator.

    `model`: a library name (`digits-cnn`) or an ONNX file. `on`: an accelerator by name, path or content;
    other than crossbars all compute whole numbers exactly. `data`: a .npz file or arrays, by input, and
    `labels`; `calibration` the same without labels. A library model has both of its own; for any other the
    first of the data calibrate (a tenth, at most 64), and the rest are judged on. `bits`: `w8a8`, precisions
    by layer (`{"conv*": "w4a8", "first": "w8a8"}`), or a function from a layer's name to its precision;
    default: what the accelerator is built for, else w8a8.
    `adc_bits`: repeat the chips at these resolutions. `batch_norm`: re-calibrate every chip, and tell the
    gain. `undervolting`: also on chips whose memories are below their safe voltage. Raises InputError for
    whatever does not fit.
    """
    file = model_file(model)
    machine = None if on is None else load_accelerator(dict(on) if isinstance(on, Mapping) else on)
    options = AccuracyOptions(
        chips=chips, seed=seed, images=images, adc_bits=tuple(adc_bits), weight_fit=fit, activation_fit=fit,
        batch_norm=batch_norm, causes=causes,
    )  # fmt: skip
    test, inputs = _data(file, data, calibration)
    precision, crossbar = _precision(bits, machine, file), crossbar_of(machine)
    if crossbar is None and (adc_bits or batch_norm):
        what = "adc_bits (--adc-bits) are" if adc_bits else "batch_norm (--batch-norm) is"
        where = "no accelerator (--on) is given" if machine is None else f"{machine.name} computes exactly"
        raise InputError(f"{what} of crossbars with converters, and {where}; leave it out")
    if undervolting is not None and crossbar is not None:
        raise InputError(
            f"{machine and machine.name} keeps its weights in the cells of arrays, not in an SRAM whose "
            "voltage could be set; bit error rates (--ber) go without an accelerator (--on)"
        )
    found = measure_accuracy(
        file,
        test,
        inputs,
        precision,
        crossbar,
        options,
        accelerator=None if machine is None else machine.name,
        sweep=_supply_sweep(undervolting, on, file, precision, options),
        progress=progress,
    )
    return found if undervolting is not None else _with_left_out(found, machine)


def ber_sensitivity(
    model: str | Path,
    ber: Sequence[float],
    *,
    data: Data | None = None,
    calibration: Data | None = None,
    bits: Widths = _DEFAULT,
    faults: Literal["stuck", "flip"] = "stuck",
    chips: int = 10,
    seed: int = 0,
    images: int | None = None,
    fit: Fit = "least_squares",
    progress: Progress = lambda _done, _all: None,
) -> BerSensitivity:
    """What each of these shares of faulty cells under the weights of one layer alone costs in accuracy.

    `images`: so many of the first; default: the first half, so that the other half can verify what a search
    makes of it. Other arguments as of `accuracy`. Raises InputError for whatever does not fit.
    """
    from archsim.numerics.faults.ber_sensitivity import measure_ber_sensitivity

    file = model_file(model)
    network = read_network(file)
    given, inputs = _data(file, data, calibration)
    calibrating = calibration_for(network.model, inputs)
    test = labelled_for(network.model, given, images)
    if images is None:
        run = run_items(network, test)
        test = test.part(range(len(test) // 2 // run * run or len(test)))
    quantised = quantise_network(
        network, calibrating, _precision(bits, None, file), weight_fit=fit, activation_fit=fit
    )
    return measure_ber_sensitivity(
        quantised, ber, test, calibrating, model=FaultModel(faults), chips=chips, seed=seed, progress=progress
    )


def _with_left_out(found: Accuracy, machine: Machine | None) -> Accuracy:
    """With a warning of bit errors that the machine would have."""
    from archsim.undervolting import left_out

    return replace(found, warnings=(*found.warnings, *([] if machine is None else left_out(machine))))


def _supply_sweep(
    asked: Undervolting | None,
    on: Accelerator | None,
    file: Path,
    precision: Precision | Callable[[str], Precision],
    options: AccuracyOptions,
) -> Callable[[QuantisedNetwork], SupplySweep] | None:
    if asked is None:
        return None
    from archsim.undervolting import supply_sweep

    return supply_sweep(asked, on, file, precision, chips=options.chips, seed=options.seed)


def twin(
    model: str | Path,
    on: Accelerator | None = None,
    *,
    calibration: Data | None = None,
    bits: Widths | None = None,
    chip: int = 0,
    seed: int = 0,
    fit: Fit = "least_squares",
) -> onnx.ModelProto:
    """The model as chip number `chip` computes it, in standard ONNX operators; arguments as of `accuracy`."""
    file = model_file(model)
    machine = None if on is None else load_accelerator(dict(on) if isinstance(on, Mapping) else on)
    quantised, hardware = ready_hardware(
        file,
        calibration or shipped_data(file, "calibration"),
        _precision(bits, machine, file),
        crossbar_of(machine),
        fit,
    )
    return build_twin(quantised, hardware, Chip(chip, seed))


def with_activity(
    model: str | Path,
    on: Accelerator,
    *,
    calibration: Data | None = None,
    bits: Widths | None = None,
    fit: Fit = "least_squares",
) -> Workload:
    """A trained model's workload with the densities of its own numbers, as the cells and converters of a
    crossbar meet them: mean digits over those of random data. For `simulate` on the same crossbar.

    Arguments as of `accuracy`. Raises InputError for another accelerator, whose energy has no use for it.
    """
    file = model_file(model)
    machine = load_accelerator(dict(on) if isinstance(on, Mapping) else on)
    if not isinstance(machine, CrossbarMachine):
        raise InputError(f"{machine.name} is no crossbar: what its data are does not change its energy")
    precision = _precision(bits, machine, file)
    network = read_network(file)
    inputs = calibration_for(network.model, calibration or shipped_data(file, "calibration"))
    quantised = quantise_network(network, inputs, precision, weight_fit=fit, activation_fit=fit)
    array = machine.spec.array
    crossbar = Crossbar(
        cell_bits=array.cell.bits, encoding=array.weight_encoding, dac_bits=machine.spec.dac.bits
    )
    found = activities(quantised, crossbar)
    workload = load_workload(file).with_precision(
        (lambda layer: precision(layer.name)) if callable(precision) else precision
    )
    layers = [
        replace(layer, activation_density=found[layer.name].inputs, weight_density=found[layer.name].weights)
        if layer.name in found
        else layer
        for layer in workload.layers
    ]
    return replace(workload, layers=tuple(layers))


def twin_accuracy(
    model: str | Path,
    *,
    data: Data | None = None,
    calibration: Data | None = None,
    seed: int = 0,
    batch_norm: bool = False,
) -> TwinAccuracy:
    """What measures a model's accuracy on one machine after another; arguments as of `accuracy`."""
    file = model_file(model)
    test, inputs = _data(file, data, calibration)
    return TwinAccuracy(file, test, inputs, seed=seed, batch_norm=batch_norm)


def crossbar_of(machine: Machine | None) -> Crossbar | None:
    """What the twin reads of an accelerator; None where products are computed exactly."""
    if not isinstance(machine, CrossbarMachine) or machine.spec.adc is None:
        return None
    given = numeric_parameters(machine.spec)
    renamed = {"bits": given["adc_bits"], "columns": given["adc_columns"]}
    converter = Converter(**renamed, **_fields(Converter, given, renamed))
    wires = {"wire_to_on": float(given["wire_ohm"] or 0) / float(given["on_ohm"] or 1)}
    cells = Cells(**wires, **_fields(Cells, given, wires))
    parts = {
        "encoding": given["weight_encoding"],
        "row_order": "kernel" if given["row_order"] == "any" else given["row_order"],
        "converter": converter,
        "cells": cells,
    }
    return Crossbar(**parts, **_fields(Crossbar, given, parts))


def _fields(kind: type, given: Mapping[str, Any], done: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that have the same name on both sides."""
    return {name: given[name] for name in kind.__dataclass_fields__ if name in given and name not in done}


def _precision(
    bits: Widths | None, machine: Machine | None, file: Path
) -> Precision | Callable[[str], Precision]:
    default = Precision.parse(_DEFAULT) if machine is None else machine.precision
    if isinstance(bits, Mapping):
        layers = [product.name for product in read_network(file).products]
        return bits_by_layer(bits, layers, lambda _name: default)
    if bits is None:
        return default
    return Precision.parse(bits) if isinstance(bits, str) else bits


def _data(file: Path, data: Data | None, calibration: Data | None) -> tuple[Data, Data]:
    """(test data, calibration inputs), which share no item unless both were given."""
    test = shipped_data(file, "test") if data is None else data
    if calibration is not None:
        return test, calibration
    try:
        return test, shipped_data(file, "calibration")
    except InputError:
        arrays = read_arrays(test)
    items = len(arrays.get(LABELS, ()))
    held = min(_CALIBRATION_ITEMS, items // 10)
    if not held:
        raise InputError(
            f"{items} labelled items are too few to calibrate on some of them; give calibration inputs"
        )
    whole = {name: values for name, values in arrays.items() if len(np.atleast_1d(values)) != items}
    first = {name: values[:held] for name, values in arrays.items() if name not in (*whole, LABELS)}
    rest = {name: values[held:] for name, values in arrays.items() if name not in whole}
    return {**rest, **whole}, {**first, **whole}
