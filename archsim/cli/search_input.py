"""The study that the options of `archsim search` describe: a file with changes, or a model on a machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        return load_study({**named, **given})
    found = read_study_file(name)
    if not isinstance(found, dict):
        wrong = [key for key in given if key not in FOR_TABLES]
        if wrong:
            raise InputError(f"{name} is a study of tables: it has no {wrong[0]} to change by an option")
        return found
    if not given:
        return load_study(name)
    changed = {
        key: {**found.get(key, {}), **value} if key in NESTED and isinstance(found.get(key), dict) else value
        for key, value in given.items()
    }
    return load_study({**found, **changed})


def parse_bit_choices(weights: str | None, activations: str | None, pins: Sequence[str]) -> dict[str, Any]:
    """The `bits` of a study. Raises InputError for text that is none."""
    bits: dict[str, Any] = {}
    if weights is not None:
        bits["weights"] = whole_numbers("--bits", weights)
    if activations is not None:
        bits["activations"] = whole_numbers("--activation-bits", activations)
    if pins:
        bits["layers"] = dict(_pinned(pin) for pin in pins)
    return bits


def parse_open_fields(fields: Sequence[str]) -> dict[str, list[Any]]:
    """`["array.rows=8,16"]` as `{"array.rows": [8, 16]}`; `a+b=…` sets two paths alike."""
    found: dict[str, list[Any]] = {}
    for text in fields:
        path, _, values = text.partition("=")
        if not path.strip() or not values.strip():
            raise InputError(f"--open {text!r} is not understood; write PATH=VALUE,VALUE,…")
        found[path.strip().replace("+", ", ")] = [_value(value.strip()) for value in values.split(",")]
    return found


def parse_limits(limits: Mapping[str, str | None], more: Sequence[str]) -> dict[str, float | str]:
    """Budgets by name; a limit is a number or a share of the baseline's."""
    given = {name: limit for name, limit in limits.items() if limit is not None}
    for text in more:
        name, _, limit = text.partition("=")
        if not name.strip() or not limit.strip():
            raise InputError(f"--max {text!r} is not understood; write NAME=LIMIT")
        given[name.strip()] = limit.strip()
    return {name: _limit(name, limit) for name, limit in given.items()}


def _limit(name: str, text: str) -> float | str:
    if text.rstrip().endswith("%"):
        return text
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"the limit of {name} is {text!r}; give a number, or a share of the baseline's as in 90%"
        ) from None


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
    return [int(part) for part in parts]


def _value(text: str) -> bool | int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)
