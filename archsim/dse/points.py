"""The points of a hardware space: made from the open fields, priced on all processors when first wanted."""

from __future__ import annotations

import math
import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from archsim.accelerators.library import load_accelerator
from archsim.accelerators.spec_paths import with_values
from archsim.dse.formulation import Formulation
from archsim.dse.point import LayerTable, Point, layer_tables
from archsim.dse.solve_point import bound_of
from archsim.errors import InputError
from archsim.simulation import set_up

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
        points.append(Point(dict(values), machine, area_mm2(machine)))
    if not points:
        reason, count = refused.most_common(1)[0]
        raise InputError(
            f"hardware: none of {sum(refused.values())} combinations is valid; {count} of them: {reason}"
        )
    return sorted(points, key=lambda point: point.area_mm2), refused


def area_mm2(machine: Machine) -> float:
    return sum(figure.value for figure in machine.area().values())


def price(
    points: Sequence[Point],
    spec: Mapping[str, Any],
    formulation: Formulation,
    *,
    workers: int,
    on_priced: Callable[[Point, float], None],
) -> None:
    """Give every point its tables, or the reason why there are none, and tell its bound (inf where unfit).

    Points that have tables are bounded only. Ctrl-C raises KeyboardInterrupt at once.
    """
    new = [point for point in points if not point.tables and not point.unfit]
    if workers < 2 or len(new) <= FEW:
        for point in points:
            if not point.tables and not point.unfit:
                _give(point, _tables(point.machine, formulation))
            on_priced(point, math.inf if point.unfit else bound_of(formulation, point))
        return
    for point in points:
        if point.tables or point.unfit:
            on_priced(point, math.inf if point.unfit else bound_of(formulation, point))
    method = "fork" if sys.platform == "linux" else "spawn"
    context = multiprocessing.get_context(method)
    pool = ProcessPoolExecutor(workers, context, _start, (dict(spec), formulation))
    try:
        tasks = {pool.submit(_priced_in_worker, point.values): point for point in new}
        for task in as_completed(tasks):
            tables, bound = task.result()
            _give(tasks[task], tables)
            on_priced(tasks[task], bound)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _start(spec: dict[str, Any], formulation: Formulation) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    _shared.update(spec=spec, formulation=formulation)


def _priced_in_worker(values: Mapping[str, Any]) -> tuple[list[LayerTable] | str, float]:
    machine = load_accelerator(with_values(_shared["spec"], values))
    formulation: Formulation = _shared["formulation"]
    point = Point(values, machine, area_mm2(machine))
    tables = _tables(machine, formulation)
    _give(point, tables)
    return tables, math.inf if point.unfit else bound_of(formulation, point)


def _tables(machine: Machine, formulation: Formulation) -> list[LayerTable] | str:
    try:
        machine = set_up(machine, formulation.space.workload)
        return layer_tables(machine, formulation.space, formulation.front(machine))
    except InputError as error:
        return str(error)


def _give(point: Point, tables: list[LayerTable] | str) -> None:
    if isinstance(tables, str):
        point.unfit = tables
    else:
        point.tables = tables
