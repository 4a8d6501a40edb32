"""Which loop a dimension is, from the operands it indexes."""

from __future__ import annotations

import pytest

from archsim.errors import InputError
from archsim.workloads.einsum import Einsum, Rank, Term, loops_of
from archsim.workloads.layer import Contraction


def axes(text: str) -> tuple[Rank, ...]:
    """`b c 2*oy+fy` as three indices."""
    return tuple(tuple(_term(term) for term in axis.split("+")) for axis in text.upper().split())


def _term(text: str) -> Term:
    factor, _, name = text.rpartition("*")
    return Term(name, int(factor or 1))


def contraction(sizes: dict[str, int], input: str, weight: str, output: str) -> Contraction:
    return loops_of(Einsum(sizes, axes(input), axes(weight), axes(output))).contraction()


@pytest.mark.parametrize(
    ("sizes", "operands", "expected"),
    [
        ({"M": 4, "N": 5, "K": 6}, ("M K", "N K", "M N"), Contraction(P=4, K=5, C=6)),
        (
            {"B": 2, "H": 3, "D": 4, "C": 5, "K": 6},
            ("b h d c", "c k", "b h d k"),
            Contraction(B=2, P=12, C=5, K=6),
        ),
        ({"B": 2, "D": 4, "C": 5, "K": 6}, ("b d c", "b c k", "b d k"), Contraction(G=2, P=4, C=5, K=6)),
        ({"S": 3, "Q": 9, "M": 2}, ("q+s", "m s", "m q"), Contraction(Q=9, S=3, K=2)),
        ({"K": 16, "M": 1}, ("k", "k", "m"), Contraction(C=16)),
        ({"X": 3, "Y": 9}, ("2*y+x", "x", "y"), Contraction(P=9, R=3, stride=(2, 1))),
        ({"P": 5, "Q": 7}, ("2*p 3*q", "", "p q"), Contraction(P=5, Q=7, stride=(2, 3))),
        (
            {"N": 2, "C": 3, "R": 3, "S": 1, "P": 5, "Q": 6, "M": 4},
            ("n c 2*r+3*p s+4*q", "c m r s", "n m q p"),
            Contraction(B=2, C=3, R=3, P=5, Q=6, K=4, stride=(3, 4), dilation=(2, 1)),
        ),
    ],
)
def test_dimensions_become_loops(sizes, operands, expected):
    assert contraction(sizes, *operands) == expected


@pytest.mark.parametrize(
    ("sizes", "operands", "message"),
    [
        ({"C": 3, "P": 4}, ("c p", "", "p"), "dimension C of size 3 indexes the input only"),
        ({"M": 3, "K": 4}, ("k", "k", "m"), "dimension M of size 3 indexes the output only"),
        ({"Z": 3, "K": 4}, ("k", "k", ""), "dimension Z of size 3 indexes no operand"),
        ({"P": 3, "R": 4, "K": 2}, ("p", "r k", "p+r k"), "the output is indexed by P \\+ R"),
        ({"P": 3, "R": 4, "C": 2}, ("p+r+c", "r", "p"), "the input is indexed by P \\+ R \\+ C"),
        ({"P": 3, "Q": 4}, ("p+q", "", "p q"), "the input is indexed by P \\+ Q"),
        (
            dict.fromkeys("ABCXYZ", 2),
            ("a+x b+y c+z", "x y z", "a b c"),
            "is a third window",
        ),
    ],
)
def test_what_is_no_contraction_is_refused(sizes, operands, message):
    with pytest.raises(InputError, match=message):
        contraction(sizes, *operands)
