"""The scripts of a page are one script: a function that is there twice hides the first one."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator

import pytest

import archsim.reports
from archsim.reports.html_page import _SHARED_SCRIPTS, page_file


def _lists_of_scripts(value: object) -> Iterator[tuple[str, ...]]:
    if isinstance(value, tuple):
        scripts = tuple(each for each in value if isinstance(each, str) and each.endswith(".js"))
        if scripts:
            yield scripts
        for each in value:
            yield from _lists_of_scripts(each)


def _pages() -> list[tuple[str, ...]]:
    found = set()
    for module in pkgutil.iter_modules(archsim.reports.__path__):
        named = importlib.import_module(f"archsim.reports.{module.name}")
        found |= {scripts for value in vars(named).values() for scripts in _lists_of_scripts(value)}
    return sorted(found - {_SHARED_SCRIPTS})


@pytest.mark.parametrize("scripts", _pages(), ids=" ".join)
def test_no_function_is_there_twice(scripts: tuple[str, ...]) -> None:
    told = "\n".join(page_file(name) for name in (*_SHARED_SCRIPTS, *scripts))
    names = Counter(re.findall(r"^(?:function|const|let) (\w+)", told, flags=re.MULTILINE))
    assert [name for name, count in names.items() if count > 1] == []
