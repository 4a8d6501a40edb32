"""A real Dask cluster on this machine: the results of a local run, also when a worker is killed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from sweep_cases import long_sweep, table, tiny_sweep

from archsim.dse.sweep.run import Progress, sweep
from archsim.errors import InputError

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as running:
        yield running


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> pd.DataFrame:
    path = tmp_path_factory.mktemp("local") / "long.sweep"
    sweep(long_sweep(), path, workers=1)
    return table(path)


def test_the_results_are_those_of_a_local_run_though_a_worker_is_killed(
    tmp_path: Path, cluster, local: pd.DataFrame
) -> None:
    pids = [worker.pid for worker in cluster.workers.values()]
    killed = threading.Event()

    def kill_one(progress: Progress) -> None:
        if progress.done and not killed.is_set():
            os.kill(pids[0], signal.SIGKILL)
            killed.set()

    path = tmp_path / "long.sweep"
    swept = sweep(long_sweep(), path, cluster=cluster.scheduler_address, on_progress=kill_one)
    assert killed.is_set()
    assert swept.progress.done == swept.progress.points == len(local)
    pd.testing.assert_frame_equal(table(path), local)


def test_it_goes_on_where_a_local_run_stopped(tmp_path: Path, cluster, local: pd.DataFrame) -> None:
    path = tmp_path / "long.sweep"
    asked = long_sweep()

    def stop(progress: Progress) -> None:
        if progress.done:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        sweep(asked, path, workers=1, on_progress=stop)
    known = len(table(path))
    assert 0 < known < len(local)
    swept = sweep(asked, path, cluster=cluster.scheduler_address, resume=True)
    assert swept.progress.known == known
    pd.testing.assert_frame_equal(table(path), local)


@pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals come to the main thread"
)
def test_ctrl_c_ends_it_after_the_chunks_under_way(tmp_path: Path, cluster, local: pd.DataFrame) -> None:
    """What had not begun is taken back, and done when the sweep goes on."""
    path, pressed = tmp_path / "long.sweep", threading.Event()

    def press(progress: Progress) -> None:
        if progress.done and not pressed.is_set():
            pressed.set()
            signal.raise_signal(signal.SIGINT)

    swept = sweep(long_sweep(), path, cluster=cluster.scheduler_address, on_progress=press)
    assert swept.interrupted
    assert swept.progress.deaths == 0
    assert 0 < len(table(path)) < len(local)  # at most the tasks that two workers had: 16 points
    sweep(long_sweep(), path, cluster=cluster.scheduler_address, resume=True)
    pd.testing.assert_frame_equal(table(path), local)


def test_nobody_there_is_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("archsim.dse.sweep.cluster_workers.CONNECT_S", 1)  # so that it is told soon
    with pytest.raises(InputError, match="no scheduler answers"):
        sweep(tiny_sweep(tmp_path), tmp_path / "x.sweep", cluster="tcp://127.0.0.1:9")
