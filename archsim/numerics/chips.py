"""Many chips of one network, classified in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnx

from archsim.errors import InputError
from archsim.numerics.calibration import Calibration
from archsim.numerics.crossbar import Crossbar
from archsim.numerics.labelled import Labelled
from archsim.numerics.model_edit import with_outputs
from archsim.numerics.network import Network
from archsim.numerics.quantised_network import QuantisedNetwork
from archsim.numerics.sessions import Session
from archsim.numerics.weight_slices import weight_slices
from archsim.workloads.onnx_import.input_dims import network_inputs

Build = Callable[[], onnx.ModelProto]
Done = Callable[[], None]
_BYTES = 2**21  # of the conversions of a layer at once: they pass several nodes and should stay in the cache
_MOST = 64  # items of a run


def top1(model: onnx.ModelProto, data: Labelled, threads: int = 1) -> float:
    """Share of items whose largest output is their label.

    Raises InputError for a model whose first output is not (items, classes), and labels beyond its classes.
    """
    session = Session(model, threads=threads)
    output = model.graph.output[0].name
    right, start = 0, 0
    for feeds in data.inputs.runs():
        (scores,) = session.run([output], feeds)
        if scores.ndim != 2:
            shape = "×".join(map(str, scores.shape))
            raise InputError(f"output {output!r} has shape {shape}; accuracy needs items × classes")
        labels = data.labels[start : start + len(scores)]
        if labels.size and int(labels.max()) >= scores.shape[1]:
            raise InputError(
                f"a label is {labels.max()}, but output {output!r} has {scores.shape[1]} classes"
            )
        right += int((scores.argmax(axis=1) == labels).sum())
        start += len(scores)
    return right / len(data)


def classify(builds: Sequence[Build], data: Labelled, done: Done) -> list[float]:
    """Accuracy of every model, in order. A model is built when its turn comes; `done` follows each."""
    cores = os.cpu_count() or 1
    workers = max(1, min(cores, len(builds)))

    def one(build: Build) -> float:
        accuracy = top1(build(), data, threads=cores // workers)
        done()
        return accuracy

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(one, builds))


def in_cache_sized_runs(
    data: Labelled, quantised: QuantisedNetwork, crossbars: Mapping[str, Crossbar]
) -> Labelled:
    """The same data in runs whose largest tensor fits the cache, where the model leaves the batch open."""
    inputs = data.inputs
    if has_fixed_batch(quantised.network):
        return data
    largest = _largest_conversions(quantised, crossbars, replace(inputs, images=1, batch=1))
    return replace(data, inputs=replace(inputs, batch=int(np.clip(_BYTES // max(1, 4 * largest), 1, _MOST))))


def run_items(network: Network, data: Labelled) -> int:
    """Items that go together: those of a run, where the model fixes it."""
    return data.inputs.batch if has_fixed_batch(network) else 1


def has_fixed_batch(network: Network) -> bool:
    """Whether the model says how many items a run takes."""
    shapes = [value.type.tensor_type.shape.dim for value in network_inputs(network.model.graph)]
    return any(len(shape) > 1 and shape[0].dim_value > 0 for shape in shapes)


def _largest_conversions(
    quantised: QuantisedNetwork, crossbars: Mapping[str, Crossbar], one: Calibration
) -> int:
    """Conversions of one item in the layer that has most of them, one row group at a time."""
    results = [p.product.result for p in quantised.products]
    session = Session(with_outputs(quantised.network.model, results))
    values = session.run(results, next(one.runs()))
    sizes = []
    for made, p in zip(values, quantised.products, strict=True):
        crossbar = crossbars.get(p.product.name)
        if crossbar is None:
            sizes.append(made.size)
            continue
        slices = weight_slices(p.weight_bits, crossbar).conversions * -(
            -p.activation_bits // crossbar.dac_bits
        )
        sizes.append(made.size * slices)
    return max(sizes)
