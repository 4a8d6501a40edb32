"""Numbers as people read them: four significant digits and the prefix that fits.

Traffic is told in kB, MB, GB (powers of 1000), memory held in KiB, MiB, GiB (powers of 1024).
"""

from __future__ import annotations

import math

_SI = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_ENERGY = ((1e12, "J"), (1e9, "mJ"), (1e6, "µJ"), (1e3, "nJ"), (1.0, "pJ"))
_TRAFFIC = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_MEMORY = ((1024.0**4, "TiB"), (1024.0**3, "GiB"), (1024.0**2, "MiB"), (1024.0, "KiB"), (1.0, "B"))
_DURATION = ((1e3, "s"), (1.0, "ms"), (1e-3, "µs"), (1e-6, "ns"))
MISSING = "–"


def digits(value: float | None, significant: int = 4) -> str:
    """`value` at so many significant digits, thousands apart, without an exponent where it can be read."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.{significant - 1}e}"
    rounded = float(f"{value:.{significant - 1}e}")  # 999.99 has the decimals of 1000
    decimals = max(0, significant - 1 - math.floor(math.log10(abs(rounded))))
    return f"{value:,.{decimals}f}"


def _scaled(value: float | None, steps: tuple[tuple[float, str], ...]) -> str:
    if value is None or not math.isfinite(value):
        return MISSING
    # 0.9999 of a step still prints as the step itself
    fitting = (step for step in steps if abs(value) >= step[0] * 0.99995)
    factor, unit = next(fitting, steps[-1])
    exact = factor == 1.0 and float(value).is_integer() and abs(value) < 10_000
    number = f"{value:,.0f}" if exact else digits(value / factor)
    return f"{number} {unit}".rstrip()


def count(value: float | None) -> str:
    """1160000000 -> '1.160 G'."""
    return _scaled(value, _SI)


def energy(value_pj: float | None) -> str:
    """1234567.0 pJ -> '1.235 µJ'."""
    return _scaled(value_pj, _ENERGY)


def traffic(value_bytes: float | None) -> str:
    """Bytes moved, powers of 1000: 1500000 -> '1.500 MB'."""
    return _scaled(value_bytes, _TRAFFIC)


def memory(value_bytes: float | None) -> str:
    """Bytes held, powers of 1024: 1048576 -> '1.000 MiB'."""
    return _scaled(value_bytes, _MEMORY)


def duration(value_ms: float | None) -> str:
    """0.25 ms -> '250.0 µs'."""
    return _scaled(value_ms, _DURATION) if value_ms else digits(value_ms) + " ms"


def cycles(value: float) -> str:
    """Whole cycles, or a mean over several inputs with its fraction: 1024.5 -> '1,024.50'."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def percent(fraction: float | None) -> str:
    """0.1234 -> '12.3 %'."""
    return MISSING if fraction is None or not math.isfinite(fraction) else f"{100 * fraction:.1f} %"
