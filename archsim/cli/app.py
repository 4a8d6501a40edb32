"""The command group, and the one place where bad input becomes a message and an exit code.

The modules of this package import nothing heavy when loaded, so that `archsim --help` answers at once: numpy,
pandas, onnx and pydantic are imported inside the command that needs them.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import archsim
from archsim.cli.accuracy import accuracy, twin
from archsim.cli.compare import compare
from archsim.cli.export import export
from archsim.cli.import_accelerator import import_accelerator
from archsim.cli.listing import list_library
from archsim.cli.memory import memory
from archsim.cli.pareto import pareto
from archsim.cli.report import report
from archsim.cli.run import run
from archsim.cli.schema import schema
from archsim.cli.search import search
from archsim.cli.sensitivity import sensitivity
from archsim.cli.show import show
from archsim.cli.sweep import sweep
from archsim.cli.validate import validate
from archsim.errors import InputError

BAD_INPUT, INTERRUPTED = 2, 130  # exit codes; 2 is also what a wrong option gives


class _Commands(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            typer.echo(f"error: {_printable(str(error))}", err=True)
            raise typer.Exit(BAD_INPUT) from None
        except typer.BadParameter as error:  # in the words of pydantic, which typer checks values with
            error.message = error.message.removeprefix("Value error, ").replace("Input should", "it should")
            raise
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    name="archsim",
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="MODEL, ACCELERATOR: a name in the library (see: archsim list) or the path of a file.",
)
app.command("run")(run)
app.command("report")(report)
app.command("search")(search)
app.command("compare")(compare)
app.command("sweep")(sweep)
app.command("pareto")(pareto)
app.command("list")(list_library)
app.command("show")(show)
app.command("schema")(schema)
app.command("export")(export)
app.command("import")(import_accelerator)
app.command("memory")(memory)
app.command("validate")(validate)
app.command("sensitivity")(sensitivity)
app.command("accuracy")(accuracy)
app.command("twin")(twin)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"archsim {archsim.__version__}")
        raise typer.Exit


@app.callback()
def archsim_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Simulate a neural network on a virtual accelerator: cycles, energy, area, layer by layer."""


def _printable(message: str) -> str:
    """A message can quote a file, whose control characters must not drive the terminal."""
    return "".join(
        sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in message
    )
