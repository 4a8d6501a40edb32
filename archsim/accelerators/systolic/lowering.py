"""The loop nest an array really runs for a contraction."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from archsim.workloads.layer import Contraction


def lowered(c: Contraction) -> Contraction:
    """A transposed convolution in sub-pixel form (Shi et al., CVPR 2016); anything else unchanged.

    With stride s a transposed convolution is s·s ordinary ones whose outputs interleave: an ordinary
    convolution with K·s·s output channels and a kernel of ceil(R/s)×ceil(S/s). Where s does not divide the
    kernel the array also multiplies by zeros: it takes the time, though the layer's MACs don't count them.
    """
    if not c.transposed:
        return c
    rows, columns = c.stride
    kernel = ceil(c.R / rows), ceil(c.S / columns)
    return replace(
        c,
        K=c.K * rows * columns,
        R=kernel[0],
        S=kernel[1],
        stride=(1, 1),
        padding=(kernel[0] - 1, kernel[1] - 1, 0, 0),
        transposed=False,
    )
