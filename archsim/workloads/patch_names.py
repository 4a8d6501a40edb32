"""Names of what belongs to one patch: `conv1@0,3` is layer (or tensor) `conv1` in row 0 and column 3."""

from __future__ import annotations

import re

_OF_A_PATCH = re.compile(r"@\d+,\d+$")


def patch_name(name: str, row: int, column: int) -> str:
    return f"{name}@{row},{column}"


def whole_name(name: str) -> str:
    """The layer (or tensor) of the network that one of a patch is a part of; any other name as it is."""
    return _OF_A_PATCH.sub("", name)


def is_of_a_patch(name: str) -> bool:
    return _OF_A_PATCH.search(name) is not None
