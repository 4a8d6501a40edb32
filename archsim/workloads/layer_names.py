"""Layer names, no two the same."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Names:
    """Makes names unique by a number at their end."""

    _seen: set[str] = field(default_factory=set)

    def unique(self, name: str) -> str:
        candidate, count = name, 1
        while candidate in self._seen:
            count += 1
            candidate = f"{name}_{count}"
        self._seen.add(candidate)
        return candidate
