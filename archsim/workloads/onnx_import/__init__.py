"""ONNX models read as workloads. Importing this package does not load `onnx`; calling `load_onnx` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from archsim.workloads.workload import Workload

_NO_DIMS: Mapping[str, int] = MappingProxyType({})


def load_onnx(
    path: Path | str, *, dims: Mapping[str, int] = _NO_DIMS, strict: bool = False, fuse: bool = True
) -> Workload:
    """Read an ONNX file as a workload named after the file.

    `dims` sets input sizes: by symbolic name (`height`), by input and axis (`images:2`), or the value of a
    scalar integer input by its name. A dynamic first axis, or one called batch, defaults to 1.
    `fuse` folds batch norms, constant scales and biases, and cheap activations into the layer before them;
    without it every costly ONNX node is a layer of its own. Weight values are never needed: external weight
    files may be missing.

    Every layer carries the number format the file stores (fp32 for an ordinary float model, integer widths
    of Q/DQ and QLinear models); use `Workload.with_precision` to simulate another one.
    `Workload.parameters` counts stored elements: a folded batch norm keeps its four tensors, a constant
    scale or shift that merges into an existing bias, batch norm or weight adds none, a one-element constant
    is an immediate and not a parameter.

    Raises InputError for a file that is no readable ONNX model, a dynamic axis without a size, an override
    that names nothing, and a multiply-accumulate node whose shapes cannot be found. Under `strict` also for
    an operator that is not known; otherwise it becomes a layer `unknown`, named in `Workload.warnings`.
    """
    from archsim.workloads.onnx_import.importer import import_model

    return import_model(Path(path), dims, strict=strict, fuse=fuse)
