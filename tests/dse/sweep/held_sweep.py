"""`archsim sweep` in a process of its own, whose workers stop in the middle of a chunk until they are let go.

So a test can look at a sweep, or kill somebody, at a point that does not depend on how fast the machine is.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import yaml

from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.ledger import Chunk
from archsim.dse.sweep.sweep import Sweep

PATIENCE_S = 120
_FROM, _FOLDER, _OPEN = "HELD_FROM", "HELD_FOLDER", "open"


class HeldEvaluator(Evaluator):
    """Waits before the last point of every chunk that reaches a point HELD_FROM or beyond."""

    def chunk(self, numbers: Sequence[int], stopped: Callable[[], bool] = lambda: False) -> Chunk:
        if max(numbers) < int(os.environ[_FROM]):
            return super().chunk(numbers, stopped)
        folder, asked = Path(os.environ[_FOLDER]), 0

        def held() -> bool:
            nonlocal asked
            asked += 1
            if asked == len(numbers):
                (folder / str(os.getpid())).touch()
                while not (folder / _OPEN).exists() and not stopped():
                    time.sleep(0.01)
            return stopped()

        return super().chunk(numbers, held)


@dataclass(frozen=True)
class HeldSweep:
    """A sweep under way: `process` is its parent."""

    process: subprocess.Popen[bytes]
    folder: Path

    @classmethod
    def start(cls, asked: Sweep, home: Path, *options: str, first_held: int) -> HeldSweep:
        """`archsim sweep` with two workers in the folder `home`; held from that point on."""
        told = asked.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        (home / "long.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
        folder = home / f"held{first_held}"
        folder.mkdir()
        code = "import held_sweep; held_sweep.main()"
        process = subprocess.Popen(
            [sys.executable, "-c", code, "sweep", "long.yaml", "--workers", "2", *options],
            cwd=home,
            env={**os.environ, _FROM: str(first_held), _FOLDER: str(folder), "PYTHONPATH": _path()},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that it can be interrupted as a terminal does, workers and all
        )
        return cls(process, folder)

    def workers(self) -> list[int]:
        """Both workers, as soon as they are held."""
        until(lambda: self.process.poll() is not None or len(list(self.folder.iterdir())) == 2)
        assert self.process.poll() is None, self.process.communicate()
        return [int(path.name) for path in self.folder.iterdir()]

    def let_go(self) -> None:
        (self.folder / _OPEN).touch()

    def interrupt(self) -> None:
        """Ctrl-C."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self) -> tuple[int, str]:
        """(exit code, what it said on stderr) once it has ended."""
        _, told = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, told.decode()


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends, "this took too long"
        time.sleep(0.05)


def is_worker(pid: int) -> bool:
    """Whether such a process is there, and works for a sweep."""
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ends just now
        return False


def _path() -> str:
    return os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))


def main() -> None:
    from archsim.cli import main as archsim

    with patch("archsim.dse.sweep.run.Evaluator", HeldEvaluator):
        archsim()
