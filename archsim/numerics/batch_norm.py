"""Batch-norm re-calibration on a chip: the channels of its convolutions get their moments back.

PIM-QAT (Jin et al. 2022, arXiv:2209.08617) runs a network on the noisy chip in training mode, so that batch
norms take the moments of what the chip makes, which absorbs gains and offsets of converters and drift. A
norm that was folded into its convolution kept what the float model has: its channels' moments on the
calibration inputs. So each channel's result is scaled and shifted, digitally, from the chip's moments to
those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from archsim.numerics.calibration import Calibration
from archsim.numerics.model_edit import with_outputs
from archsim.numerics.network import Network
from archsim.numerics.quantise import Floats
from archsim.numerics.quantised_network import QuantisedNetwork
from archsim.numerics.sessions import Session
from archsim.numerics.twin import ChannelCorrection, Chip, Hardware, build_twin
from archsim.numerics.twin_taps import Moments, Tap, batch_moment_names


def float_moments(network: Network, names: Sequence[str], calibration: Calibration) -> dict[str, Moments]:
    """Moments of the results of convolutions, by product name, in the float model."""
    results = {p.name: p.result for p in network.products if p.name in names and p.is_conv}
    session = Session(with_outputs(network.model, list(results.values())))
    runs = [
        [_batch_moments(values) for values in session.run(list(results.values()), feeds)]
        for feeds in calibration.runs()
    ]
    weights = _run_lengths(calibration)
    found = {}
    for place, name in enumerate(results):
        mean = np.average([run[place][0] for run in runs], axis=0, weights=weights)
        power = np.average([run[place][1] for run in runs], axis=0, weights=weights)
        found[name] = Moments(mean, np.maximum(power - mean**2, 0.0))
    return found


def _batch_moments(values: Floats) -> tuple[Floats, Floats]:
    """Mean and mean square of every channel, (1, channels, 1, …)."""
    wide = values.astype(np.float64)
    axes = tuple(axis for axis in range(wide.ndim) if axis != 1)
    return wide.mean(axes, keepdims=True), (wide**2).mean(axes, keepdims=True)


def _run_lengths(calibration: Calibration) -> list[int]:
    starts = range(0, calibration.images, calibration.batch)
    return [min(calibration.batch, calibration.images - start) for start in starts]


def recalibrated(
    quantised: QuantisedNetwork,
    hardware: Hardware,
    chip: Chip,
    references: Mapping[str, Moments],
    calibration: Calibration,
) -> Hardware:
    """The hardware with the corrections of one chip, from one pass over the calibration inputs."""
    session = Session(build_twin(quantised, hardware, chip, Tap(references=references)))
    wanted = [name for product in references for name in batch_moment_names(product)]
    runs = [session.run(wanted, feeds) for feeds in calibration.runs()]
    averages: list[Floats] = [np.mean([run[place] for run in runs], axis=0) for place in range(len(wanted))]
    corrections = {}
    for place, (name, reference) in enumerate(references.items()):
        chips = Moments(*(moment.astype(np.float64) for moment in averages[2 * place : 2 * place + 2]))
        gain = (reference.deviation / chips.deviation).reshape(-1)
        offset = reference.mean.reshape(-1) - gain * chips.mean.reshape(-1)
        corrections[name] = ChannelCorrection(gain, offset)
    return replace(hardware, corrections=corrections)
