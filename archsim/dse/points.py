"""The points of a hardware space: made from the open fields, priced on all processors when first wanted."""

from __future__ import annotations

import math
import multiprocessing
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from archsim.accelerators.library import load_accelerator
from archsim.accelerators.machine import DoesNotFit
from archsim.accelerators.spec_paths import with_values
from archsim.dse.formulation import Formulation
from archsim.dse.point import LayerTable, Point, layer_tables
from archsim.dse.solve_point import bound_of
from archsim.errors import InputError
from archsim.simulation import set_up

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from archsim.accelerators.machine import Machine
    from archsim.dse.bits import BitSpace

FEW = 4
"""Points priced without a pool: starting one takes as long."""

MOST_TOGETHER, TURNS = 6, 4
"""Points priced by a worker at a time, and turns of a worker at least: so that all are busy to the end."""

_shared: dict[str, Any] = {}
"""What a worker process was started with."""


def make_points(
    spec: Mapping[str, Any],
    space: BitSpace,
    combinations: Iterable[Mapping[str, Any]],
    objective: str = "latency",
) -> tuple[list[Point], Counter[str]]:
    """A point per valid combination, the smallest area first, and how many were refused for which reason.
    Machines are set up for `objective`.

    Where a machine is set up otherwise for few bits than for many, a combination is a point for each way.
    Raises InputError where none is valid, or a path leads nowhere.
    """
    points, refused = [], Counter[str]()
    for number, values in enumerate(combinations):
        try:
            machines = dict(_set_up(spec, space, values, objective))
        except InputError as error:
            refused[str(error)] += 1
            continue
        for added, machine in machines.items():
            points.append(Point({**values, **dict(added)}, machine, area_mm2(machine), number))
    if not points:
        reason, count = refused.most_common(1)[0]
        raise InputError(
            f"hardware: none of {sum(refused.values())} combinations is valid; {count} of them: {reason}"
        )
    return sorted(points, key=lambda point: point.area_mm2), refused


def _set_up(
    spec: Mapping[str, Any], space: BitSpace, values: Mapping[str, Any], objective: str
) -> Iterator[tuple[tuple[tuple[str, str], ...], Machine]]:
    """(fields set beside the values, the machine with all of them)."""
    machine = load_accelerator(with_values(spec, values))
    choices = getattr(machine, "open_fields", None)
    fields = {} if choices is None else choices(space.narrowest, space.widest)
    for chosen in product(*fields.values()):
        added = tuple(zip(fields, chosen, strict=True))
        if added:
            machine = load_accelerator(with_values(spec, {**values, **dict(added)}))
        yield added, set_up(machine, space.widest, objective)


def area_mm2(machine: Machine) -> float:
    return sum(figure.value for figure in machine.area().values())


def price(
    points: Sequence[Point],
    spec: Mapping[str, Any],
    formulation: Formulation,
    *,
    rough: bool,
    workers: int,
    on_priced: Callable[[Point, float], None],
) -> None:
    """Give every point its tables, or the reason why there are none, and tell its bound (inf where unfit).

    With `rough` the tables are those of `Formulation.rough_quantity`. Points with tables are bounded only.
    Ctrl-C raises KeyboardInterrupt at once.
    """
    new = [point for point in points if not is_priced(point, formulation, rough=rough)]
    alone = workers < 2 or len(new) <= FEW
    for point in points if alone else [p for p in points if p not in new]:
        if point in new:
            _give(point, _tables(point, formulation, rough), formulation, rough)
        on_priced(point, math.inf if point.unfit else bound_of(formulation, point))
    if alone:
        return
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, context, _start, (dict(spec), formulation, rough, stop))
    try:
        new.sort(key=lambda point: point.number)
        together = max(1, min(MOST_TOGETHER, len(new) // (TURNS * workers)))
        chunks = [new[start : start + together] for start in range(0, len(new), together)]
        tasks = {
            pool.submit(_priced_in_worker, [(p.values, p.front) for p in chunk]): chunk for chunk in chunks
        }
        for task in as_completed(tasks):
            for point, (tables, bound) in zip(tasks[task], task.result(), strict=True):
                _give(point, tables, formulation, rough)
                on_priced(point, bound)
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)


def _start(spec: dict[str, Any], formulation: Formulation, rough: bool, stop: Event) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    threadpool_limits(1, user_api="blas")  # small products, and a process a processor
    _shared.update(spec=spec, formulation=formulation, rough=rough, stop=stop)


def _priced_in_worker(
    combinations: Sequence[tuple[Mapping[str, Any], frozenset[str]]],
) -> list[tuple[list[LayerTable] | str, float]]:
    formulation: Formulation = _shared["formulation"]
    rough: bool = _shared["rough"]
    found = []
    for values, front in combinations:
        if _shared["stop"].is_set():
            break
        machine = load_accelerator(with_values(_shared["spec"], values))
        machine = set_up(machine, formulation.space.widest, formulation.goal.objective)
        point = Point(values, machine, area_mm2(machine), front=front)
        tables = _tables(point, formulation, rough)
        _give(point, tables, formulation, rough)
        found.append((tables, math.inf if point.unfit else bound_of(formulation, point)))
    return found


def is_priced(point: Point, formulation: Formulation, *, rough: bool) -> bool:
    """Whether a point has what bounds the goal (with `rough`: at least roughly), or never will."""
    enough = rough and formulation.rough_quantity(point.machine) in point.rough
    return enough or bool(point.unfit) or formulation.has_tables(point)


def _tables(point: Point, formulation: Formulation, rough: bool) -> list[LayerTable] | str:
    quantity = formulation.rough_quantity(point.machine)
    front = [quantity] if rough and quantity is not None else sorted(_front(point, formulation))
    try:
        return layer_tables(point.machine, formulation.space, front)
    except DoesNotFit as error:
        return str(error)


def _front(point: Point, formulation: Formulation) -> frozenset[str]:
    """What is asked for now and what was before, so that no search loses its rows."""
    return point.front.union(formulation.front(point.machine))


def _give(point: Point, tables: list[LayerTable] | str, formulation: Formulation, rough: bool) -> None:
    quantity = formulation.rough_quantity(point.machine)
    if isinstance(tables, str):
        point.unfit = tables
    elif rough and quantity is not None:
        point.rough[quantity] = tables
    else:
        point.tables, point.front = tables, _front(point, formulation)
