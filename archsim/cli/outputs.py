"""The files a command can leave: asked about before the work, written after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.run import Run


Result = TypeVar("Result")
_USUAL = {
    "--json": ".json",
    "--csv": ".csv",
    "--layers-csv": ".csv",
    "--parquet": ".parquet",
    "--report": ".html",
    "--timeline": ".json",
}
"""By option the ending of what it writes."""
_ENDINGS = {".json", ".csv", ".parquet", ".html", ".md", ".xlsx", ".yaml", ".yml", ".onnx", ".npz", ".sweep"}


@dataclass(frozen=True, slots=True)
class Output(Generic[Result]):
    """A file wanted by an option; `write` puts a result there whole or not at all.

    `endings`: of names that say the format, as in (".csv", ".json"); empty where any name will do but those
    of other formats than the `usual` one (default: that in the option's own name).
    """

    option: str
    path: Path
    write: Callable[[Result, Path], None]
    endings: tuple[str, ...] = ()
    usual: str = ""


def check_outputs(outputs: Sequence[Output[Any]], inputs: Iterable[str]) -> None:
    """Raise InputError for a file that could not be written, so that no work is done in vain.

    A name ends in one of the output's endings, if it has any, and in none of another format.

    Two options may not name one file, and no option the model or the accelerator read (`inputs`).
    """
    taken = {Path(name).resolve(): "an input" for name in inputs if Path(name).exists()}
    for output in outputs:
        target = output.path.expanduser()
        where = f"{output.option} {output.path}"
        if target.is_dir():
            raise InputError(f"{where}: is a folder; give the name of a file")
        if not target.parent.is_dir():
            raise InputError(f"{where}: there is no folder {target.parent}; make it or give another path")
        if not os.access(target if target.exists() else target.parent, os.W_OK):
            raise InputError(f"{where}: you may not write there; give a path in a folder of your own")
        if target.is_file() or not target.exists():  # a device such as /dev/null takes any number
            if target.resolve() in taken:
                raise InputError(f"{where}: the file is also {taken[target.resolve()]}; give another path")
            taken[target.resolve()] = f"the output of {output.option}"
        _check_ending(output, target.suffix.lower(), where)


def _check_ending(output: Output[Any], ending: str, where: str) -> None:
    if output.endings and ending not in output.endings:
        raise InputError(f"{where}: give a name that ends in {' or '.join(output.endings)}")
    usual = output.usual or _USUAL.get(output.option, "")
    if usual and ending in _ENDINGS - {usual}:
        raise InputError(
            f"{where}: a name in {ending} promises another format than is written; give one in {usual}"
        )


def write_outputs(outputs: Sequence[Output[Result]], result: Result) -> None:
    """Write every file. Raises InputError for one that cannot be written."""
    for output in outputs:
        try:
            output.write(result, output.path.expanduser())
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"{output.option} {output.path}: cannot be written: {reason}") from error


def write_html(run: Run, path: Path) -> None:
    run.to_html(path)


def write_csv(run: Run, path: Path) -> None:
    run.to_csv(path)


def write_layers_csv(run: Run, path: Path) -> None:
    from archsim.reports.export import write_layers_csv

    write_layers_csv(run, path)


def write_json(run: Run, path: Path) -> None:
    run.to_json(path)


def write_parquet(run: Run, path: Path) -> None:
    run.to_parquet(path)


def write_timeline(run: Run, path: Path) -> None:
    from archsim.kernel.timeline import write_trace

    assert run.timeline is not None, "the run was made without a timeline"
    write_trace(run.timeline, path.resolve(), clock_mhz=run.roofline.clock_mhz)
