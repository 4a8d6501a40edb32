"""The loop nest an array really runs for a contraction."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from archsim.workloads.layer import Contraction


def lowered(c: Contraction) -> Contraction:
    """A transposed convolution in sub-pixel form (Shi et al., CVPR 2016); anything else unchanged.

    With stride s a transposed convolution is s·s ordinary ones whose outputs interleave: an ordinary
    convolution with K·s·s output channels and a kernel of ceil(R/s)×ceil(S/s). Where s does not divide the
    kernel or the output, the array also makes products with zeros and outputs that are cropped: they take
    time and traffic, though the layer's MACs don't count them.
    """
    if not c.transposed:
        return c
    rows, columns = c.stride
    kernel = ceil(c.R / rows), ceil(c.S / columns)
    height, width = c.output_size
    return replace(
        c,
        K=c.K * rows * columns,
        P=ceil((height + c.padding[0] % rows) / rows),
        Q=ceil((width + c.padding[1] % columns) / columns),
        R=kernel[0],
        S=kernel[1],
        stride=(1, 1),
        padding=(
            max(0, kernel[0] - 1 - c.padding[0] // rows),
            max(0, kernel[1] - 1 - c.padding[1] // columns),
            0,
            0,
        ),
        transposed=False,
    )
