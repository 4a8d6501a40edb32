"""Published figures against what archsim simulates, each calibrated or predicted."""

from archsim.validation.figure import PublishedFigure
from archsim.validation.table import Comparison, all_figures, compare

__all__ = ["Comparison", "PublishedFigure", "all_figures", "compare"]
