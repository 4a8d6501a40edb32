"""Where the library of accelerators, workloads and studies lies: in a wheel or a source checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from archsim.errors import InputError

LibraryKind = Literal["accelerators", "workloads", "dse"]

_PACKAGE = Path(__file__).resolve().parent


def library_folder(kind: LibraryKind) -> Path:
    """`<package>/library/<kind>` (wheel), else `<checkout>/<kind>`. Raises InputError if neither is there."""
    installed = _PACKAGE / "library" / kind
    if installed.is_dir():
        return installed
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / kind).is_dir():
        return checkout / kind
    raise InputError(
        f"the library of {kind} is missing: there is no {installed} and no {checkout / kind}; "
        "install archsim again"
    )
