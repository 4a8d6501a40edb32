"""Reading a YAML file against a pydantic model, with errors that name file, line, key and mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from archsim.errors import InputError
from archsim.violations import Key, place_in, said, said_of_yaml

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

M = TypeVar("M", bound="BaseModel")
_SAYS_ITSELF = ("extra_forbidden", "missing", "union_tag_invalid", "value_error")
"""Kinds of violation whose message has the value in it, if there is one."""


def read_yaml(path: Path) -> tuple[dict[str, Any], yaml.Node]:
    """The mapping in a YAML file and its node tree (for line numbers). Raises InputError."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give the YAML file in it")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text in UTF-8, so not a YAML file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None:
            _refuse_repeated_keys(path, node)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not valid YAML: {said_of_yaml(error)}") from None
    except (RecursionError, ValueError, OverflowError) as error:
        raise InputError(f"{path}: holds a value YAML cannot take: {_one_line(error)}") from None
    if node is None or not isinstance(data, dict):
        raise InputError(f"{path}: is empty or not a mapping of keys to values")
    return data, node


def validate(model: type[M], data: Any, *, where: str, node: yaml.Node | None = None) -> M:
    """`data` as `model`; every violation becomes one line of a single InputError."""
    from pydantic import ValidationError

    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InputError("\n".join(_lines(model, error, data, where, node))) from None


def _lines(
    model: type[BaseModel], error: ValidationError, data: Any, where: str, node: yaml.Node | None
) -> Iterator[str]:
    """One line a place; what each branch of a union has to say of it is joined by "or"."""
    found: dict[str, list[str]] = {}
    given: dict[str, str] = {}
    for detail in error.errors(include_url=False):
        location = place_in(data, detail)
        line = _line_of(node, location)
        place = f"{where}, line {line}" if line else where
        key = f"{place}: {_dotted(location)}" if location else place
        found.setdefault(key, []).append(_explain(model, detail))
        if detail["type"] not in _SAYS_ITSELF and not isinstance(detail.get("input"), dict | list):
            given[key] = f" (given: {detail.get('input')!r})"
    for key, messages in found.items():
        yield f"{key}: {' or '.join(dict.fromkeys(messages))}{given.get(key, '')}"


def _explain(model: type[BaseModel], detail: ErrorDetails) -> str:
    if detail["type"] == "extra_forbidden":
        key = str(detail["loc"][-1])
        allowed = _keys_at(model, detail["loc"][:-1])
        close = difflib.get_close_matches(key, allowed, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return f"key {key!r} is not known{hint} Allowed keys: {', '.join(allowed)}".replace(
            "known Allowed", "known. Allowed"
        )
    if detail["type"] == "missing":
        return "this key is required and missing"
    if detail["type"] == "union_tag_invalid":
        context = detail.get("ctx", {})
        return (
            f"{context['discriminator']} {context['tag']!r} is not known; allowed: {context['expected_tags']}"
        )
    return said(detail)


def _keys_at(model: type[BaseModel], location: Sequence[Key]) -> list[str]:
    """The keys that a mapping at `location` may have, read off the model's JSON Schema."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def resolve(part: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in part:
            part = definitions[part["$ref"].rsplit("/", 1)[1]]
        return part

    part = resolve(schema)
    for key in location:
        choices = [resolve(p) for p in part.get("oneOf", part.get("anyOf", [part]))]
        tagged = [p for p in choices if _tag(p) == key]
        if tagged:
            part = tagged[0]
            continue
        holder = next((p for p in choices if "items" in p or key in p.get("properties", {})), {})
        child = holder.get("items") if isinstance(key, int) else holder.get("properties", {}).get(key)
        part = resolve(child or {})
    choices = [resolve(p) for p in part.get("oneOf", part.get("anyOf", [part]))]
    return sorted({key for p in choices for key in p.get("properties", {})})


def _tag(schema: dict[str, Any]) -> str | None:
    properties = schema.get("properties", {})
    return next((p["const"] for p in properties.values() if "const" in p), None)


def _child(node: yaml.Node | None, key: Key) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((v for k, v in node.value if k.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key]
    return None


def _line_of(node: yaml.Node | None, location: Sequence[Key]) -> int | None:
    if node is None:
        return None
    line = node.start_mark.line + 1
    for key in location:
        if isinstance(node, yaml.MappingNode):
            line = next((k.start_mark.line + 1 for k, _ in node.value if k.value == str(key)), line)
        node = _child(node, key)
        if node is None:
            break
        if isinstance(key, int):
            line = node.start_mark.line + 1
    return line


def _refuse_repeated_keys(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(path, item)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen if isinstance(key, yaml.ScalarNode) else False:
                raise InputError(f"{path}, line {key.start_mark.line + 1}: key {key.value!r} is given twice")
            seen.add(str(key.value))
            _refuse_repeated_keys(path, value)


def _dotted(location: Sequence[Key]) -> str:
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in location)
    return text.lstrip(".")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
