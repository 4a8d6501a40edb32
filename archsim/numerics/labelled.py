"""Inputs with their classes: what accuracy is measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.calibration import Arrays, Calibration, calibration_for, read_arrays

LABELS = "labels"


@dataclass(frozen=True, eq=False)
class Labelled:
    """`inputs` in runs of some items, and the class of every item (whole numbers from 0)."""

    inputs: Calibration
    labels: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, items: range) -> Labelled:
        """Some neighbouring items, in runs as before."""
        inputs, own = self.inputs, slice(items.start, items.stop)
        batched = {name: values[own] for name, values in inputs.batched.items()}
        return Labelled(replace(inputs, batched=batched, images=len(items)), self.labels[own])


def labelled_for(model: onnx.ModelProto, source: Path | str | Arrays, images: int | None = None) -> Labelled:
    """`source` for the inputs of `model`: a .npz file, or arrays by name; `labels` are the classes.

    At most the first `images` items. Raises InputError for arrays that do not fit the model, and labels that
    are missing, no whole numbers, or of another length.
    """
    arrays = dict(read_arrays(source))
    if LABELS not in arrays:
        told = ", ".join(name or "one without a name" for name in arrays)
        raise InputError(
            f"the test data have no array {LABELS!r} with the class of every item (found: {told})"
        )
    labels = arrays.pop(LABELS)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        shape = "×".join(map(str, labels.shape))
        raise InputError(f"{LABELS} are {labels.dtype} of shape {shape}; one whole number an item is needed")
    inputs = calibration_for(model, arrays, images)
    if len(labels) < inputs.images or (images is None and len(labels) != inputs.images):
        raise InputError(f"there are {len(labels)} labels for {inputs.images} items")
    return Labelled(inputs, labels[: inputs.images].astype(np.int64))
