"""Small storage inside a processing element: flip-flops behind a read multiplexer.

The bit is Aladdin's 40 nm register (Shao et al., ISCA 2014): 0.009 pJ per bit accessed, 5.98 um2, 0.074 uW.
Reading one of many words adds a 2-input multiplexer per stored bit: 0.0188 (32 nm) and 0.0241 (22 nm) of a
register bit's energy and 0.211 of a flip-flop's area, from NeuroSim's 8-input multiplexer and flip-flop rows.
So reads grow with depth, writes do not (one enabled word). This growth is derived, not fitted. It predicts
the register files of Accelergy's Eyeriss model at 65 nm (itself a model): 12 words x 16 b, 0.254 against
0.202 pJ read and 0.206 against 0.177 write; 16 words x 16 b, 0.271 against 0.251 and 0.206 against 0.219.
"""

from functools import lru_cache

from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.components.technology import (
    area_scale,
    energy_scale,
    leakage_scale,
    node_uncertainty,
    voltage_uncertainty,
)
from archsim.errors import InputError

SOURCE = "Aladdin 40 nm register (Shao et al., ISCA 2014) with a NeuroSim read multiplexer, derived"
SOURCE_NODE_NM = 40
BIT_PJ, BIT_UM2, BIT_LEAKAGE_UW = 0.009, 5.98, 0.074
MUX_ENERGY, MUX_AREA = 0.0213, 0.211  # of a register bit, per further word / per stored bit
ENERGY_UNCERTAINTY, AREA_UNCERTAINTY, LEAKAGE_UNCERTAINTY = 2.0, 1.5, 4.0


@lru_cache(maxsize=1024)
def register_file(
    capacity_bits: int, word_bits: int, node_nm: float, *, vdd_v: float | None = None, name: str = "registers"
) -> Part:
    """A register file of `capacity_bits`, accessed by words of `word_bits`.

    Actions: "read", "write" (pJ per word). Meant for up to about 1 KiB: reads grow linearly with the number
    of words, and beyond that an `sram` is cheaper.

    Raises InputError for sizes that are not positive, a capacity below one word, a node outside 7 to 180 nm
    or an unusable supply.
    """
    for label, value in (("capacity_bits", capacity_bits), ("word_bits", word_bits)):
        if not value > 0:
            raise InputError(f"{name}: {label} is {value}; it must be more than zero")
    if capacity_bits < word_bits:
        raise InputError(
            f"{name}: {capacity_bits} bits do not hold one word of {word_bits} bits; "
            "make the register file larger or the word narrower"
        )
    other_words = capacity_bits / word_bits - 1
    dynamic = word_bits * energy_scale(SOURCE_NODE_NM, node_nm, to_vdd_v=vdd_v)
    moved = node_uncertainty(SOURCE_NODE_NM, node_nm)
    energy_error = moved * voltage_uncertainty(node_nm, vdd_v, 0.3)
    leakage = BIT_LEAKAGE_UW * capacity_bits * 1e-3 * energy_scale(SOURCE_NODE_NM, node_nm)
    area_bits = capacity_bits + MUX_AREA * word_bits * other_words
    return Part(
        name=name,
        energy_pj={
            "read": Figure(BIT_PJ * (1 + MUX_ENERGY * other_words), SOURCE, ENERGY_UNCERTAINTY).scaled(
                dynamic, "", energy_error
            ),
            "write": Figure(BIT_PJ, SOURCE, ENERGY_UNCERTAINTY).scaled(dynamic, "", energy_error),
        },
        area_mm2=Figure(BIT_UM2 * 1e-6, SOURCE, AREA_UNCERTAINTY).scaled(
            area_bits * area_scale(SOURCE_NODE_NM, node_nm), "", moved
        ),
        leakage_mw=Figure(leakage, SOURCE, LEAKAGE_UNCERTAINTY).scaled(
            leakage_scale(node_nm, vdd_v), "", moved * voltage_uncertainty(node_nm, vdd_v, 1.5)
        ),
    )
