"""Whoever is killed: no finished chunk is lost or counted twice, and results are those of a quiet run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pandas as pd
import pytest
import yaml
from sweep_cases import long_sweep, table, tiny_sweep

from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.ledger import Chunk, Ledger
from archsim.dse.sweep.local_workers import LocalWorkers
from archsim.dse.sweep.outcome import FAILED, OK
from archsim.dse.sweep.run import Progress, sweep
from archsim.errors import InputError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
PATIENCE_S = 120


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> pd.DataFrame:
    """The results of an undisturbed run."""
    path = tmp_path_factory.mktemp("quiet") / "long.sweep"
    sweep(long_sweep(), path, workers=2)
    return table(path)


def chunks(path: Path) -> int:
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT COUNT(*) FROM chunk").fetchone()[0]
    except sqlite3.Error:
        return 0


def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends, "this took too long"
        time.sleep(0.05)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *descendants(child)]
    return found


def is_worker(pid: int) -> bool:
    command = Path(f"/proc/{pid}/cmdline")
    return command.exists() and b"spawn_main" in command.read_bytes()


def started(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    """`archsim sweep` of the long sweep as a process, in its own folder."""
    told = long_sweep().model_dump(mode="json", by_alias=True, exclude_defaults=True)
    (folder / "long.yaml").write_text(yaml.safe_dump(told, sort_keys=False))
    command = [sys.executable, "-m", "archsim", "sweep", "long.yaml", "--workers", "2", *options]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_worker_is_killed(tmp_path: Path, quiet: pd.DataFrame) -> None:
    parent = started(tmp_path)
    until(lambda: chunks(tmp_path / "long.sweep") >= 1)
    workers = [pid for pid in descendants(parent.pid) if is_worker(pid)]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, told = parent.communicate(timeout=PATIENCE_S)
    assert parent.returncode == 0
    assert b"1 workers died and were replaced" in told
    pd.testing.assert_frame_equal(table(tmp_path / "long.sweep"), quiet)


def test_the_parent_is_killed_twice(tmp_path: Path, quiet: pd.DataFrame) -> None:
    results = tmp_path / "long.sweep"
    parent, known = started(tmp_path), 0
    for _ in range(2):
        until(lambda known=known: chunks(results) > known)
        workers = [pid for pid in descendants(parent.pid) if is_worker(pid)]
        parent.kill()
        parent.wait()
        until(lambda workers=workers: not any(is_worker(pid) for pid in workers))  # nobody works on
        done = table(results)
        assert 0 < len(done) < len(quiet)
        assert done["point"].is_unique
        known = chunks(results)
        parent = started(tmp_path, "--resume")
    _, told = parent.communicate(timeout=PATIENCE_S)
    assert parent.returncode == 0
    assert b"known before" in told
    pd.testing.assert_frame_equal(table(results), quiet)


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, quiet: pd.DataFrame) -> None:
    results = tmp_path / "long.sweep"
    parent = started(tmp_path)
    until(lambda: chunks(results) >= 1)
    parent.send_signal(signal.SIGINT)
    _, told = parent.communicate(timeout=PATIENCE_S)
    assert parent.returncode == 130
    assert b"go on with --resume" in told
    assert b"Traceback" not in told
    done = table(results)
    assert 0 < len(done) < len(quiet)
    assert started(tmp_path, "--resume").wait(PATIENCE_S) == 0
    pd.testing.assert_frame_equal(table(results), quiet)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    first = started(tmp_path)
    try:
        until(lambda: chunks(tmp_path / "long.sweep") >= 1)
        first.send_signal(signal.SIGSTOP)  # or it might be done before the second has begun
        second = started(tmp_path, "--resume")
        _, told = second.communicate(timeout=PATIENCE_S)
        assert second.returncode == 2
        assert f"process {first.pid} on".encode() in told
        assert b"is writing these results" in told
        assert len(table(tmp_path / "long.sweep"))  # a reader is welcome
    finally:
        first.kill()
        first.communicate()


def test_a_chunk_is_there_once_it_is_recorded(tmp_path: Path) -> None:
    """As after a power failure: the process ends without closing anything, in the middle of a transaction."""
    path = tmp_path / "tiny.sweep"
    evaluator = Evaluator.of(tiny_sweep(tmp_path))
    chunk = evaluator.chunk([5, 4])
    child = os.fork()
    if not child:
        ledger = Ledger(path, evaluator.about(), resume=False)
        ledger.record(chunk)
        ledger._connection.execute("BEGIN")
        ledger._connection.execute("DELETE FROM chunk")
        os._exit(0)
    os.waitpid(child, 0)
    with Ledger(path, evaluator.about(), resume=True) as ledger:
        assert ledger.finished().tolist() == [5, 4]


def test_a_log_that_is_torn_anywhere_costs_only_what_was_not_recorded(tmp_path: Path) -> None:
    """A power failure may leave any part of what was not synced yet: the log is cut at every kind of place,
    and what follows is old or garbage. Every chunk whose `record` had returned by then is there, once."""
    path = tmp_path / "tiny.sweep"
    evaluator = Evaluator.of(tiny_sweep(tmp_path))
    recorded = [evaluator.chunk([2 * n, 2 * n + 1]) for n in range(6)]
    log, sizes = tmp_path / "tiny.sweep-wal", []
    ledger = Ledger(path, evaluator.about(), resume=False)
    for chunk in recorded:
        ledger.record(chunk)
        sizes.append(log.stat().st_size)
    database, written = path.read_bytes(), log.read_bytes()
    ledger._connection.close()
    ledger._lock.release()
    rng = Random(3)
    edges = [size + by for size in sizes for by in (-1, 0, 1)]
    for number, cut in enumerate([*edges, *(rng.randrange(len(written)) for _ in range(60))]):
        torn = tmp_path / f"torn{number}.sweep"
        torn.write_bytes(database)
        rest = len(written) - min(cut, len(written))
        garbage = rng.choice((b"", bytes(rest), rng.randbytes(rest)))
        torn.with_name(f"{torn.name}-wal").write_bytes(written[:cut] + garbage)
        whole = sum(size <= cut for size in sizes)
        with Ledger(torn, evaluator.about(), resume=True) as again:
            assert again.finished().tolist() == list(range(2 * whole)), cut
            for chunk in recorded[whole:]:
                again.record(chunk)
        assert table(torn)["point"].tolist() == list(range(12))
        for left in tmp_path.glob(f"torn{number}.sweep*"):
            assert left == torn
            left.unlink()


def test_one_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out" / "tiny.sweep"
    path.parent.mkdir()
    sweep(tiny_sweep(tmp_path), path, workers=1)
    assert len(table(path)) == 24
    assert list(path.parent.iterdir()) == [path]


def test_results_of_something_else_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "tiny.sweep"
    sweep(tiny_sweep(tmp_path), path, workers=1)
    with pytest.raises(InputError, match="holds results already"):
        sweep(tiny_sweep(tmp_path), path, workers=1)
    with pytest.raises(InputError, match="another sweep"):
        sweep(tiny_sweep(tmp_path, minimize="edp"), path, workers=1, resume=True)
    other = tmp_path / "text.sweep"
    other.write_text("no database")
    with pytest.raises(InputError, match=r"results of a sweep|file of results"):
        sweep(tiny_sweep(tmp_path), other, workers=1, resume=True)
    assert other.read_text() == "no database"


class Deadly(Evaluator):
    """Kills the worker that evaluates one of its points, as a point does that needs too much memory."""

    def chunk(self, numbers, stopped=lambda: False) -> Chunk:
        if 7 in numbers:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().chunk(numbers, stopped)


def test_a_point_that_kills_every_worker_is_singled_out(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("archsim.dse.sweep.run.Evaluator", Deadly)
    path = tmp_path / "tiny.sweep"
    told: list[Progress] = []
    sweep(tiny_sweep(tmp_path), path, workers=2, on_progress=told.append)
    found = table(path)
    assert found["point"].tolist() == list(range(24))
    deadly = found[found["point"] == 7].iloc[0]
    assert deadly["status"] == FAILED
    assert "workers died over this point" in deadly["error"]
    assert (found[(found["point"] != 7) & (found["sram_kib"] > 1)]["status"] == OK).all()
    assert told[-1].deaths >= 3


def test_a_worker_that_holds_too_much_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tiny.sweep"
    sweep(tiny_sweep(tmp_path), path, workers=1, worker_mb=1)
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT worker, COUNT(*) FROM chunk GROUP BY worker").fetchall()
    assert len(rows) > 1
    assert all(count == 1 for _, count in rows)


def test_workers_end_when_they_are_closed(tmp_path: Path) -> None:
    pool = LocalWorkers(Evaluator.of(tiny_sweep(tmp_path)), 2, most_mb=2000)
    from archsim.dse.sweep.workers import Task

    pool.submit(Task([3, 4]))
    (done,) = [done for _ in range(100) for done in pool.wait(1)][:1] or [None]
    assert done is not None
    assert done.chunk is not None
    workers = [pid for pid in descendants(os.getpid()) if is_worker(pid)]
    assert workers
    pool.close()
    until(lambda: not any(is_worker(pid) for pid in workers))
