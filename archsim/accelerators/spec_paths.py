"""Fields of an accelerator's YAML by their path: `array.rows`, `memories.buffer.capacity_kib`.

A segment is a key of a mapping, or the name, kind or index of a list's item. The first segments may be left
out where what follows is in one place only: `buffer.capacity_kib` is the buffer among the memories.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from archsim.errors import InputError

Spec = dict[str, Any]
Place = tuple[str | int, ...]


def with_values(spec: Mapping[str, Any], values: Mapping[str, Any]) -> Spec:
    """A copy of the spec with the values at their paths; other fields stay.

    A field that the spec leaves out is set if the mapping that would hold it is there: whether the family has
    such a field is for its validation to say. Raises InputError for a path that leads nowhere.
    """
    changed = copy.deepcopy(dict(spec))
    for path, value in values.items():
        holder: Any = changed
        *outer, last = place_of(changed, path)
        for key in outer:
            holder = holder[key]
        holder[last] = value
    return changed


def value_at(spec: Mapping[str, Any], path: str) -> Any:
    """The value at a path; None where the spec leaves the field out. Raises InputError as `with_values`."""
    found: Any = spec
    *outer, last = place_of(spec, path)
    for key in outer:
        found = found[key]
    return found.get(last) if isinstance(found, Mapping) else found[last]


def place_of(spec: Mapping[str, Any], path: str) -> Place:
    """The keys and indices that lead to a path's field. Raises InputError where there is none, or several."""
    segments = path.split(".")
    if not all(segments):
        raise InputError(f"hardware path {path!r} has an empty part; write it as array.rows")
    direct = _follow(spec, segments)
    if direct is not None:
        return direct
    inside = [
        (*start, *rest)
        for start, part in _parts(spec)
        if start and (rest := _follow(part, segments)) is not None
    ]
    if len(inside) == 1:
        return inside[0]
    if inside:
        places = ", ".join(_dotted(place) for place in inside)
        raise InputError(f"hardware path {path!r} may mean several fields: {places}; write one of them whole")
    known = [_dotted(place) for place in _leaves(spec)]
    close = difflib.get_close_matches(path, known, n=3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise InputError(f"hardware path {path!r} leads to no field of the accelerator{hint}")


def _follow(part: Any, segments: list[str]) -> Place | None:
    """The place of the segments inside a part. The last may be a new key of a mapping that they lead to."""
    place: list[str | int] = []
    for number, segment in enumerate(segments):
        key = _key(part, segment)
        if key is None:
            is_new = 0 < number == len(segments) - 1 and isinstance(part, Mapping)
            return (*place, segment) if is_new else None
        place.append(key)
        part = part[key]
    return tuple(place)


def _key(part: Any, segment: str) -> str | int | None:
    if isinstance(part, Mapping):
        return segment if segment in part else None
    if not isinstance(part, list):
        return None
    for field in ("name", "kind"):
        matching = [
            i for i, item in enumerate(part) if isinstance(item, Mapping) and item.get(field) == segment
        ]
        if len(matching) == 1:
            return matching[0]
    return int(segment) if segment.isdecimal() and int(segment) < len(part) else None


def _parts(part: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every mapping and list in the spec, with its place."""
    if isinstance(part, Mapping | list):
        yield place, part
        items = part.items() if isinstance(part, Mapping) else enumerate(part)
        for key, value in items:
            yield from _parts(value, (*place, key))


def _leaves(spec: Mapping[str, Any]) -> Iterator[Place]:
    for place, part in _parts(spec):
        if isinstance(part, Mapping):
            named = _named(spec, place)
            yield from ((*named, key) for key, value in part.items() if not isinstance(value, Mapping | list))


def _named(spec: Any, place: Place) -> Place:
    """A place with list items by their names, where they have one."""
    names: list[str | int] = []
    for key in place:
        spec = spec[key]
        names.append(spec.get("name", key) if isinstance(key, int) and isinstance(spec, Mapping) else key)
    return tuple(names)


def _dotted(place: Place) -> str:
    return ".".join(map(str, place))
