"""Hooks of the documentation site: what is generated, so that it is never behind the code.

mkdocs calls `on_files` and `on_page_markdown` (its documentation, "Events"). A page asks for a generated part
with a line `<!-- generated: NAME -->`; NAME is a key of PARTS, or `file PATH` for the text of a file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
MARK = re.compile(r"^<!-- generated: (.+?) -->$", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    files.append(File.generated(config, "reference/cli.md", content=cli_page()))
    files.append(File.generated(config, "reference/yaml.md", content=yaml_page()))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    return MARK.sub(lambda found: _part(found[1]), markdown)


def _part(name: str) -> str:
    if name.startswith("file "):
        path = ROOT / name.removeprefix("file ")
        return f"```python\n{path.read_text(encoding='utf-8').rstrip()}\n```"
    return PARTS[name]()


def cli_page() -> str:
    """Every command as `--help` tells it."""
    from typer.testing import CliRunner

    from archsim.cli.app import app

    def help_of(*command: str) -> str:
        return CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "100"}).stdout.strip()

    parts = ["# Commands", "Bad input ends with exit code 2 and one message, Ctrl-C with 130."]
    for command in app.registered_commands:
        assert command.name is not None
        text = help_of(command.name)
        parts += [f"## archsim {command.name}", f"```text\n{text}\n```"]
    return "\n\n".join(parts)


def yaml_page() -> str:
    """Every key of every YAML: accelerators by family, studies, sweeps."""
    from archsim.accelerators.families import FAMILIES, spec_model
    from archsim.dse.study import Study
    from archsim.dse.sweep.sweep import Sweep

    models = {f"Accelerator, family {name}": spec_model(name) for name in FAMILIES}
    models |= {"Study": Study, "Sweep": Sweep}
    parts = ["# YAML reference", "`archsim schema` prints the same as JSON Schema, for editors."]
    for title, model in models.items():
        schema = model.model_json_schema()
        rows = list(_keys(schema, schema.get("$defs", {}), "", ()))
        parts += [f"## {title}", _table(("key", "type", "default", "meaning"), rows)]
    return "\n\n".join(parts)


def _keys(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], path: str, within: tuple[str, ...]
) -> Iterator[tuple[str, str, str, str]]:
    required = set(schema.get("required", ()))
    for name, given in schema.get("properties", {}).items():
        place = f"{path}{name}"
        default = "required" if name in required else _default(given)
        yield f"`{place}`", _type(given), default, given.get("description", "")
        for key, nested in _nested(given, place):
            if nested not in within:
                yield from _keys(definitions[nested], definitions, f"{key}.", (*within, nested))


def _default(given: Mapping[str, Any]) -> str:
    value = given.get("default")
    if value is None or isinstance(value, dict | list):
        return ""
    return f"`{value}`"


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _alternatives(given: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*given.get("anyOf", ()), *given.get("oneOf", ()), *given.get("allOf", ())] or [given]


def _nested(given: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """(path, definition) of what lies below a key."""
    for choice in _alternatives(given):
        if "$ref" in choice:
            yield place, _name(choice["$ref"])
        elif "$ref" in (items := choice.get("items", {})):
            yield f"{place}[]", _name(items["$ref"])


def _type(given: Mapping[str, Any]) -> str:
    words = []
    for choice in _alternatives(given):
        if "enum" in choice:
            words += [f"`{value}`" for value in choice["enum"]]
        elif "const" in choice:
            words.append(f"`{choice['const']}`")
        elif "$ref" in choice:
            words.append("section")
        elif choice.get("type") != "null":
            words.append(_limited(choice))
    return ", ".join(dict.fromkeys(words))


def _limited(choice: Mapping[str, Any]) -> str:
    signs = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {choice[key]:g}" for key, sign in signs.items() if key in choice]
    return " ".join((str(choice.get("type", "any")), *limits))


def validation_table() -> str:
    """Published figures beside simulated ones, as `archsim validate` makes them."""
    from archsim.validation import compare

    rows = [
        (
            *(row.system, row.workload, row.quantity),
            *(f"{value:.4g} {row.unit}" for value in (row.published, row.simulated)),
            *(f"{row.error_percent:+.1f} %", row.kind, row.remark, row.source),
        )
        for row in compare()
    ]
    heads = ("system", "workload", "quantity", "published", "simulated", "error", "", "remark", "source")
    return _table(heads, rows)


PARTS: Mapping[str, Callable[[], str]] = {"validation table": validation_table}


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        plain = (" ".join(str(cell).split()).replace("|", "\\|").replace("<", "&lt;") for cell in cells)
        return "| " + " | ".join(plain) + " |"

    return "\n".join((line(heads), "|" + "---|" * len(heads), *map(line, rows)))
