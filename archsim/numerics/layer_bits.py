"""Precisions of single layers of a model, by name or pattern."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from archsim.errors import InputError
from archsim.workloads.precision import Precision


def bits_by_layer(
    given: Mapping[str, str | Precision], layers: Sequence[str], default: Callable[[str], Precision]
) -> Callable[[str], Precision]:
    """The precision of each of `layers`: that of the first key that fits it, else the default.

    A key is a name, a pattern such as `conv*`, `first` or `last`.
    Raises InputError for a key that fits no layer, and for text that is no precision.
    """
    ends = {"first": layers[:1], "last": layers[-1:]}
    chosen: dict[str, Precision] = {}
    for key, bits in given.items():
        fitting = ends.get(key, [name for name in layers if fnmatchcase(name, key)])
        if not fitting:
            raise InputError(
                f"bits: {key!r} fits no layer; give a name, a pattern such as '{layers[0][:1]}*', first or "
                f"last. The model's layers: {', '.join(layers)}"
            )
        precision = Precision.parse(bits) if isinstance(bits, str) else bits
        for name in fitting:
            chosen.setdefault(name, precision)
    return lambda name: chosen.get(name) or default(name)
