"""What is known of points that were tried: a table, and its form in the ledger."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from archsim.dse.sweep.sweep import MEASURED, OUTCOME, TOTALS
from archsim.run import Totals

OK, FAILED, INFEASIBLE = "ok", "failed", "infeasible"
_WHOLE = {"latency_cycles", "macs", "peak_memory_bytes", "dram_bytes"}

SCHEMA = pa.schema(
    [
        ("point", pa.int64()),
        ("status", pa.string()),
        ("error", pa.string()),
        ("proof", pa.string()),
        ("gap", pa.float64()),
        ("warnings", pa.int32()),
        *((name, pa.int64() if name in _WHOLE else pa.float64()) for name in TOTALS),
        *((name, pa.float64()) for name in MEASURED),
    ]
)


@dataclass(frozen=True)
class Outcome:
    """One point: its totals, or why there are none. `proof` and `gap` are a search's; `warnings` how many.

    `accuracy` and its deviation over chips where the twin was measured.
    """

    point: int
    status: str
    totals: Totals | Mapping[str, Any] | None = None
    error: str | None = None
    proof: str | None = None
    gap: float | None = None
    warnings: int = 0
    accuracy: float | None = None
    accuracy_std: float | None = None

    def row(self) -> dict[str, Any]:
        totals = asdict(self.totals) if isinstance(self.totals, Totals) else dict(self.totals or {})
        own = {name: getattr(self, name) for name in (*OUTCOME, *MEASURED)}
        return {**dict.fromkeys(TOTALS), **own, **totals}


def packed(outcomes: Sequence[Outcome]) -> bytes:
    """Outcomes as a Parquet file in memory."""
    table = pa.Table.from_pylist([outcome.row() for outcome in outcomes], schema=SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def unpacked(rows: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of `packed` outcomes, or some of its columns."""
    return pq.read_table(pa.BufferReader(rows), columns=None if columns is None else list(columns))
