"""Whoever is killed: no finished chunk is lost or counted twice, and results are those of a quiet run."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from held_sweep import HeldSweep, is_worker, until
from sweep_cases import long_sweep, table, tiny_sweep

from archsim.dse.sweep.evaluate import Evaluator
from archsim.dse.sweep.ledger import Chunk, Ledger
from archsim.dse.sweep.local_workers import LocalWorkers
from archsim.dse.sweep.outcome import FAILED, OK
from archsim.dse.sweep.run import Progress, sweep
from archsim.dse.sweep.workers import Done, Task
from archsim.errors import InputError

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> pd.DataFrame:
    """The results of an undisturbed run."""
    path = tmp_path_factory.mktemp("quiet") / "long.sweep"
    sweep(long_sweep(), path, workers=2)
    return table(path)


def test_a_worker_is_killed(tmp_path: Path, quiet: pd.DataFrame) -> None:
    held = HeldSweep.start(long_sweep(), tmp_path, first_held=8)
    os.kill(held.workers()[0], signal.SIGKILL)
    held.let_go()
    code, told = held.ended()
    assert code == 0, told
    assert "a worker died and was replaced" in told
    pd.testing.assert_frame_equal(table(tmp_path / "long.sweep"), quiet)


def test_the_parent_is_killed_twice(tmp_path: Path, quiet: pd.DataFrame) -> None:
    """Chunks that were finished are there, and no others; workers don't work on for nobody."""
    results, options = tmp_path / "long.sweep", list[str]()
    for first_held in (8, 16):  # chunks of four points come first
        held = HeldSweep.start(long_sweep(), tmp_path, *options, first_held=first_held)
        workers = held.workers()
        held.process.kill()
        held.process.communicate()
        until(lambda workers=workers: not any(map(is_worker, workers)))
        assert table(results)["point"].tolist() == list(range(first_held))
        options = ["--resume"]
    code, told = HeldSweep.start(long_sweep(), tmp_path, "--resume", first_held=len(quiet)).ended()
    assert code == 0, told
    assert "16 known before" in told
    pd.testing.assert_frame_equal(table(results), quiet)


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, quiet: pd.DataFrame) -> None:
    results = tmp_path / "long.sweep"
    held = HeldSweep.start(long_sweep(), tmp_path, first_held=8)
    held.workers()
    held.interrupt()
    code, told = held.ended()
    assert code == 130, told
    assert "go on with --resume" in told
    assert "Traceback" not in told
    done = table(results)
    assert 8 <= len(done) < len(quiet)
    code, told = HeldSweep.start(long_sweep(), tmp_path, "--resume", first_held=len(quiet)).ended()
    assert code == 0, told
    pd.testing.assert_frame_equal(table(results), quiet)


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    first = HeldSweep.start(long_sweep(), tmp_path, first_held=8)
    try:
        first.workers()
        code, told = HeldSweep.start(long_sweep(), tmp_path, "--resume", first_held=9).ended()
        assert code == 2, told
        assert f"process {first.process.pid} on" in told
        assert "is writing these results" in told
        assert len(table(tmp_path / "long.sweep")) == 8  # a reader is welcome
    finally:
        first.process.kill()
        first.process.communicate()


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


def test_workers_never_see_ctrl_c_and_end_when_they_are_closed(tmp_path: Path) -> None:
    """A terminal sends it to all processes, also to those that still start: their parent decides."""
    pool = LocalWorkers(Evaluator.of(tiny_sweep(tmp_path)), 1, most_mb=2000)
    pool.submit(Task([3, 4]))
    found: list[Done] = []
    until(lambda: found.extend(pool.wait(1)) or found)
    (done,) = found
    assert done.chunk is not None
    worker = int(done.chunk.worker.split(":")[1])
    assert is_worker(worker)
    status = Path(f"/proc/{worker}/status").read_text()
    blocked = int(status.split("SigBlk:")[1].split()[0], 16)
    assert blocked >> (signal.SIGINT - 1) & 1
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    pool.close()
    until(lambda: not is_worker(worker))
