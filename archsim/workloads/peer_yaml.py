"""YAML files of other simulators: read safely, with the place of every key for messages.

Timeloop's tags (`!Component`, ...) become mappings that remember their tag; any other tag is refused. Of the
templates that Timeloop's front end expands before it reads YAML, two are covered, because its collections of
layer shapes are made of them: `{{include_text('other.yaml')}}`, and `<<<: *base`, a merge that reaches into
nested mappings. Other templates are refused.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from archsim.errors import InputError
from archsim.violations import said_of_yaml

TAGS = ("Container", "Component", "Parallel", "Hierarchical", "Pipelined", "Nothing")
_INCLUDE = re.compile(r"\{\{\s*include_text\(\s*['\"]([^'\"\n]+)['\"]\s*\)\s*\}\}")
_TEMPLATE = re.compile(r"\{\{|\{%")
_DEEP_MERGE = "<<<"
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 60
_DEEPEST = 50  # levels of nesting; no file of these formats has ten
_LARGEST = 10_000_000  # bytes


class YamlMap(dict[Any, Any]):
    """A mapping of a YAML file: its tag ("" if none), and the line of every key where it is known."""

    tag: str = ""
    lines: Mapping[str, int] = {}


class _Loader(yaml.SafeLoader):
    """The safe loader, which builds plain values only, with mappings as YamlMap."""


def _construct_map(loader: _Loader, node: yaml.Node) -> Iterator[YamlMap]:
    assert isinstance(node, yaml.MappingNode)
    made = YamlMap()
    yield made  # now, so that an alias inside the mapping can refer to it
    made.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    made.update(loader.construct_mapping(node))


def _construct_tagged(loader: _Loader, suffix: str, node: yaml.Node) -> YamlMap:
    if suffix not in TAGS or isinstance(node, yaml.SequenceNode):
        allowed = ", ".join(f"!{tag}" for tag in TAGS)
        raise yaml.constructor.ConstructorError(
            None, None, f"tag !{suffix} is not covered; allowed, on a mapping: {allowed}", node.start_mark
        )
    made = YamlMap()
    if isinstance(node, yaml.MappingNode):
        made.update(loader.construct_mapping(node, deep=True))
        made.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    made.tag = suffix
    return made


_Loader.add_constructor("tag:yaml.org,2002:map", _construct_map)
_Loader.add_multi_constructor("!", _construct_tagged)


@dataclass(frozen=True)
class Part:
    """A mapping in a peer's file, with the place that messages name. Every reader raises InputError."""

    file: Path
    place: str  # as in memories.dram; "" at the top
    data: YamlMap
    has_lines: bool = True

    def __contains__(self, key: object) -> bool:
        return self.data.get(key) is not None

    @property
    def tag(self) -> str:
        return self.data.tag

    def refuse(self, key: str, message: str) -> NoReturn:
        """Raise InputError at a key of this mapping ("" for the mapping itself)."""
        line = self.data.lines.get(key) if self.has_lines else None
        where = f"{self.file}, line {line}" if line else str(self.file)
        place = ".".join(part for part in (self.place, key) if part)
        raise InputError(f"{where}: {place}: {message}" if place else f"{where}: {message}")

    def only(self, *allowed: str) -> None:
        """Refuse a key that is none of these."""
        for key in self.data:
            if key not in allowed:
                self.refuse(
                    str(key)[:60], f"is not covered; allowed here: {', '.join(allowed)}; remove the key"
                )

    def text(self, key: str, default: str | None = None) -> str:
        return self._read(key, default, lambda value: isinstance(value, str), "a text")

    def scalar(self, key: str, default: str | None = None) -> str:
        """A text, or a number as text: versions and nodes are written either way."""
        return str(self._read(key, default, lambda value: isinstance(value, str | int | float), "one word"))

    def flag(self, key: str, default: bool) -> bool:
        return self._read(key, default, lambda value: isinstance(value, bool), "true or false")

    def whole(self, key: str, default: int | None = None, least: int = 1) -> int:
        """A whole number; 64 and 64.0 are the same."""
        value = self.number(key, default, least)
        if value != int(value):
            self.refuse(key, f"is {value}; it must be a whole number")
        return int(value)

    def number(self, key: str, default: float | None = None, least: float = 0) -> float:
        """A number. YAML 1.1 takes 1e-9 for a text, and so do the peers: it is read as a number."""
        value = self.data.get(key)
        if isinstance(value, str) and re.fullmatch(r"[0-9.]+[eE][-+]?[0-9]{1,3}", value):
            try:
                value = float(value)
            except ValueError:
                value = self.data[key]
        value = default if value is None else value
        if value is None:
            self.refuse(key, "is missing; give a number")
        if isinstance(value, bool) or not isinstance(value, int | float):
            expression = (
                " (expressions are not evaluated: write their value)" if isinstance(value, str) else ""
            )
            self.refuse(key, f"is {brief(value)}; it must be a number{expression}")
        if not least <= value <= 1e18:
            self.refuse(key, f"is {value:g}; it must be a number from {least:g} to 1e18")
        return value

    def words(self, key: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        value = self._read(key, default, lambda value: isinstance(value, Sequence), "a list of names")
        if isinstance(value, str) or not all(isinstance(word, str) for word in value):
            self.refuse(key, f"is {brief(value)}; it must be a list of names")
        return tuple(value)

    def items(self, key: str, default: Sequence[Any] | None = None) -> list[Any]:
        return list(self._read(key, default, lambda value: isinstance(value, list | tuple), "a list"))

    def part(self, key: str, *, optional: bool = False) -> Part:
        """A mapping inside; an optional one that is not there is empty."""
        value = self.data.get(key, YamlMap() if optional else None)
        return self.inside(key, YamlMap() if value is None and optional else value)

    def parts(self, key: str) -> list[Part]:
        """The mappings in a list."""
        return [self.inside(f"{key}[{i}]", value) for i, value in enumerate(self.items(key))]

    def inside(self, key: str, value: object) -> Part:
        if value is None and key not in self.data:
            self.refuse(key, "is missing")
        if not isinstance(value, YamlMap):
            self.refuse(key, f"is {brief(value)}; it must be a mapping of keys to values")
        place = f"{self.place}.{key}" if self.place else key
        return Part(self.file, place, value, self.has_lines)

    def _read(self, key: str, default: Any, fits: Callable[[Any], bool], what: str) -> Any:
        value = self.data.get(key)
        value = default if value is None else value
        if value is None:
            self.refuse(key, f"is missing; give {what}")
        if not fits(value):
            self.refuse(key, f"is {brief(value)}; it must be {what}")
        return value


def read_peer_yaml(path: Path) -> list[Part]:
    """The mapping in a YAML file, or the mappings in a list. Raises InputError naming the file."""
    text = _text(path)
    expanded = _INCLUDE.sub(lambda match: _included(path, match[1]), text)
    if _TEMPLATE.search(_without_comments(expanded)):
        raise InputError(
            f"{path}: holds templates ({{{{ }}}} or {{% %}}), of which only include_text is covered; "
            "write out what they stand for"
        )
    try:
        data = _merged(yaml.load(expanded, Loader=_Loader), {})
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not valid YAML: {said_of_yaml(error)}") from None
    except (RecursionError, ValueError, OverflowError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: holds a value YAML cannot take: {' '.join(str(error).split())}") from None
    whole = data if isinstance(data, list) else [data]
    if not whole or not all(isinstance(item, YamlMap) for item in whole):
        raise InputError(f"{path}: is empty, or neither a mapping of keys to values nor a list of mappings")
    named = isinstance(data, list)
    return [Part(path, f"[{i}]" if named else "", item, expanded == text) for i, item in enumerate(whole)]


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path}: is larger than {_LARGEST:,} bytes; split it into several files")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not text in UTF-8, so not a YAML file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None


def _included(path: Path, name: str) -> str:
    """The text of a file named in another, next to which it is looked for."""
    try:
        return _text(path.parent / name)
    except InputError as error:
        raise InputError(f"{path}: include_text('{name}'): {error}") from None


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)(^|\s)#.*$", "", text)


def _merged(value: Any, done: dict[int, Any], depth: int = 0) -> Any:
    """The value with every `<<<` resolved: its mapping is what is not said otherwise beside it.

    `done` holds what was resolved before, by identity: an alias is resolved once, however often it is used.
    """
    if depth > _DEEPEST:
        raise ValueError(f"nested deeper than {_DEEPEST} levels")
    if id(value) not in done:
        if isinstance(value, list):
            done[id(value)] = [_merged(item, done, depth + 1) for item in value]
        elif isinstance(value, YamlMap):
            done[id(value)] = _merged_map(value, done, depth)
        else:
            return value
    return done[id(value)]


def _merged_map(value: YamlMap, done: dict[int, Any], depth: int) -> YamlMap:
    own = YamlMap(
        {key: _merged(inner, done, depth + 1) for key, inner in value.items() if key != _DEEP_MERGE}
    )
    own.tag, own.lines = value.tag, value.lines
    bases = value.get(_DEEP_MERGE, [])
    for base in bases if isinstance(bases, list) else [bases]:
        if not isinstance(base, YamlMap):
            raise ValueError(f"{_DEEP_MERGE} must name a mapping")
        own = _over(_merged(base, done, depth + 1), own)
    return own


def _over(base: YamlMap, above: YamlMap) -> YamlMap:
    """`above` where it says something, else `base`."""
    result = YamlMap(base)
    result.tag, result.lines = above.tag or base.tag, {**base.lines, **above.lines}
    for key, value in above.items():
        both = isinstance(value, YamlMap) and isinstance(base.get(key), YamlMap)
        result[key] = _over(base[key], value) if both else value
    return result


def brief(value: object) -> str:
    """A value of a file for a message: never long, however deep its aliases go."""
    return _BRIEF.repr(value)
