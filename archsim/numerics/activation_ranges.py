"""Quantisers for activations, from the values that they take on calibration inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archsim.errors import InputError
from archsim.numerics.calibration import Calibration
from archsim.numerics.onnx_operands import Slot
from archsim.numerics.perturbable import PerturbableModel
from archsim.numerics.quantise import Fit, Floats, Quantiser, asymmetric

_SAMPLE = 65_536  # values of an activation that its scale is fitted on


@dataclass(frozen=True, slots=True)
class Observed:
    """The smallest and largest value of an activation (zero included), and evenly spaced values of it."""

    span: tuple[float, float]
    sample: Floats


def observe(session: PerturbableModel, calibration: Calibration, count: int) -> list[Observed]:
    """What the `count` activations that `session` watches do on the calibration inputs.

    Raises InputError for values that are not finite.
    """
    per_run = max(1, _SAMPLE * calibration.batch // calibration.images)
    spans = np.zeros((count, 2))
    samples: list[list[Floats]] = [[] for _ in range(count)]
    for feeds in calibration.runs():
        for place, values in enumerate(session.watch(feeds)):
            flat = values.reshape(-1)
            samples[place].append(flat[:: max(1, flat.size // per_run)].astype(np.float32))
            low, high = spans[place]
            spans[place] = flat.min(initial=low), flat.max(initial=high)
    if not np.isfinite(spans).all():
        raise InputError("an activation is not finite on the calibration inputs; check their scale")
    return [
        Observed((low, high), np.concatenate(kept))
        for kept, (low, high) in zip(samples, spans.tolist(), strict=True)
    ]


def activation_quantisers(
    session: PerturbableModel,
    calibration: Calibration,
    slots: Sequence[Slot],
    widths: Mapping[Slot, Sequence[int]],
    fit: Fit = "least_squares",
) -> dict[tuple[Slot, int], Quantiser]:
    """A quantiser for every activation at every width that is asked for."""
    if not slots:
        return {}
    found: dict[tuple[Slot, int], Quantiser] = {}
    for slot, seen in zip(slots, observe(session, calibration, len(slots)), strict=True):
        found |= {
            (slot, bits): asymmetric(seen.sample, bits, fit=fit, span=seen.span) for bits in widths[slot]
        }
    return found
