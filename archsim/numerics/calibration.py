"""Calibration inputs: a few inputs of the network, from a file or from arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from archsim.errors import InputError
from archsim.numerics.numpy_files import read_numpy
from archsim.workloads.onnx_import.input_dims import network_inputs

Arrays = Mapping[str, NDArray[np.generic]]
_OPEN_BATCH = 8  # items of a run where the model leaves the batch open
_MAX_RANK_WHOLE = 1  # inputs of at most this rank (a sampling rate, a length) are the same in every run


@dataclass(frozen=True)
class Calibration:
    """Inputs by name, and how many items a run takes.

    Arrays in `whole` go into every run as they are, those in `batched` in slices of `batch` along axis 0.
    """

    batched: Arrays
    whole: Arrays
    batch: int
    images: int

    def runs(self) -> Iterator[dict[str, NDArray[np.generic]]]:
        """The feeds of one run after the other, in order."""
        for start in range(0, self.images, self.batch):
            part = slice(start, start + self.batch)
            yield {**self.whole, **{name: values[part] for name, values in self.batched.items()}}


def read_arrays(source: Path | str | Arrays) -> Arrays:
    """Arrays by input name from a .npz file; a .npy file (one input) has the empty name.

    Raises InputError for a file that is neither, or that holds Python objects.
    """
    if isinstance(source, Mapping):
        return {name: np.asarray(values) for name, values in source.items()}
    path = Path(source).expanduser()
    if path.suffix.lower() not in (".npz", ".npy"):
        raise InputError(
            f"{path}: inputs are a .npz file with an array for every input of the model, "
            "or a .npy file for a model with one input"
        )
    return read_numpy(path)


def calibration_for(
    model: onnx.ModelProto, source: Path | str | Arrays, images: int | None = None
) -> Calibration:
    """`source` cut for the inputs of `model`; at most the first `images` items.

    Raises InputError for an input without an array, an array without an input, and shapes that do not fit.
    """
    arrays = _named(model, read_arrays(source))
    batched: dict[str, NDArray[np.generic]] = {}
    whole: dict[str, NDArray[np.generic]] = {}
    declared = set()
    for value in network_inputs(model.graph):
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        values = _typed(value, arrays[value.name])
        _check_shape(value.name, shape, values)
        (whole if len(shape) <= _MAX_RANK_WHOLE else batched)[value.name] = values
        declared |= {shape[0]} if len(shape) > _MAX_RANK_WHOLE else set()
    counts = {name: len(values) for name, values in batched.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise InputError(f"the calibration arrays hold different numbers of items ({told})")
    found = next(iter(counts.values()), 1)
    taken = found if images is None else min(images, found)
    batch = max(declared, default=1) or min(_OPEN_BATCH, taken)
    if taken < 1 or taken % batch:
        if max(declared, default=0):
            raise InputError(
                f"{taken} calibration items cannot be cut into batches of {batch}, which the model fixes; "
                "give a multiple of it"
            )
        if taken < 1:
            raise InputError("the calibration arrays hold no item; at least 1 is needed")
    return Calibration({name: values[:taken] for name, values in batched.items()}, whole, batch, taken)


def _named(model: onnx.ModelProto, arrays: Arrays) -> Arrays:
    """Arrays under the names of the inputs; a single array belongs to a single input."""
    names = [value.name for value in network_inputs(model.graph)]
    if len(names) == 1 and len(arrays) == 1:
        return {names[0]: next(iter(arrays.values()))}
    missing = [name for name in names if name not in arrays]
    unknown = [name or "the .npy file" for name in arrays if name not in names]
    if missing or unknown:
        raise InputError(
            f"calibration arrays and model inputs differ: {_told('no array for', missing)}"
            f"{_told('no input for', unknown)}the model's inputs are {', '.join(names)}"
        )
    return arrays


def _told(what: str, names: list[str]) -> str:
    return f"{what} {', '.join(names)}; " if names else ""


def _typed(value: onnx.ValueInfoProto, values: NDArray[np.generic]) -> NDArray[np.generic]:
    wanted = helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    if values.dtype == wanted:
        return values
    numeric = np.issubdtype(values.dtype, np.number) or values.dtype == np.bool_
    narrows = np.issubdtype(values.dtype, np.inexact) and not np.issubdtype(wanted, np.inexact)
    if not numeric or narrows:
        raise InputError(f"calibration array for {value.name!r} is {values.dtype}; the model reads {wanted}")
    return values.astype(wanted)


def _check_shape(name: str, declared: list[int], values: NDArray[np.generic]) -> None:
    fixed = zip(declared[1:], values.shape[1:], strict=False)
    if len(declared) != values.ndim or any(size not in (0, have) for size, have in fixed):
        told = "×".join(str(size or "?") for size in declared) or "scalar"
        have = "×".join(map(str, values.shape)) or "scalar"
        raise InputError(f"calibration array for {name!r} has shape {have}; the model reads {told}")
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all():
        raise InputError(f"calibration array for {name!r} holds values that are not finite (NaN or infinity)")
