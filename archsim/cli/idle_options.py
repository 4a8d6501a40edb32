"""Options that would change nothing are refused: whoever gave one expects otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from archsim.errors import InputError


def refuse_idle(options: Mapping[str, object], reason: str) -> None:
    """Raise InputError where one of these is given: its name, and then `reason`, as in "goes with --on"."""
    given = [
        name for name, value in options.items() if value is not None and value is not False and value != []
    ]
    if given:
        raise InputError(f"{given[0]} {reason}")
