"""Activations as they are read back from a memory with weak cells: nodes in the twin.

An activation is stored as its whole number from 0 on (`code - lowest`), item by item in the same cells: item
after item meets the same faults, whatever the batch. Every activation starts at word 0 of its memory. The few
different patterns of faults in a number make a table of what is read for what was written, a row a pattern,
and the twin looks it up: Gather, which every opset has (ONNX's BitwiseAnd and BitwiseXor come with opset 18).
Numbers of more than 8 bits are looked up in two halves.

With ECC a word with one faulty cell is always right, one with two or more is taken as it is read, also where
only one of them is stuck at the wrong value: that depends on the data, so this is on the safe side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.calibration import Calibration
from archsim.numerics.faults.addresses import Placed, Region, allocate
from archsim.numerics.faults.cells import ChipMap, Faults, Supply
from archsim.numerics.faults.stored_weights import places
from archsim.numerics.model_edit import with_outputs
from archsim.numerics.quantised_network import QuantisedNetwork, QuantisedProduct
from archsim.numerics.sessions import Session
from archsim.numerics.twin_graph import GraphBuilder

_HALF_BITS = 8


@dataclass(frozen=True, eq=False)
class ReadThrough:
    """What is read for what was written: `pattern` (1, item's shape) chooses a row, `tables` (halves, lowest
    first, each patterns × values) have the numbers read."""

    pattern: NDArray[np.int32]
    tables: tuple[NDArray[np.float32], ...]

    def add_to(self, builder: GraphBuilder, written: str) -> str:
        """Nodes that turn the codes written into those read."""
        if len(self.tables) == 1:
            return self._looked_up(builder, written, 0)
        upper = builder.add("Floor", builder.times(written, 2.0**-_HALF_BITS))
        lower = builder.add("Sub", written, builder.times(upper, 2.0**_HALF_BITS))
        read = [self._looked_up(builder, half, place) for place, half in enumerate((lower, upper))]
        return builder.add("Add", read[0], builder.times(read[1], 2.0**_HALF_BITS))

    def _looked_up(self, builder: GraphBuilder, written: str, half: int) -> str:
        table = self.tables[half]
        row = builder.constant("fault_pattern", self.pattern * np.int32(table.shape[1]))
        index = builder.add("Add", builder.add("Cast", written, to=onnx.TensorProto.INT32), row)
        return builder.add("Gather", builder.constant("fault_table", table.reshape(-1)), index, axis=0)


class StoredActivations:
    """The inputs of the layers that `placed` names, each in the memories that they pass in turn.

    Raises InputError where an activation's first axis does not count the items.
    """

    def __init__(
        self, quantised: QuantisedNetwork, placed: Mapping[str, Sequence[Placed]], inputs: Calibration
    ) -> None:
        products = [p for p in quantised.products if p.product.name in placed]
        self._shapes = _item_shapes(quantised, [p.product.activation for p in products], inputs)
        self._tensors = {p.product.name: p.product.activation for p in products}
        self._regions = {
            p.product.name: tuple(
                self._region(p, place) for place in placed[p.product.name]
            )
            for p in products
        }  # fmt: skip

    def read(self, chip: ChipMap, supply: Supply) -> dict[str, tuple[ReadThrough, ...]]:
        """By layer; layers that read one tensor from one memory at one supply share theirs. Layers without
        faults are left out."""
        shared: dict[tuple[str, Region, tuple[float, ...]], ReadThrough | None] = {}
        found: dict[str, tuple[ReadThrough, ...]] = {}
        for name, regions in self._regions.items():
            tensor, own = self._tensors[name], supply.while_running(name)
            for region in regions:
                key = tensor, region, own.of(region.memory)
                if key not in shared:
                    faults = region.met(chip.faults(region.memory, region.reach, own))
                    shared[key] = _read_through(region, self._shapes[tensor], faults)
            passed = (shared[tensor, region, own.of(region.memory)] for region in regions)
            found[name] = tuple(through for through in passed if through is not None)
        return {name: passed for name, passed in found.items() if passed}

    def _region(self, p: QuantisedProduct, place: Placed) -> Region:
        numbers = int(np.prod(self._shapes[p.product.activation]))
        alone = {p.product.name: (place, numbers, p.activation_bits)}
        return allocate(alone)[p.product.name]


def _read_through(region: Region, shape: Sequence[int], faults: Faults) -> ReadThrough | None:
    if region.memory.ecc:
        faulty = np.bincount(faults.word, minlength=region.words)
        faults = faults.at(faulty[faults.word] > 1)
    number, bit, holds = places(region, faults)
    holds &= bit < region.bits - region.memory.protected_bits
    if not holds.any():
        return None
    kept, number, bit = faults.at(holds), number[holds], np.ldexp(1.0, bit[holds])
    flip = np.ones(len(kept)) if kept.value is None else np.zeros(len(kept))
    one = np.zeros(len(kept)) if kept.value is None else kept.value
    masks = [
        np.bincount(number, bit * chosen, minlength=region.numbers).astype(np.int64)
        for chosen in (flip, one, 1 - flip - one)
    ]
    patterns, pattern = np.unique(np.stack(masks), axis=1, return_inverse=True)
    halves = [min(_HALF_BITS, region.bits - low) for low in range(0, region.bits, _HALF_BITS)]
    tables = tuple(_table(patterns >> (_HALF_BITS * place), bits) for place, bits in enumerate(halves))
    return ReadThrough(pattern.astype(np.int32).reshape(1, *shape), tables)


def _table(patterns: NDArray[np.int64], bits: int) -> NDArray[np.float32]:
    """What is read (patterns, 2^bits) for every number: bits flipped, stuck at one, stuck at zero."""
    flip, one, zero = (patterns & (2**bits - 1))[:, :, None]
    written = np.arange(2**bits)
    return (((written ^ flip) | one) & ~zero).astype(np.float32)


def _item_shapes(
    quantised: QuantisedNetwork, tensors: Sequence[str], inputs: Calibration
) -> dict[str, tuple[int, ...]]:
    """Shape of one item of every tensor."""
    feeds = next(inputs.runs())
    made = [name for name in dict.fromkeys(tensors) if name not in feeds]
    values = dict(feeds)
    if made:
        session = Session(with_outputs(quantised.network.model, made))
        values |= dict(zip(made, session.run(made, feeds), strict=True))
    items = max(len(array) for array in feeds.values() if array.ndim > 1)
    for name in tensors:
        if not values[name].ndim or len(values[name]) != items:
            raise InputError(
                f"activation {name!r} has shape {values[name].shape} for {items} items; its first axis must "
                "count the items to be laid out in a memory"
            )
    return {name: values[name].shape[1:] for name in tensors}
