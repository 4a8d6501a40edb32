"""A progress bar on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from archsim.cli.console import messages


@contextmanager
def progress_bar(title: str, *, shown: bool) -> Iterator[Callable[[int, int], None]]:
    """A function to call with (steps done, steps in all); a bar on a terminal, nothing anywhere else."""
    console = messages()
    if not (shown and console.is_terminal):
        yield lambda _done, _all: None
        return
    from rich.markup import escape
    from rich.progress import Progress

    with Progress(console=console, transient=True) as bar:
        task = bar.add_task(escape(title), total=None)
        yield lambda done, everything: bar.update(task, completed=done, total=everything)
