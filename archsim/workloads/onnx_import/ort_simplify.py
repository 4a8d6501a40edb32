"""A second opinion on shapes: ONNX Runtime's basic optimisation folds what ONNX inference cannot follow.

It runs in a process of its own (`python -m archsim.workloads.onnx_import.ort_simplify SOURCE TARGET`),
because a model that its native code stumbles over can end the process.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import onnx

from archsim.workloads.onnx_import.input_dims import network_inputs
from archsim.workloads.onnx_import.model_file import (
    KEPT_ELEMENTS,
    declare_domains,
    element_count,
    strip_large_tensors,
)

_MAX_IR = 10  # every ONNX Runtime since 1.18 reads it
_TIMEOUT_S = 120


def simplify(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Constants folded, shape arithmetic resolved; None without ONNX Runtime, or if it refuses the model."""
    if find_spec("onnxruntime") is None:
        return None
    runnable, weights = _with_weights_as_inputs(model)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "model.onnx", Path(folder) / "simplified.onnx"
        source.write_bytes(runnable.SerializeToString())
        command = [sys.executable, "-m", __name__, str(source), str(target)]
        try:
            subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=True)
            simplified = onnx.load(str(target))
        except (OSError, subprocess.SubprocessError):
            return None
    names = {tensor.name for tensor in weights}
    _replace(simplified.graph.input, [v for v in simplified.graph.input if v.name not in names])
    simplified.graph.initializer.extend(weights)
    strip_large_tensors(simplified)
    declare_domains(simplified)
    return simplified


def _with_weights_as_inputs(model: onnx.ModelProto) -> tuple[onnx.ModelProto, list[onnx.TensorProto]]:
    """A copy where the stripped initializers are inputs, so that nobody misses (or folds) their values."""
    runnable = onnx.ModelProto()
    runnable.CopyFrom(model)
    runnable.ir_version = min(model.ir_version, _MAX_IR)
    graph = runnable.graph
    weights = [t for t in graph.initializer if element_count(t) > KEPT_ELEMENTS]
    kept = [t for t in graph.initializer if element_count(t) <= KEPT_ELEMENTS]
    inputs = network_inputs(graph)
    inputs += [onnx.helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in weights]
    _replace(graph.initializer, kept)
    _replace(graph.input, inputs)
    del graph.value_info[:]
    return runnable, weights


def _replace(field, messages: Iterable) -> None:
    messages = list(messages)
    del field[:]
    field.extend(messages)


def _optimise(source: str, target: str) -> None:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.optimized_model_filepath = target
    ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    _optimise(*sys.argv[1:])
