"""What pydantic finds wrong with a value, or PyYAML with a text, in the words of whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml
    from pydantic_core import ErrorDetails

Key = str | int
_MAPPING = "should be a mapping of keys to values"
_WORDS = {
    "string_type": "should be a text",
    "dict_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dataclass_type": _MAPPING,
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
}


def said(detail: ErrorDetails) -> str:
    """What is wrong, without the place and without the value."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("too_short", "too_long"):
        most = kind == "too_long"
        limit = context["max_length" if most else "min_length"]
        return f"should have at {'most' if most else 'least'} {limit} entries, not {context['actual_length']}"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("String ")
    return _WORDS.get(kind, message)


def place_in(data: Any, detail: ErrorDetails) -> list[Key]:
    """The keys from `data` to the value; pydantic has names of a union's branches among them."""
    kept: list[Key] = []
    for key in detail["loc"]:
        held = _held(data)
        if key in held:
            data = held[key]
        elif not (detail["type"] == "missing" and key == detail["loc"][-1]):
            continue
        kept.append(key)
    return kept


def _held(data: Any) -> Mapping[Any, Any]:
    if isinstance(data, list | tuple):
        return dict(enumerate(data))
    return data if isinstance(data, Mapping) else {}


def said_of_yaml(error: yaml.YAMLError) -> str:
    """Line, column and problem on one line; without the text, and PyYAML's name for it."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return " ".join(str(error).split())
    context = getattr(error, "context", None)
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}{f' ({context})' if context else ''}"
