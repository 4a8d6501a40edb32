"""Extra outputs of a twin, and the names that they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from archsim.numerics.crossbar_nodes import Conversions
from archsim.numerics.quantise import Floats
from archsim.numerics.twin_graph import GraphBuilder

_EPSILON = 1e-5  # keeps a channel that never changes from being divided by zero, as in batch norms


@dataclass(frozen=True, eq=False)
class Moments:
    """Mean and variance of every channel of an image, over a batch and all positions: (1, channels, 1, …)."""

    mean: Floats
    variance: Floats

    @property
    def deviation(self) -> Floats:
        return np.sqrt(self.variance + _EPSILON)


@dataclass(frozen=True, eq=False)
class Tap:
    """What to tell of the products on crossbars.

    `sums`: what the ADCs convert. `statistics`: against the exact product of the same inputs, and the share
    of conversions that were clipped. `references`, by product: normalise each batch to these moments, as a
    batch norm does in training, and tell its own.
    """

    sums: bool = False
    statistics: bool = False
    references: Mapping[str, Moments] = field(default_factory=dict)


NO_TAP = Tap()
STATISTICS = ("mean", "power", "error", "clipped")


def sums_name(product: str, group: int) -> str:
    return f"archsim/{product}/tap_sums_{group}"


def statistic_name(product: str, statistic: str) -> str:
    return f"archsim/{product}/tap_{statistic}"


def batch_moment_names(product: str) -> tuple[str, str]:
    """The outputs with the mean and the variance of a batch."""
    return statistic_name(product, "batch_mean"), statistic_name(product, "batch_variance")


def add_sums(builder: GraphBuilder, conversions: Sequence[Conversions]) -> None:
    for group, made in enumerate(conversions):
        name = f"{builder.scope}/tap_sums_{group}"
        builder.outputs.append(builder.add("Identity", made.sums, output=name))


def add_statistics(builder: GraphBuilder, total: str, exact: str, conversions: Sequence[Conversions]) -> None:
    """Scalars: mean and mean square of the exact product, mean squared error, share of clipped codes."""
    error = builder.add("Sub", total, exact)
    beyond = []
    for made in conversions:
        same = builder.add("Equal", made.unclipped, made.codes)
        beyond.append(builder.mean(builder.add("Cast", builder.add("Not", same), to=1)))
    values = {
        "mean": exact,
        "power": builder.add("Mul", exact, exact),
        "error": builder.add("Mul", error, error),
        "clipped": builder.times(builder.total(beyond), 1 / len(beyond)),
    }
    for statistic, tensor in values.items():
        builder.outputs.append(builder.mean(tensor, output=f"{builder.scope}/tap_{statistic}"))


def add_batch_normalisation(builder: GraphBuilder, tensor: str, reference: Moments, result: str) -> None:
    """`result` = `tensor` at the moments of `reference`; the batch's own moments become outputs."""
    axes = [axis for axis in range(reference.mean.ndim) if axis != 1]
    centred = builder.add("Sub", tensor, builder.mean(tensor, axes, f"{builder.scope}/tap_batch_mean"))
    squares = builder.add("Mul", centred, centred)
    variance = builder.mean(squares, axes, f"{builder.scope}/tap_batch_variance")
    deviation = builder.add("Sqrt", builder.add("Add", variance, builder.scalar(_EPSILON)))
    whitened = builder.add("Div", centred, deviation)
    scaled = builder.add("Mul", whitened, builder.small(reference.deviation.astype(np.float32)))
    builder.add("Add", scaled, builder.small(reference.mean.astype(np.float32)), output=result)
    builder.outputs += [f"{builder.scope}/tap_batch_mean", f"{builder.scope}/tap_batch_variance"]
