"""Bit-widths as options give them: by layer, or as a range."""

from __future__ import annotations

import re

from archsim.errors import InputError


def parse_layer_bits(text: str | None) -> str | dict[str, str] | None:
    """`w4a8` as it is; `w4a4,first=w8a8,conv*=w4a8` by layer, with the others at the one without a name.

    Raises InputError for more than one of these, or a layer that is there twice.
    """
    if text is None or ("," not in text and "=" not in text):
        return text
    found: dict[str, str] = {}
    others: list[str] = []
    for word in text.split(","):
        layer, equals, bits = (part.strip() for part in word.rpartition("="))
        if not equals:
            others.append(bits)
        elif not layer or layer in found:
            raise InputError(f"--bits {text!r}: {word!r} names no layer, or one that is there already")
        else:
            found[layer] = bits
    if len(others) > 1:
        raise InputError(
            f"--bits {text!r}: {others[0]} and {others[1]} name no layer; one may, for all others"
        )
    return found | ({"*": others[0]} if others else {})


def parse_range(text: str, option: str) -> tuple[int, ...]:
    """`4..8`, `4,6,8` or a mixture, as whole numbers from 1 to 16. Raises InputError for anything else."""
    found: set[int] = set()
    for word in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,2})(?:\.\.(\d{1,2}))?\s*", word)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= last <= 16:
            raise InputError(
                f"{option} {text!r} is not understood; write whole numbers from 1 to 16, as in {option} 4..8"
            )
        found.update(range(first, last + 1))
    return tuple(sorted(found))
