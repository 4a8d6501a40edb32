"""A matrix product on a crossbar in plain NumPy, one loop a dimension, from the definitions alone."""

from __future__ import annotations

import numpy as np

from archsim.numerics.array_product import Steps
from archsim.numerics.crossbar import Crossbar


def columns_of(weight: int, bits: int, crossbar: Crossbar) -> list[tuple[int, int]]:
    """(significance, digit) of every conversion of one weight, in the order of the columns."""
    width = max(2, bits)
    span = crossbar.summed_slices * crossbar.cell_bits

    def digits(value: int, count: int) -> list[int]:
        return [(value >> start) % 2 ** min(span, count - start) for start in range(0, count, span)]

    if crossbar.encoding == "offset":
        return [(2 ** (span * i), d) for i, d in enumerate(digits(weight + 2 ** (width - 1), width))]
    if crossbar.encoding == "twos_complement":
        low = digits(weight % 2 ** (width - 1), width - 1)
        return [(2 ** (span * i), d) for i, d in enumerate(low)] + [(-(2 ** (width - 1)), int(weight < 0))]
    pairs = zip(digits(max(weight, 0), width - 1), digits(max(-weight, 0), width - 1), strict=True)
    if crossbar.subtract == "analog":
        return [(2 ** (span * i), p - n) for i, (p, n) in enumerate(pairs)]
    return [c for i, (p, n) in enumerate(pairs) for c in ((2 ** (span * i), p), (-(2 ** (span * i)), n))]


def mvm(codes: np.ndarray, inputs: np.ndarray, bits: int, input_bits: int, crossbar: Crossbar, steps: Steps):
    """Σ weights · inputs as arrays compute it. `codes` (outputs, K), `inputs` (items, K) of at least 0."""
    adc, dac = crossbar.converter, crossbar.dac_bits
    result = np.zeros((len(inputs), len(codes)))
    digital = np.zeros((len(inputs), len(codes)))
    if crossbar.encoding == "offset":
        digital -= 2 ** (max(2, bits) - 1) * inputs.sum(axis=1, keepdims=True)
    for output, row in enumerate(codes.tolist()):
        columns = [columns_of(weight, bits, crossbar) for weight in row]
        for number, significance in enumerate(s for s, _ in columns[0]):
            digits = np.array([column[number][1] for column in columns])
            signed = crossbar.encoding == "differential" and crossbar.subtract == "analog"
            lsb = np.float32(steps.lsb * 2.0 ** steps.shifts[number])
            for rows in row_blocks(len(row), crossbar):
                held, counts, most = (
                    digits[rows],
                    significance,
                    highest_digit(number, columns, bits, crossbar),
                )
                if crossbar.flip_columns and held.sum() > most * len(held) / 2:
                    held, counts = most - held, -significance
                    digital[:, output] += significance * most * inputs[:, rows].sum(axis=1)
                for place in range(0, input_bits, dac):
                    part = inputs[:, rows] // 2**place % 2**dac
                    level = code_of(np.float32(part @ held) / lsb, adc.bits, signed, adc.levels)
                    result[:, output] += counts * 2**place * level * 2.0 ** steps.shifts[number]
    result = result.astype(np.float32) * np.float32(steps.lsb)  # the sums of codes were exact
    return result + digital.astype(np.float32)


def row_blocks(count: int, crossbar: Crossbar) -> list[slice]:
    """Rows that are added up at once: no block reaches from one array into the next."""
    arrays = [(start, min(start + crossbar.rows, count)) for start in range(0, count, crossbar.rows)]
    most = crossbar.rows_at_once
    return [slice(r, min(r + most, end)) for start, end in arrays for r in range(start, end, most)]


def highest_digit(number: int, columns: list[list[tuple[int, int]]], bits: int, crossbar: Crossbar) -> int:
    """Of conversion `number`; those of the highest slice and of the sign have fewer bits than others."""
    if crossbar.encoding == "twos_complement" and number == len(columns[0]) - 1:
        return 1
    stored = max(2, bits) - (crossbar.encoding != "offset")
    start = abs(columns[0][number][0]).bit_length() - 1
    return 2 ** min(crossbar.summed_slices * crossbar.cell_bits, stored - start) - 1


def code_of(steps: np.ndarray, bits: int, signed: bool, levels: str) -> np.ndarray:
    if not signed:
        return np.clip(np.rint(steps), 0, 2**bits - 1)
    if levels == "mid_rise":
        return np.clip(np.floor(steps), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1) + 0.5
    return np.clip(np.rint(steps), 1 - 2 ** (bits - 1), 2 ** (bits - 1) - 1)
