"""A contraction written as three indexed operands, as Timeloop and ZigZag do, and its loops in archsim.

    O[b][k][oy][ox] += W[k][c][fy][fx] * I[b][c][iy][ix],  iy = 2·oy + 1·fy

Which loop a dimension is follows from the operands it indexes (the relevance that both tools reason with:
Parashar et al., "Timeloop", ISPASS 2019; Mei et al., "ZigZag", IEEE TC 2021), and only where that leaves a
choice from its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn

from archsim.errors import InputError
from archsim.workloads.layer import Contraction

ROWS = frozenset({"P", "R", "OY", "FY", "IY", "H"})
COLUMNS = frozenset({"Q", "S", "OX", "FX", "IX", "W"})
_BATCH = frozenset({"B", "N"})


@dataclass(frozen=True, slots=True)
class Term:
    dimension: str
    coefficient: int = 1


Rank = tuple[Term, ...]  # the sum of its terms is the index


@dataclass(frozen=True)
class Einsum:
    """Sizes of the dimensions, and the index of every axis of the three operands."""

    sizes: Mapping[str, int]
    input: tuple[Rank, ...]
    weight: tuple[Rank, ...]
    output: tuple[Rank, ...]


@dataclass(frozen=True)
class Loops:
    """Where the dimensions of an einsum went: loops of archsim, and what the windows step by."""

    sizes: Mapping[str, int]  # by loop, of those in BGKCPQRS that the einsum has
    stride: tuple[int, int]
    dilation: tuple[int, int]

    def contraction(
        self,
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        input_size: tuple[int, int] = (0, 0),
    ) -> Contraction:
        unsized = Contraction(stride=self.stride, dilation=self.dilation, padding=padding)
        return replace(unsized, **self.sizes, input_size=input_size)


def loops_of(einsum: Einsum) -> Loops:
    """The loops of an einsum. Raises InputError (without a place) for what is no contraction of archsim's."""
    loops: dict[str, str] = {}
    steps = {"stride": [1, 1], "dilation": [1, 1]}
    for side, rank in _windows(einsum).items():
        for term in rank:
            is_kernel = _reach(einsum, term.dimension) == (True, True, False)
            loops[term.dimension] = ("RS" if is_kernel else "PQ")[side]
            steps["dilation" if is_kernel else "stride"][side] = term.coefficient
    windows = {loop for loop in loops.values() if loop in "PQ"}
    for dimension in einsum.sizes:
        loops.setdefault(dimension, _loop(einsum, dimension, windows))
    sizes: dict[str, int] = {}
    for dimension, loop in loops.items():
        if loop:
            sizes[loop] = sizes.get(loop, 1) * einsum.sizes[dimension]
    stride, dilation = ((rows, columns) for rows, columns in steps.values())
    return Loops(sizes, stride, dilation)


def _windows(einsum: Einsum) -> dict[int, Rank]:
    """By side (0 rows, 1 columns): the input's index that a window slides along."""
    for operand in ("weight", "output"):
        for rank in getattr(einsum, operand):
            if len(rank) != 1 or rank[0].coefficient != 1:
                _refuse(f"the {operand} is indexed by {_say(rank)}; only the input may be indexed by a sum")
    found: dict[int, Rank] = {}
    for rank in einsum.input:
        if len(rank) == 1 and rank[0].coefficient == 1:
            continue
        _check_window(einsum, rank)
        sides = [1 if term.dimension in COLUMNS else 0 for term in rank if term.dimension in ROWS | COLUMNS]
        side = sides[0] if sides else min({0, 1} - set(found), default=0)
        if side in found and len(found) == 2:
            _refuse(f"{_say(rank)} is a third window; a convolution has at most two sides, rows and columns")
        found[1 - side if side in found else side] = rank
    return found


def _check_window(einsum: Einsum, rank: Rank) -> None:
    """One dimension of the output, and perhaps one of the kernel, each with a coefficient of at least 1."""
    reaches = [_reach(einsum, term.dimension) for term in rank]
    windows = reaches.count((True, False, True))
    kernels = reaches.count((True, True, False))
    if windows + kernels < len(rank) or windows > 1 or kernels > 1:
        _refuse(
            f"the input is indexed by {_say(rank)}; allowed: one dimension of the output (times the stride) "
            "plus one of the kernel (times the dilation)"
        )


def _loop(einsum: Einsum, dimension: str, windows: set[str]) -> str:
    """The loop of a dimension outside the windows; "" for one of size 1 that makes no difference."""
    reach = _reach(einsum, dimension)
    match reach:
        case (True, True, True):
            return "G"
        case (False, True, True):
            return "K"
        case (True, True, False):
            return "C"
        case (True, False, True):
            if dimension in _BATCH:
                return "B"
            loop = "Q" if dimension in COLUMNS else "P"
            return "B" if loop in windows else loop
    if einsum.sizes[dimension] == 1:
        return ""
    indexed = [name for name, there in zip(("input", "weight", "output"), reach, strict=True) if there]
    _refuse(
        f"dimension {dimension} of size {einsum.sizes[dimension]} indexes "
        f"{f'the {indexed[0]} only' if indexed else 'no operand'}; "
        "in a contraction every dimension indexes two or three of input, weight and output"
    )


def _reach(einsum: Einsum, dimension: str) -> tuple[bool, bool, bool]:
    """Whether the dimension indexes the input, the weight, the output."""
    operands = (einsum.input, einsum.weight, einsum.output)
    there = [any(term.dimension == dimension for rank in operand for term in rank) for operand in operands]
    return there[0], there[1], there[2]


def _say(rank: Rank) -> str:
    return " + ".join(t.dimension if t.coefficient == 1 else f"{t.coefficient}*{t.dimension}" for t in rank)


def _refuse(message: str) -> NoReturn:
    raise InputError(message)
