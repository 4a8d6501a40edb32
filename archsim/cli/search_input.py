"""The study that the options of `archsim search` describe: a file with changes, or a model on a machine."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.dse.selection.problem import Problem
    from archsim.dse.study import Study

NESTED = ("bits", "hardware", "budgets", "dims")
"""Parts of a study of which options change single keys."""
FOR_TABLES = ("time_limit_s", "gap")
"""Options that a study made of tables knows."""


def read_study(name: str, accelerator: str | None, given: Mapping[str, Any]) -> Study | Problem:
    """The study of a name or path with what the options change; with an accelerator, of a model.

    Raises InputError for a study or an option that is wrong.
    """
    from archsim.dse.study_files import load_study, read_study_file

    if accelerator is not None:
        named = {"name": f"{name} on {accelerator}", "workload": name, "accelerator": accelerator}
        return _needing(given, load_study({**named, **given}))
    found = read_study_file(name)
    if not isinstance(found, dict):
        wrong = [key for key in given if key not in FOR_TABLES]
        if wrong:
            raise InputError(f"{name} is a study of tables: it has no {wrong[0]} to change by an option")
        _check_terms(**given)
        return found
    if not given:
        return load_study(name)
    changed = {
        key: {**found.get(key, {}), **value} if key in NESTED and isinstance(found.get(key), dict) else value
        for key, value in given.items()
    }
    return _needing(given, load_study({**found, **changed}))


def _check_terms(time_limit_s: float = 1.0, gap: float = 0.0) -> None:
    """What a study checks of its own terms. Raises InputError for no time, and a share that is none."""
    if not 0 < time_limit_s < math.inf:
        raise InputError(f"--time-limit {time_limit_s:g}: give a number of seconds above 0")
    if not 0 <= gap < 1:
        raise InputError(f"--gap {gap:g}: give a share of at least 0 and below 1, as in 0.01")


def _needing(given: Mapping[str, Any], study: Study | Problem) -> Study | Problem:
    """The study, if something in it reads the tables that options name. Raises InputError else."""
    from archsim.dse.study import Study
    from archsim.dse.study_checks import reads_fault_losses, reads_sensitivity

    assert isinstance(study, Study)
    if "sensitivity" in given and not reads_sensitivity(study):
        raise InputError(
            "--sensitivity: no goal and no budget reads the table; "
            "give --max-sensitivity or --minimize sensitivity, or leave it out"
        )
    if "ber_sensitivity" in given and not reads_fault_losses(study):
        raise InputError(
            "--ber-sensitivity: no goal and no budget reads the table; "
            "give --max fault_loss=LIMIT or --min-accuracy, or leave it out"
        )
    return study


def parse_bit_choices(weights: str | None, activations: str | None, pins: Sequence[str]) -> dict[str, Any]:
    """The `bits` of a study. Raises InputError for text that is none."""
    bits: dict[str, Any] = {}
    if weights is not None:
        bits["weights"] = whole_numbers("--bits", weights)
    if activations is not None:
        bits["activations"] = whole_numbers("--activation-bits", activations)
    if pins:
        bits["layers"] = _each_once("--pin", map(_pinned, pins))
    return bits


def parse_open_fields(fields: Sequence[str]) -> dict[str, list[Any]]:
    """`["array.rows=8,16"]` as `{"array.rows": [8, 16]}`; `a+b=…` sets two paths alike."""
    return _each_once("--open", map(_opened, fields))


def _opened(text: str) -> tuple[str, list[Any]]:
    path, _, values = text.partition("=")
    if not path.strip() or not values.strip():
        raise InputError(f"--open {text!r} is not understood; write PATH=VALUE,VALUE,…")
    return path.strip().replace("+", ", "), [_value(value.strip()) for value in values.split(",")]


def parse_limits(limits: Mapping[str, str | None], more: Sequence[str]) -> dict[str, float | str]:
    """Budgets by name; a limit is a number or a share of the baseline's."""
    given = {name: limit for name, limit in limits.items() if limit is not None}
    for text in more:
        name, _, limit = (part.strip() for part in text.partition("="))
        if not name or not limit:
            raise InputError(f"--max {text!r} is not understood; write NAME=LIMIT")
        if name in given:
            raise InputError(f"--max {text!r}: {name} has a limit already, {given[name]}; give it one")
        given[name] = limit
    return {name: _limit(name, limit) for name, limit in given.items()}


def _limit(name: str, text: str) -> float | str:
    if text.rstrip().endswith("%"):
        return text
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not math.isfinite(limit):
        raise InputError(
            f"the limit of {name} is {text!r}; give a number, or a share of the baseline's as in 90%"
        )
    return limit


def _pinned(text: str) -> tuple[str, dict[str, list[int]]]:
    from archsim.workloads.precision import Precision

    layer, _, precision = text.rpartition("=")
    if not layer.strip():
        raise InputError(f"--pin {text!r} is not understood; write LAYER=w8a8 (or a pattern, first, last)")
    bits = Precision.parse(precision)
    return layer.strip(), {"weights": [bits.weight_bits], "activations": [bits.activation_bits]}


def whole_numbers(option: str, text: str) -> list[int]:
    """Bit-widths separated by commas. Raises InputError for other text."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 1 <= int(part) <= 32 for part in parts):
        raise InputError(f"{option} {text!r} is not understood; write bit-widths as in 2,4,8")
    found = [int(part) for part in parts]
    if len(set(found)) < len(found):
        raise InputError(f"{option} {text!r} has a width twice")
    return found


def _each_once(option: str, given: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given:
        if name in found:
            raise InputError(f"{option} {name} is given twice")
        found[name] = value
    return found


def _value(text: str) -> bool | int | float | str:
    """Raises InputError for what is a number to Python and none to a machine (nan, inf)."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return {"true": True, "false": False}.get(text.lower(), text)
    if not math.isfinite(number):
        raise InputError(f"--open: {text} is no value for a field; give a number, a word, true or false")
    return number
