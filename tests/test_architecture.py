"""Imports point one way: the rooms of archsim and who may know whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parents[1] / "archsim"
FOR_ALL = {"errors", "library_paths", "atomic", "json_input", "violations"}
PRICED = {"workloads", "components", "kernel", "accelerators"}
# room -> what it may import beside itself and FOR_ALL: rooms, or single modules of them
ALLOWED: Mapping[str, set[str]] = {
    "errors": set(),
    "library_paths": set(),
    "atomic": set(),
    "json_input": set(),
    "violations": set(),
    "workloads": set(),
    "components": set(),
    "kernel": set(),
    "accelerators": {"workloads", "components", "kernel"},
    "numerics": {"workloads", "components"},
    "dse": {
        *PRICED,
        "numerics",
        "evaluation",
        "undervolting",
        "simulation",
        "totals",
        "run",
        "reports",  # as `run` does
    },
    "run": {"kernel.timeline", "reports"},  # reports only when a run is asked to write itself
    "composition": {*PRICED, "run"},
    "accounting": {"accelerators", "components", "run"},
    "simulation": {
        *PRICED,
        "run",
        "composition",
        "accounting",
        "numerics.weight_norms",  # for machines that ask for weights
    },
    "totals": {"accelerators", "components", "workloads", "run", "simulation", "accounting"},
    "undervolting": {*PRICED, "numerics", "run", "simulation"},
    "evaluation": {*PRICED, "numerics", "undervolting"},
    "reports": {"run", "kernel.timeline"},
    "validation": {*PRICED, "dse", "run", "simulation"},
    "cli": {
        *PRICED,
        "numerics",
        "dse",
        "run",
        "simulation",
        "evaluation",
        "undervolting",
        "reports",
        "validation",
        "archsim",
    },
    "__main__": {"cli"},
    "archsim": {
        *PRICED,
        "numerics",
        "dse",
        "run",
        "simulation",
        "evaluation",
        "undervolting",
    },  # the package's own __init__.py
}


@dataclass(frozen=True)
class Import:
    """A module imports another; `at_load` if as soon as it is loaded itself."""

    importer: str
    imported: str
    at_load: bool

    @property
    def rooms(self) -> tuple[str, str]:
        return room(self.importer), room(self.imported)


def room(module: str) -> str:
    """`archsim.kernel.engine` is in room `kernel`; the package itself is room `archsim`."""
    return [*module.split("."), "archsim"][1]


def modules(package: Path) -> dict[str, Path]:
    """Name -> file of every module below `package`, which stands for `archsim`."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = ("archsim", *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(package: Path) -> list[Import]:
    """Every import of archsim inside `package`: in functions and under TYPE_CHECKING too."""
    known = modules(package)
    found = []
    for name, path in known.items():
        is_package = path.name == "__init__.py"
        for node, at_load in _import_nodes(ast.parse(path.read_text(encoding="utf-8")), True):
            targets = _targets(node, name, is_package, set(known))
            found += [
                Import(name, target, at_load) for target in targets if target.split(".")[0] == "archsim"
            ]
    return found


def _import_nodes(node: ast.AST, at_load: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_load
        waits = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        only_for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
        yield from _import_nodes(child, at_load and not waits and not only_for_types)


def _targets(node: ast.Import | ast.ImportFrom, importer: str, is_package: bool, known: set[str]) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    base = node.module or ""
    if node.level:
        parts = importer.split(".")
        parts = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parts, base] if base else parts)
    # `from archsim import run` may mean a module or a name in the package
    submodules = {f"{base}.{alias.name}" for alias in node.names} & known
    others = {alias.name for alias in node.names if f"{base}.{alias.name}" not in known}
    return submodules | ({base} if others else set())


def violations(found: list[Import]) -> list[str]:
    bad = []
    for item in found:
        importer, imported = item.rooms
        if importer == imported or imported in FOR_ALL:
            continue
        if importer not in ALLOWED:
            bad.append(f"{item.importer}: the room {importer!r} has no rule yet; add one to ALLOWED")
            continue
        allowed = ALLOWED[importer]
        target = item.imported.removeprefix("archsim.")
        if not any(target == rule or target.startswith(f"{rule}.") for rule in allowed):
            bad.append(f"{item.importer} imports {item.imported}; {importer} may import {sorted(allowed)}")
    return bad


def cycles(found: list[Import]) -> list[list[str]]:
    """Rooms that wait for each other when they are loaded."""
    graph = nx.DiGraph(item.rooms for item in found if item.at_load and item.rooms[0] != item.rooms[1])
    return list(nx.simple_cycles(graph))


def test_every_room_imports_only_what_it_may() -> None:
    assert violations(imports(PACKAGE)) == []


def test_no_rooms_load_each_other() -> None:
    assert cycles(imports(PACKAGE)) == []


def test_the_rules_themselves_have_no_cycle() -> None:
    graph = nx.DiGraph((name, rule.split(".")[0]) for name, rules in ALLOWED.items() for rule in rules)
    graph.remove_edge("run", "reports")  # inside methods: see ALLOWED
    assert nx.is_directed_acyclic_graph(graph)


def test_the_only_import_package_is_archsim() -> None:
    """A module beside archsim could be imported in a checkout, but not once installed."""
    project = PACKAGE.parent
    importable = {path.parent.name for path in project.glob("*/__init__.py")}
    assert importable == {"archsim"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("workloads/a.py", "import archsim.kernel.engine"),
        ("workloads/a.py", "from archsim.accelerators import library"),
        ("components/a.py", "def f():\n    from archsim.workloads.layer import Layer"),
        ("kernel/a.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import archsim.run"),
        ("kernel/deep/a.py", "from ...workloads import layer"),
        ("accelerators/a.py", "from archsim.simulation import simulate"),
        ("numerics/a.py", "from archsim.dse import x"),
        ("reports/a.py", "from archsim.kernel.engine import simulate"),
        ("reports/a.py", "from archsim import simulation"),
        ("workloads/a.py", "from archsim import Run"),
        ("run.py", "import archsim.cli.app"),
        ("novelty/a.py", "import archsim.kernel.engine"),
    ],
)
def test_the_checker_sees_a_violation(tmp_path: Path, module: str, source: str) -> None:
    for name in ("kernel/engine.py", "workloads/layer.py", "simulation.py", "cli/app.py"):
        _write(tmp_path, name, "")
    assert violations(imports(tmp_path)) == []
    _write(tmp_path, module, source)
    assert len(violations(imports(tmp_path))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("kernel/a.py", "from archsim.errors import InputError\nfrom . import graph\nimport numpy"),
        ("workloads/a.py", "from archsim import errors"),
        ("accelerators/a.py", "from archsim.kernel.graph import x\nfrom ..workloads import layer"),
        ("reports/a.py", "from archsim.kernel.timeline import Timeline\nfrom archsim.run import Run"),
        ("cli/a.py", "import archsim\nfrom archsim.dse import x"),
    ],
)
def test_the_checker_allows_what_is_allowed(tmp_path: Path, module: str, source: str) -> None:
    for name in ("errors.py", "kernel/graph.py"):
        _write(tmp_path, name, "")
    _write(tmp_path, module, source)
    assert violations(imports(tmp_path)) == []


def test_the_checker_sees_a_cycle(tmp_path: Path) -> None:
    _write(tmp_path, "run.py", "def f():\n    import archsim.reports.html")
    _write(tmp_path, "reports/html.py", "import archsim.run")
    assert cycles(imports(tmp_path)) == []  # the one import waits until it is called
    _write(tmp_path, "run.py", "class Run:\n    import archsim.reports.html")
    assert sorted(cycles(imports(tmp_path))[0]) == ["reports", "run"]


def _write(package: Path, name: str, source: str) -> None:
    path = package / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
