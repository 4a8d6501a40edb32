"""The nodes of a Timeloop architecture, walked from the outermost in.

A container holds all nodes after it; its `spatial` makes copies of them, its attributes are theirs too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from archsim.workloads.peer_yaml import Part, YamlMap

LOOPS = {"N": "B", "G": "G", "M": "K", "K": "K", "C": "C", "P": "P", "Q": "Q", "R": "R", "S": "S"}
_SIDES = {"columns": "meshX", "rows": "meshY"}
_GROUPS = ("Parallel", "Hierarchical")
_NODE_KEYS = ("name", "class", "subclass", "attributes", "spatial", "constraints", "required_actions")
_FACTOR = re.compile(r"\s*(\w+)\s*(==?|<=?|>=?)\s*([0-9]{1,7})\s*")


@dataclass(frozen=True)
class Node:
    """A component, with the attributes of the containers around it."""

    part: Part
    attributes: Part
    mesh: tuple[int, int]  # copies along columns and rows

    @property
    def name(self) -> str:
        return self.part.text("name")

    @property
    def kind(self) -> str:
        return f"{self.part.text('class', '')} {self.part.text('subclass', '')}".lower()


@dataclass(slots=True)
class Walk:
    """What was met on the way down."""

    nodes: list[Node] = field(default_factory=list)
    spread: dict[str, dict[str, int]] = field(default_factory=lambda: {side: {} for side in _SIDES})
    undecided: dict[str, Part] = field(default_factory=dict)  # side -> the node that leaves it to the mapper
    attributes: YamlMap = field(default_factory=YamlMap)
    mesh: tuple[int, int] = (1, 1)

    def down(self, group: Part) -> None:
        """Go through a group's nodes. Raises InputError for a node that is not covered."""
        for part in group.parts("nodes"):
            if group.tag == "Parallel" and ("spatial" in part or part.tag == "Container"):
                part.refuse(
                    "", "makes copies inside !Parallel, which is not covered; put memories alone there"
                )
            if part.tag in _GROUPS:
                part.only("nodes", "name", "constraints")
                self.down(part)
            elif part.tag in ("Container", "Component"):
                part.only(*_NODE_KEYS)
                self._enter(part)
            elif part.tag != "Nothing":
                allowed = ", ".join(f"!{tag}" for tag in ("Container", "Component", *_GROUPS, "Nothing"))
                part.refuse("", f"has tag !{part.tag}; covered: {allowed}")

    def _enter(self, part: Part) -> None:
        spatial = part.part("spatial", optional=True)
        spatial.only(*_SIDES.values())
        copies = {side: spatial.whole(key, 1) for side, key in _SIDES.items()}
        self._spread(part, {side: count for side, count in copies.items() if count > 1})
        self.mesh = (self.mesh[0] * copies["columns"], self.mesh[1] * copies["rows"])
        own = part.part("attributes", optional=True)
        merged = YamlMap({**self.attributes, **own.data})
        merged.lines = own.data.lines
        if part.tag == "Container":
            self.attributes = merged
        else:
            self.nodes.append(Node(part, Part(own.file, own.place, merged, own.has_lines), self.mesh))

    def _spread(self, part: Part, copies: Mapping[str, int]) -> None:
        """The loops over each side, where the node's spatial constraints leave no choice."""
        if not copies:
            return
        spatial = part.part("constraints", optional=True).part("spatial", optional=True)
        fixed = _factors(spatial)
        order = spatial.words("permutation", ())
        split = spatial.data.get("split")
        for side, count in copies.items():
            mine = order
            if len(copies) > 1 and isinstance(split, int):  # the permutation's first `split` go along X
                mine = order[:split] if side == "columns" else order[split:]
            chosen = {d: n for d, n in fixed.items() if n > 1 and (len(copies) == 1 or d in mine)}
            free = [d for d in mine if d not in fixed]
            if not chosen and len(free) == 1:
                chosen = {free[0]: count}
            if not chosen or prod(chosen.values()) > count or not set(chosen) <= set(LOOPS):
                self.undecided[side] = part
                continue
            for dimension, factor in chosen.items():
                loop = LOOPS[dimension]
                self.spread[side][loop] = self.spread[side].get(loop, 1) * factor


def _factors(spatial: Part) -> dict[str, int]:
    """Factors given exactly; those with < or > leave a choice, and `factors_only` sets all others to 1."""
    only = "factors_only" in spatial
    key = "factors_only" if only else "factors"
    value = spatial.data.get(key)
    words = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else spatial.words(key, ())
    found = dict.fromkeys(LOOPS, 1) if only else {}
    for word in words:
        match = _FACTOR.fullmatch(word)
        if match is None:
            spatial.refuse(key, f"holds {word[:40]!r}; allowed: C=16, as a list or separated by spaces")
        found.pop(match[1], None)
        if match[2] in ("=", "==") and int(match[3]):  # 0: what is left of the dimension
            found[match[1]] = int(match[3])
    return found
