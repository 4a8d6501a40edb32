"""The results of a sweep on disk: one SQLite file, one writer, one row a chunk of points.

A chunk is recorded in one transaction when it is done, so whatever dies leaves whole chunks: a sweep goes on
from them. Readers may look at any time.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from archsim.dse.sweep.outcome import SCHEMA, unpacked
from archsim.dse.sweep.space import Int
from archsim.errors import InputError

FORMAT = "archsim.sweep/1"
_TABLES = (
    "CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE chunk (number INTEGER PRIMARY KEY, points INTEGER NOT NULL, failed INTEGER NOT NULL,"
    " cpu_s REAL NOT NULL, wall_s REAL NOT NULL, peak_mb REAL NOT NULL, worker TEXT NOT NULL,"
    " finished TEXT NOT NULL, rows BLOB NOT NULL)",
)


@dataclass(frozen=True)
class Chunk:
    """Points that were done together. `rows` are `packed` outcomes; the times are the worker's own."""

    points: int
    failed: int
    rows: bytes
    cpu_s: float
    wall_s: float
    peak_mb: float
    worker: str


class Ledger:
    """Where the one writer records chunks; a context manager. A file without a chunk is not kept.

    Raises InputError when another process writes to the file, when the file is something else or of another
    sweep, or when it is there already and the sweep is not to be resumed.
    """

    def __init__(self, path: str | Path, about: dict[str, Any], *, resume: bool) -> None:
        self.path = Path(path)
        self._lock = _Lock(self.path)
        try:
            is_new = not self.path.exists()
            if not is_new and not resume:
                raise InputError(
                    f"{self.path} holds results already: go on with --resume, or give another file by --out"
                )
            self._is_new = is_new
            self._connection = _connect(self.path)
            if is_new or not _tables(self._connection):
                self._create(about)
            else:
                self._check(about)
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        # nobody writes any more: one file is left, without a log that readers would have to open
        with suppress(sqlite3.Error):  # somebody reads: then the log stays
            self._connection.execute("PRAGMA journal_mode=DELETE")
        is_empty = self._is_new and not self._holds_chunks()
        self._connection.close()
        if is_empty:
            self.path.unlink(missing_ok=True)
        self._lock.release()

    def _holds_chunks(self) -> bool:
        return self._connection.execute("SELECT EXISTS (SELECT 1 FROM chunk)").fetchone()[0] > 0

    def record(self, chunk: Chunk) -> None:
        """Keep a finished chunk, whole, for good."""
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        sizes = chunk.points, chunk.failed, chunk.cpu_s, chunk.wall_s, chunk.peak_mb
        try:
            with self._connection as transaction:
                transaction.execute(
                    "INSERT INTO chunk (points, failed, cpu_s, wall_s, peak_mb, worker, finished, rows)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*sizes, chunk.worker, finished, chunk.rows),
                )
        except sqlite3.Error as error:
            raise InputError(f"{self.path}: cannot be written: {error}; what is in it stays good") from None

    def finished(self) -> Int:
        """Numbers of the points that are done."""
        parts = [chunk.column("point").to_numpy() for chunk in _chunks(self._connection, ["point"])]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)

    def failed(self) -> int:
        """How many of those have no totals."""
        return self._connection.execute("SELECT COALESCE(SUM(failed), 0) FROM chunk").fetchone()[0]

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """All outcomes so far."""
        return _joined(_chunks(self._connection, columns), columns)

    def _create(self, about: dict[str, Any]) -> None:
        with self._connection as transaction:
            transaction.execute("BEGIN")  # or a power failure could leave tables without a head
            for statement in _TABLES:
                transaction.execute(statement)
            for key, value in {"format": FORMAT, **about}.items():
                transaction.execute("INSERT INTO about VALUES (?, ?)", (key, json.dumps(value)))

    def _check(self, about: dict[str, Any]) -> None:
        known = read_about(self.path, self._connection)
        for key, what in (("fingerprint", "another sweep"), ("version", "another version of archsim")):
            if known.get(key) != about[key]:
                raise InputError(
                    f"{self.path} holds the results of {what} ({known.get('name')}, archsim "
                    f"{known.get('version')}): give another file by --out"
                )


def read_ledger(path: str | Path) -> tuple[dict[str, Any], pa.Table]:
    """(what the sweep was, its outcomes so far), also while it runs. Raises InputError for another file."""
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; `archsim sweep` makes one")
    connection = _connect(Path(path), read_only=True)
    try:
        about = read_about(path, connection)
        return about, _joined(_chunks(connection), None)
    finally:
        connection.close()


def read_about(path: str | Path, connection: sqlite3.Connection) -> dict[str, Any]:
    """The ledger's head. Raises InputError for a database that is no ledger."""
    try:
        known = {key: json.loads(value) for key, value in connection.execute("SELECT key, value FROM about")}
    except (sqlite3.Error, ValueError):
        known = {}
    if known.get("format") != FORMAT:
        raise InputError(f"{path}: is no file of results of `archsim sweep` ({FORMAT})")
    return known


def _connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    try:
        mode = "ro" if read_only else "rwc"
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True)
        if not read_only:
            connection.execute("PRAGMA journal_mode=WAL")  # readers don't wait for the writer
            connection.execute("PRAGMA synchronous=FULL")  # a recorded chunk survives a power failure
    except sqlite3.Error as error:
        raise InputError(f"{path}: cannot be opened as results of a sweep: {error}") from None
    return connection


def _tables(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] > 0


def _chunks(connection: sqlite3.Connection, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    for (rows,) in connection.execute("SELECT rows FROM chunk ORDER BY number"):
        yield unpacked(rows, columns)


def _joined(chunks: Iterator[pa.Table], columns: Sequence[str] | None) -> pa.Table:
    tables = list(chunks)
    if tables:
        return pa.concat_tables(tables)
    wanted = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    return wanted.empty_table()


class _Lock:
    """A file beside the results that is locked while somebody writes; it falls with its process."""

    def __init__(self, results: Path) -> None:
        self.path = results.with_name(f".{results.name}.lock")
        try:
            self._file = self.path.open("a+")
        except OSError as error:
            raise InputError(
                f"{results}: cannot be written: {error.strerror}; give another file by --out"
            ) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._file.fileno()).st_ino != self.path.stat().st_ino:
                raise OSError("the one who had it is just giving it up")
        except OSError:
            self._file.seek(0)
            who = self._file.read().strip() or "another process"
            self._file.close()
            raise InputError(
                f"{results}: {who} is writing these results; wait for it, end it, or give another file"
                " by --out"
            ) from None
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {os.uname().nodename}")
        self._file.flush()

    def release(self) -> None:
        self.path.unlink(missing_ok=True)
        self._file.close()
