"""The points of a hardware space: made from the open fields, priced on all processors when first wanted."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from archsim.accelerators.library import load_accelerator
from archsim.accelerators.spec_paths import with_values
from archsim.dse.bits import BitSpace
from archsim.dse.formulation import Formulation
from archsim.dse.point import LayerTable, Point, layer_tables
from archsim.errors import InputError

if TYPE_CHECKING:
    from archsim.accelerators.machine import Machine

FEW = 4
"""Points priced without a pool: starting one takes as long."""

_shared: dict[str, Any] = {}
"""What a worker process was started with."""


def make_points(
    spec: Mapping[str, Any], combinations: Iterable[Mapping[str, Any]]
) -> tuple[list[Point], Counter[str]]:
    """A point per valid combination, the smallest area first, and how many were refused for which reason.

    Raises InputError where none is valid, or a path leads nowhere.
    """
    points, refused = [], Counter[str]()
    for values in combinations:
        changed = with_values(spec, values)
        try:
            machine = load_accelerator(changed)
        except InputError as error:
            refused[str(error)] += 1
            continue
        points.append(Point(dict(values), machine, _area_mm2(machine)))
    if not points:
        reason, count = refused.most_common(1)[0]
        raise InputError(
            f"hardware: none of {sum(refused.values())} combinations is valid; {count} of them: {reason}"
        )
    return sorted(points, key=lambda point: point.area_mm2), refused


def _area_mm2(machine: Machine) -> float:
    return sum(figure.value for figure in machine.area().values())


def price(
    points: Sequence[Point],
    spec: Mapping[str, Any],
    formulation: Formulation,
    *,
    workers: int,
    on_priced: Callable[[int], None] = lambda _: None,
) -> None:
    """Give every point that has none its tables, or the reason why there are none. Ctrl-C raises at once."""
    wanted = [point for point in points if not point.tables and not point.unfit]
    if workers < 2 or len(wanted) <= FEW:
        for number, point in enumerate(wanted, 1):
            _give(point, _tables(point.machine, formulation.space, formulation.front(point.machine)))
            on_priced(number)
        return
    fronts = formulation.front(wanted[0].machine)
    method = "fork" if sys.platform == "linux" else "spawn"
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context(method), _start, (dict(spec), formulation.space, fronts)
    )
    try:
        tasks: dict[Future[list[LayerTable] | str], Point] = {
            pool.submit(_priced_in_worker, point.values): point for point in wanted
        }
        for number, task in enumerate(as_completed(tasks), 1):
            _give(tasks[task], task.result())
            on_priced(number)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start(spec: dict[str, Any], space: BitSpace, front: Sequence[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    _shared.update(spec=spec, space=space, front=front)


def _priced_in_worker(values: Mapping[str, Any]) -> list[LayerTable] | str:
    machine = load_accelerator(with_values(_shared["spec"], values))
    return _tables(machine, _shared["space"], _shared["front"])


def _tables(machine: Machine, space: BitSpace, front: Sequence[str]) -> list[LayerTable] | str:
    try:
        return layer_tables(machine, space, front)
    except InputError as error:
        return str(error)


def _give(point: Point, tables: list[LayerTable] | str) -> None:
    if isinstance(tables, str):
        point.unfit = tables
    else:
        point.tables = tables
