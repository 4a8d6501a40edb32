"""Where a layer's activations are: in the tiles' buffers, or off chip; and what crosses the chip's edge."""

from __future__ import annotations

from dataclasses import dataclass

from archsim.accelerators.crossbar.site import Site
from archsim.workloads.layer import Layer, Tensor


@dataclass(frozen=True, slots=True)
class Activations:
    """Bytes read and made by a layer, whether they are kept in the buffers, and how many of them are the
    network's own inputs or outputs.

    Both are kept if both fit together, otherwise each that takes no more than half of the buffers. What is
    kept crosses the chip's edge once if it is the network's own; the rest does whenever it is used.
    """

    input_bytes: float
    output_bytes: float
    inputs_kept: bool
    outputs_kept: bool
    arriving: float
    leaving: float

    @property
    def spilled(self) -> float:
        """Bytes that go off chip."""
        return self.leaving if self.outputs_kept else self.output_bytes


def activations_of(layer: Layer, site: Site, input_bytes: float, output_bytes: float) -> Activations:
    """In a pipeline all are kept: a stage has only the lines that it works on."""
    room = site.buffer_bytes
    together = site.pipelined or input_bytes + output_bytes <= room
    return Activations(
        input_bytes,
        output_bytes,
        together or input_bytes <= room / 2,
        together or output_bytes <= room / 2,
        input_bytes * _external_share(layer.inputs, site),
        output_bytes * _external_share(layer.outputs, site),
    )


def _external_share(tensors: tuple[Tensor, ...], site: Site) -> float:
    outside = sum(t.elements for t in tensors if t.name in site.external)
    return outside / sum(t.elements for t in tensors) if outside else 0.0
