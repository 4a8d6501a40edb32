"""Fit the closed forms of archsim.components to the reference rows and print constants and errors.

Run `python scripts/fit_components.py`. The printed constants are the ones committed in archsim/components;
nothing is written. Rows: tests/data/components.csv, which names the source of each.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from archsim.components import technology, technology_tables

ROWS = Path(__file__).parent.parent / "tests" / "data" / "components.csv"
FITTED_NODES = (22, 32, 45, 65, 90)
FEWEST_WORDS = 64  # shallower macros change shape in CACTI and leave the closed form
Array = np.ndarray


def sram_rows(rows: pd.DataFrame, ports: str = "1rw") -> pd.DataFrame:
    """The CACTI rows of one port kind that are deep enough, capacity in KiB, width in units of 64 bits."""
    sram = rows[(rows.component == "sram") & rows.source.str.startswith("CACTI 7.0") & (rows.ports == ports)]
    sram = sram.assign(kib=sram.capacity_bytes / 1024, width=sram.word_bits / 64)
    return sram[sram.capacity_bytes * 8 / sram.word_bits / sram.banks >= FEWEST_WORDS]


def fit_log(residual: Callable[[Array], Array], start: Sequence[float]) -> tuple[Array, Array]:
    """Least squares on log(model / row); returns the parameters and the relative errors."""
    solution = least_squares(residual, start)
    return solution.x, np.expm1(solution.fun)


def fit_sram(sram: pd.DataFrame, column: str, by_width: bool) -> tuple[dict[int, float], Array, Array]:
    """K(node) C^p (f + w / 64), or K(node) C^p without a width; C in KiB, w in bits."""
    node_index = np.array([FITTED_NODES.index(node) for node in sram.node_nm])
    capacity, width = np.log(sram.kib.to_numpy()), sram.width.to_numpy()
    target = np.log(sram[column].to_numpy())
    count = len(FITTED_NODES)

    def residual(x: Array) -> Array:
        words = np.log(np.exp(x[count + 1]) + width) if by_width else 0.0
        return x[node_index] + x[count] * capacity + words - target

    start = [0.0] * count + [0.5] + ([0.0] if by_width else [])
    x, errors = fit_log(residual, start)
    shape = np.append(x[count], np.exp(x[count + 1 :]))
    return {n: float(np.exp(k)) for n, k in zip(FITTED_NODES, x, strict=False)}, shape, errors


def print_sram(rows: pd.DataFrame) -> None:
    sram = sram_rows(rows)
    single = sram[sram.banks == 1]
    for column, by_width in (
        ("read_pj", True),
        ("write_pj", True),
        ("area_um2", False),
        ("leakage_uw", False),
    ):
        chosen = single if by_width else single[single.word_bits <= 128]
        scale, shape, errors = fit_sram(chosen, column, by_width)
        large = errors[(chosen.kib >= 32) & (chosen.word_bits == 64)]
        print(
            f"sram {column}: K { ({n: float(f'{k:.4g}') for n, k in scale.items()}) } shape {shape.round(3)}"
        )
        print(
            f"  {len(errors)} rows, mean error {abs(errors).mean():.3f}, max {abs(errors).max():.3f}; "
            f"64-bit from 32 KiB: mean {abs(large).mean():.3f}, max {abs(large).max():.3f}"
        )
    for ports in ("1r1w", "2rw"):
        pair = sram_rows(rows, ports).merge(
            single, on=["node_nm", "capacity_bytes", "word_bits", "banks"], suffixes=("", "_one")
        )
        for column in ("read_pj", "write_pj", "area_um2", "leakage_uw"):
            ratio = pair[column] / pair[f"{column}_one"]
            print(
                f"  ports {ports} {column}: {np.exp(np.log(ratio).mean()):.3f} of {ratio.round(2).tolist()}"
            )
    banked = sram[sram.banks > 1].merge(
        single, on=["node_nm", "capacity_bytes", "word_bits"], suffixes=("", "_one")
    )
    for column in ("read_pj", "write_pj", "area_um2", "leakage_uw"):
        ratio = banked[column] / banked[f"{column}_one"]
        print(f"  banks {column}: mean ratio {ratio.mean():.3f}, from {ratio.min():.2f} to {ratio.max():.2f}")


def print_thresholds() -> None:
    """Threshold of the alpha-power law from the delay polynomials, 0.7 to 1 times the nominal supply."""
    for node, nominal in technology_tables.NOMINAL_VDD_V.items():
        supplies = np.linspace(0.7 * nominal, nominal, 15)
        delays = np.array([technology.table_delay_ps(node, v) for v in supplies])

        def residual(x: Array, supplies: Array = supplies, delays: Array = delays) -> Array:
            overdrive = np.maximum(supplies - x[0], 1e-6)
            return np.log(np.exp(x[1]) * supplies / overdrive**technology.ALPHA) - np.log(delays)

        x, errors = fit_log(residual, [0.3 * nominal, np.log(delays[-1] / 2)])
        monotone = bool((np.diff(delays) < 0).all())
        print(
            f"threshold {node} nm: {x[0]:.3f} V, max error {abs(errors).max():.3f}, "
            f"{'' if monotone else 'polynomial not '}monotone"
        )


def print_arithmetic(rows: pd.DataFrame) -> None:
    """The two-point laws through Horowitz's operations at 45 nm (two rows, two constants: no residual)."""
    at = rows[rows.source.str.startswith("Horowitz")].set_index(["component", "word_bits"])
    for column in ("read_pj", "area_um2"):
        cell = {name: float(at.loc[name, column]) for name in at.index}  # type: ignore[call-overload]
        for unit, small in (("int_adder", 8), ("int_multiplier", 8), ("fp_adder", 16)):
            low, high = cell[(unit, small)], cell[(unit, 32)]
            print(f"{unit} {column}: {low} x (bits / {small})^{np.log(high / low) / np.log(32 / small):.3f}")
        # significands of 11 and 24 bits with the hidden one
        per_square, per_bit = np.linalg.solve(
            [[11**2, 16], [24**2, 32]], [cell["fp_multiplier", 16], cell["fp_multiplier", 32]]
        )
        print(f"fp_multiplier {column}: {per_square:.6g} significand^2 + {per_bit:.6g} width")


def print_read_multiplexer(rows: pd.DataFrame) -> None:
    """One 2-input multiplexer a stored bit (7 in an 8-input tree), relative to Aladdin's register bit."""
    for node in (32, 22):
        mux = rows[(rows.component == "mux_8_inputs") & (rows.node_nm == node)].iloc[0]
        flop = rows[(rows.component == "flip_flop") & (rows.node_nm == node)].iloc[0]
        register_pj = 0.009 * technology.energy_scale(40, node)
        print(
            f"mux per stored bit at {node} nm: {mux.read_pj / 56 / register_pj:.4f} of a register's energy, "
            f"area {mux.area_um2 / 56 / (flop.area_um2 / 8):.3f} of a flip-flop"
        )


def print_ddr4() -> None:
    """Device energy per bit by Micron's TN-40-07 method: 8 Gb x8 DDR4-3200, currents as in Ramulator 2."""
    supply_v, tck_ns, bits_per_burst, gbit_s = 1.2, 0.625, 64, 25.6
    idd0, idd2n, idd3n, idd4r, idd5b = 60.0, 50.0, 55.0, 145.0, 362.0  # mA
    column = supply_v * (idd4r - idd3n) * 4 * tck_ns / bits_per_burst
    row = supply_v * ((idd0 - idd3n) * 32.5 + (idd0 - idd2n) * 13.75)  # pJ, one activate and precharge
    refresh = supply_v * (idd5b - idd3n) * 350.0 / 7800.0 / gbit_s
    background = supply_v * idd3n / gbit_s
    for bursts_per_row, use in ((16, 1.0), (1, 0.5)):
        device = column + row / (bursts_per_row * bits_per_burst) + (refresh + background) / use
        print(f"DDR4 device, {bursts_per_row} bursts a row, {use:.0%} of the bandwidth: {device:.1f} pJ/bit")


def main() -> None:
    rows = pd.read_csv(ROWS)
    print_sram(rows)
    print_thresholds()
    print_arithmetic(rows)
    print_read_multiplexer(rows)
    print_ddr4()


if __name__ == "__main__":
    main()
