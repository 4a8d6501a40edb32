"""Write the validation summary of README.md anew: python scripts/write_validation_summary.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median

from archsim.atomic import whole_file
from archsim.validation import Comparison, compare

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- validation summary -->\n", "<!-- end of validation summary -->"


def summary(rows: Sequence[Comparison]) -> str:
    """A line a system: how many figures, and how far the predicted ones are off."""
    lines = [
        "| system | figures | calibrated | predicted | error of those predicted: median, most |",
        "|---|---:|---:|---:|---:|",
    ]
    for system in dict.fromkeys(row.system for row in rows):
        own = [row for row in rows if row.system == system]
        errors = [row.error_percent for row in own if row.kind == "predicted"]
        told = f"{median(map(abs, errors)):.1f} %, {max(errors, key=abs):+.1f} %" if errors else ""
        lines.append(f"| {system} | {len(own)} | {len(own) - len(errors)} | {len(errors)} | {told} |")
    return "\n".join(lines) + "\n"


def with_summary(text: str, rows: Sequence[Comparison]) -> str:
    """README's text with the summary in its place."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{summary(rows)}{END}{after}"


if __name__ == "__main__":
    text = with_summary(README.read_text(encoding="utf-8"), compare())
    with whole_file(README) as file:
        file.write_text(text, encoding="utf-8")
