"""L1 norms of a model's weights as whole numbers: they bound the sums that an accumulator has to hold."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from archsim.errors import InputError
from archsim.numerics.channels import symmetric
from archsim.numerics.onnx_operands import OnnxOperands
from archsim.numerics.quantise import Floats
from archsim.workloads.layer import Layer
from archsim.workloads.workload import Workload


def weight_norm(workload: Workload) -> Callable[[Layer, int], int | None]:
    """The largest L1 norm of a layer's outputs at a width of its weights; None for a layer without weights.

    Whole numbers that the model stores count as they are where they fit the width; other weights are
    quantised as the hardware twin does, with a scale for each output (`archsim.numerics.quantise`).
    Raises InputError for a workload that was not read from an ONNX model.
    """
    if workload.model is None:
        raise InputError(
            f"accumulator: weights: {workload.name} is a list of layers without weights; "
            "give an .onnx model, or accumulator: data_types"
        )
    return _norms(workload.model, workload.model.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _norms(model: Path, written_ns: int) -> Callable[[Layer, int], int | None]:
    """Of the file as it was written then."""
    operands = OnnxOperands(model)
    known: dict[tuple[str, int], int | None] = {}

    def norm(layer: Layer, bits: int) -> int | None:
        if (layer.name, bits) not in known:
            known[layer.name, bits] = _largest_norm(operands, layer, bits)
        return known[layer.name, bits]

    return norm


def _largest_norm(operands: OnnxOperands, layer: Layer, bits: int) -> int | None:
    place = operands.weight(layer)
    if place is None:
        return None
    stored = operands.whole_numbers(place.slot)
    if stored is not None and _fits(stored, bits):
        rows = place.rows(stored)
    else:
        values = place.rows(operands.tensor(place.slot))
        rows = symmetric(values, bits, channel_axis=0).codes(values)
    sums = np.abs(rows.reshape(len(rows), -1)).sum(axis=1, dtype=np.float64)
    return round(float(sums.max()))


def _fits(stored: Floats, bits: int) -> bool:
    """In two's complement; one bit is -1 or 1."""
    if bits == 1:
        return bool(np.isin(stored, (-1, 1)).all())
    return bool(stored.min() >= -(2 ** (bits - 1)) and stored.max() < 2 ** (bits - 1))
