"""Where a layer's data lie on a crossbar chip: activations in the digital stores, weights in the arrays.

Static weights never lie in a digital SRAM: they are written into the arrays from off chip. Cells of the
arrays work at the arrays' supply, and what they do wrong is `noise`, not a bit error.
"""

from __future__ import annotations

from archsim.accelerators.crossbar.costs import WORD_BYTES, Costs, sites_of, stores_of
from archsim.accelerators.crossbar.spec import CrossbarSpec
from archsim.components.sram_supply import Stored
from archsim.workloads.layer import Layer

PASSING = {"buffer": ("input", "output"), "input_register": ("input",), "output_register": ("output",)}


def stored_of(layer: Layer, spec: CrossbarSpec, costs: Costs) -> tuple[Stored, ...]:
    """Activations in the buffers and registers they pass; what is more than a store passes it in parts."""
    bits = {"input": layer.precision.activation_bits, "output": layer.precision.output_bits}
    elements = {
        "input": sum(t.elements for t in layer.inputs),
        "output": sum(t.elements for t in layer.outputs),
    }
    supplies = {site.memory: site.supply for site in sites_of(spec, costs.point)}
    found: list[Stored] = []
    for name, (store, count) in stores_of(spec).items():
        words = int(store.capacity_kib * 1024) // WORD_BYTES * count
        room = words * 8 * WORD_BYTES // len(PASSING[name])
        for operand in PASSING[name]:
            tile = max(1, min(elements[operand], room // bits[operand]))
            found.append(
                Stored(operand, name, 8 * WORD_BYTES, words, bits[operand], tile, supply=supplies.get(name))
            )
    return tuple(found)
