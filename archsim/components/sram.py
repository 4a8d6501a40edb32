"""On-chip SRAM macros: energy per word access, area and leakage by capacity, word width, node and supply.

Fitted (calibrated) to runs of CACTI 7.0, ITRS-LSTP cells and periphery, 300 K, 22 to 90 nm, 256 B to
4 MiB, words of 8 to 512 bits, which reproduce the published hwcomponents-cacti rows digit for digit.
Relative errors of the closed forms over the one-bank 1rw rows of at least 64 words:

| form                                    | mean | max  | of which 64-bit words from 32 KiB |
| read energy  K (C / KiB)^0.562 (1.121 + w / 64) | 12 % | 50 % | mean 8 %, max 21 % |
| write energy K (C / KiB)^0.457 (0.337 + w / 64) | 5 %  | 23 % | mean 5 %, max 10 % |
| area         K (C / KiB)^0.973          | 6 %  | 15 % | words of at most 128 bits |
| leakage      K (C / KiB)^0.924          | 4 %  | 15 % | words of at most 128 bits |

K is one constant a node, log-log in between: LSTP leakage follows no law across nodes (45 nm leaks least),
so none is pretended. Below 22 nm CACTI has no model: energy ~ sqrt(node), area ~ node, and 21 % less FinFET
leakage, the rule of hwcomponents-cacti after IRDS 2022 and Parvais et al. (VLSI-TSA 2009). Above 90 nm the
90 nm constants are scaled by Stillmaker & Baas (hwcomponents' own rows there are wrong: 130 nm below 90 nm).
"""

import math
from functools import lru_cache

from archsim.components.figure import Figure
from archsim.components.part import Part
from archsim.components.technology import (
    area_scale,
    check_node,
    energy_scale,
    leakage_scale,
    node_uncertainty,
    voltage_energy_scale,
    voltage_uncertainty,
)
from archsim.errors import InputError

SOURCE = "closed form fitted to CACTI 7.0 (ITRS-LSTP, 300 K; scripts/fit_components.py)"
READ_PJ = {22: 0.2292, 32: 0.5184, 45: 0.9273, 65: 1.733, 90: 3.234}
WRITE_PJ = {22: 0.5086, 32: 1.222, 45: 2.332, 65: 4.431, 90: 8.453}
AREA_UM2 = {22: 935.3, 32: 1942.0, 45: 3745.0, 65: 7620.0, 90: 14160.0}
LEAKAGE_UW = {22: 0.244, 32: 0.06691, 45: 0.0389, 65: 0.2625, 90: 0.1315}
READ_EXPONENT, READ_FIXED_WORDS = 0.562, 1.121
WRITE_EXPONENT, WRITE_FIXED_WORDS = 0.457, 0.337
AREA_EXPONENT, LEAKAGE_EXPONENT = 0.973, 0.924
FINFET_LEAKAGE = 0.79

# Factors on read and write energy, area, leakage against one shared read-write port: geometric means of
# CACTI 7.0 runs at 4, 32 and 256 KiB, 45 nm. The spread of those runs (energy 1.14 to 1.92) is the
# uncertainty. CACTI has 1r1w a little larger than 2rw; both are taken at their common mean of 2.07.
PORTS = {"1rw": (1.0, 1.0, 1.0), "1r1w": (1.29, 2.07, 1.26), "2rw": (1.41, 2.07, 1.26)}
PORT_UNCERTAINTY = 1.3
# Splitting into 2, 4 or 8 banks moved energy by -16 to +10 %, area by -4 to +24 %, leakage by 0 to +22 % in
# CACTI runs at 64 KiB, 128 KiB and 1 MiB: no trend worth a term in energy, mean +4 % area, +9 % leakage.
BANKED_AREA, BANKED_LEAKAGE, BANK_UNCERTAINTY = 1.04, 1.09, 1.15

# Against silicon and memory compilers, not against CACTI. Judged from TPUv4i's buffers as AccelForge gives
# them (7 nm; 4 MB 0.25 pJ/bit read, 128 MB 1.9 and 112 mm2; here 0.22, 1.6 and 31), and from the device type:
# high-performance cells at 45 nm cost 12 % less energy a read in CACTI and leak four orders more
ENERGY_UNCERTAINTY, AREA_UNCERTAINTY, LEAKAGE_UNCERTAINTY = 1.6, 1.6, 4.0
SMALLEST_BYTES, LARGEST_BYTES = 256, 4 * 1024**2  # the capacities that were run
NARROWEST_BITS, WIDEST_BITS = 8, 512
FEWEST_WORDS = 128
SHALLOW_UNCERTAINTY = 2.5  # CACTI at 2 KiB by 512 bits: 2.3 times the read energy


@lru_cache(maxsize=1024)
def sram(
    capacity_bytes: float,
    word_bits: int,
    node_nm: float,
    *,
    banks: int = 1,
    ports: str = "1rw",
    vdd_v: float | None = None,
    name: str = "sram",
) -> Part:
    """An SRAM of `capacity_bytes` in all, read and written by words of `word_bits`.

    Actions: "read", "write" (pJ per word access). `ports`: "1rw", "1r1w" or "2rw" per bank. A macro below
    256 B is priced as one of 256 B, the smallest CACTI was run for: periphery does not shrink further, and
    `register_file` is the part for such sizes. Uncertainty widens outside the fitted ranges.

    Raises InputError for sizes that are not positive, a bank smaller than a word, unknown ports, a node
    outside 7 to 180 nm or an unusable supply.
    """
    check_node(node_nm)
    _check_shape(capacity_bytes, word_bits, banks, ports, name)
    kib = max(capacity_bytes, SMALLEST_BYTES) / 1024
    words = word_bits / 64
    port_energy, port_area, port_leakage = PORTS[ports]
    dynamic = port_energy * voltage_energy_scale(node_nm, vdd_v)
    shape = _shape_uncertainty(capacity_bytes, word_bits, banks, ports, node_nm)
    energy_error = shape * voltage_uncertainty(node_nm, vdd_v, 0.3)
    read = _at_node(READ_PJ, node_nm, "energy") * kib**READ_EXPONENT * (READ_FIXED_WORDS + words)
    write = _at_node(WRITE_PJ, node_nm, "energy") * kib**WRITE_EXPONENT * (WRITE_FIXED_WORDS + words)
    area = _at_node(AREA_UM2, node_nm, "area") * _extensive(kib, AREA_EXPONENT) * port_area
    leakage = _at_node(LEAKAGE_UW, node_nm, "leakage") * _extensive(kib, LEAKAGE_EXPONENT) * port_leakage
    if banks > 1:
        area, leakage = area * BANKED_AREA, leakage * BANKED_LEAKAGE
    return Part(
        name=name,
        energy_pj={
            "read": Figure(read * dynamic, SOURCE, ENERGY_UNCERTAINTY).scaled(1.0, "", energy_error),
            "write": Figure(write * dynamic, SOURCE, ENERGY_UNCERTAINTY).scaled(1.0, "", energy_error),
        },
        area_mm2=Figure(area * 1e-6, SOURCE, AREA_UNCERTAINTY).scaled(1.0, "", shape),
        leakage_mw=Figure(leakage * 1e-3, SOURCE, LEAKAGE_UNCERTAINTY).scaled(
            leakage_scale(node_nm, vdd_v), "", shape * voltage_uncertainty(node_nm, vdd_v, 1.5)
        ),
    )


def _check_shape(capacity_bytes: float, word_bits: int, banks: int, ports: str, name: str) -> None:
    for label, value in (("capacity_bytes", capacity_bytes), ("word_bits", word_bits), ("banks", banks)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name}: {label} is {value}; it must be more than zero")
    if ports not in PORTS:
        raise InputError(f"{name}: ports '{ports}' is unknown; allowed: {', '.join(PORTS)}")
    if capacity_bytes * 8 < word_bits * banks:
        raise InputError(
            f"{name}: {capacity_bytes} bytes in {banks} banks do not hold one word of {word_bits} bits each; "
            "make the memory larger, the word narrower or the banks fewer"
        )


def _extensive(kib: float, exponent: float) -> float:
    """KiB^exponent, linear beyond the largest fitted capacity: a bit cell does not shrink in a crowd."""
    largest = LARGEST_BYTES / 1024
    return min(kib, largest) ** exponent * max(1.0, kib / largest)


def _at_node(constants: dict[int, float], node_nm: float, quantity: str) -> float:
    """The constant K at a node: log-log between the fitted nodes, scaled by the stated rules outside."""
    smallest, largest = min(constants), max(constants)
    if node_nm > largest:
        scale = area_scale if quantity == "area" else energy_scale
        return constants[largest] * scale(largest, node_nm)
    if node_nm < smallest:
        shrink = node_nm / smallest
        if quantity == "area":
            return constants[smallest] * shrink
        # FinFETs arrive with 16 nm; the step is spread over 22 to 16 nm so that no jump is left at 22
        onset = min(1.0, math.log(shrink) / math.log(16 / smallest))
        finfet = FINFET_LEAKAGE**onset if quantity == "leakage" else 1.0
        return constants[smallest] * math.sqrt(shrink) * finfet
    below = max(node for node in constants if node <= node_nm)
    above = min(node for node in constants if node >= node_nm)
    if below == above:
        return constants[below]
    share = math.log(node_nm / below) / math.log(above / below)
    return constants[below] ** (1 - share) * constants[above] ** share


def _shape_uncertainty(
    capacity_bytes: float, word_bits: int, banks: int, ports: str, node_nm: float
) -> float:
    """Extra uncertainty of what lies outside the fitted rows; the product of independent reasons."""
    beyond_capacity = max(1.0, SMALLEST_BYTES / capacity_bytes, capacity_bytes / LARGEST_BYTES)
    beyond_width = max(1.0, NARROWEST_BITS / word_bits, word_bits / WIDEST_BITS)
    shallow = capacity_bytes * 8 / banks / word_bits < FEWEST_WORDS
    factor = beyond_capacity**0.25 * beyond_width**0.3
    factor *= SHALLOW_UNCERTAINTY if shallow else 1.0
    factor *= BANK_UNCERTAINTY if banks > 1 else 1.0
    factor *= PORT_UNCERTAINTY if ports != "1rw" else 1.0
    factor *= node_uncertainty(node_nm, min(max(node_nm, min(READ_PJ)), max(READ_PJ)))
    return factor
