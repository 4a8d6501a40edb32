"""The command line, `archsim` or `python -m archsim`: one module a command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command in sys.argv; exit code 0, 2 for bad input, 130 when interrupted."""
    try:
        from archsim.cli.app import app

        app(prog_name="archsim")
    except KeyboardInterrupt:
        sys.exit(130)
