"""Reading JSON documents of archsim; errors name the file, what it holds instead, and what makes one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from archsim.errors import InputError

_KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def read_document(path: str | Path, schema: str, kind: str, *, made_by: str) -> dict[str, Any]:
    """The object in a JSON file whose `schema` is that of a `kind`, as in "plan".

    `made_by`: the command that writes one. Raises InputError for a file that cannot be read or is another.
    """
    return checked_document(read_json(path), schema, kind, where=str(path), made_by=made_by)


def checked_document(content: Any, schema: str, kind: str, *, where: str, made_by: str) -> dict[str, Any]:
    """`content`, if it is an object with that schema. Raises InputError else, as for a file."""
    if not isinstance(content, dict):
        found = f"it holds {_KINDS.get(type(content), 'a number')}"
    elif content.get("schema") == schema:
        return content
    elif "schema" in content:
        found = f"its schema is {content['schema']!r}"
    else:
        found = "it has no key 'schema'"
    raise InputError(
        f'{where}: is no {kind}: {found}; a {kind} is an object with "schema": {schema!r}, '
        f"as `{made_by}` writes it"
    )


def read_json(path: str | Path) -> Any:
    """What is in a JSON file. Raises InputError for a file that cannot be read, or is not JSON."""
    path = Path(path).expanduser()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a JSON file") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not JSON: byte {error.start} is not UTF-8 text") from None
    try:
        return json.loads(text, parse_constant=_refused)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from None
    except RecursionError:
        raise InputError(f"{path}: is not JSON that can be read: it is nested too deep") from None
    except ValueError as error:
        raise InputError(f"{path}: is not JSON: {error}") from None


def _refused(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON; null stands for what is not known")
