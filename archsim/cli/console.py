"""Where the commands print: results on stdout, messages on stderr."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

PIPE_WIDTH = 160  # characters a line may take when no terminal sets a width: nothing needs cutting


def results() -> Console:
    """The console of a command's result, on stdout.

    A terminal's encoding may lack a sign such as µ; it is then replaced instead of ending the command.
    """
    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, soft_wrap=False, width=None if narrow else PIPE_WIDTH)


def messages() -> Console:
    """The console of progress and remarks, on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)
