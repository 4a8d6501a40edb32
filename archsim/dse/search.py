"""`archsim search` in Python: a study in, a proven plan (or a front, or the conflict) out."""

from __future__ import annotations

import os
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from archsim.dse.explore import Progress
from archsim.dse.fronts import FrontPoint
from archsim.dse.layer_columns import SensitivityTable
from archsim.dse.quantities import objective_quantity
from archsim.dse.search_in_patches import search_in_patches
from archsim.dse.study import Study
from archsim.dse.study_checks import reads_sensitivity
from archsim.dse.study_search import Outcome, StudySearch
from archsim.workloads.library import load_workload
from archsim.workloads.precision import Precision
from archsim.workloads.workload import Workload


def search(
    study: Study,
    *,
    workers: int | None = None,
    workload: Workload | None = None,
    sensitivity: SensitivityTable | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_front_point: Callable[[FrontPoint], None] = lambda _: None,
) -> Outcome:
    """Find the best tiling and bits of every layer, and the best sizes, and prove it.

    `workers`: processes; default: one a processor. `workload` and `sensitivity` (see `sensitivity_table`)
    stand for what the study names, where they are loaded already. Ctrl-C ends the search with what is known.
    Raises InputError for a study whose parts do not fit together.
    """
    with threadpool_limits(
        1, user_api="blas"
    ):  # matrix products are small: threads would wait for each other
        workload = workload or load_workload(study.workload, dims=study.dims)
        sensitivity = sensitivity or sensitivity_table(study, workload)
        try:
            asked = StudySearch(study, workload, sensitivity, workers or os.cpu_count() or 1, on_progress)
            if study.allow_patches:
                return search_in_patches(asked)
            if study.front is not None:
                return asked.along_front([objective_quantity(name) for name in study.front], on_front_point)
            return asked.one_plan()
        except KeyboardInterrupt:  # outside of searches: while twins are measured, or a plan is executed
            return Outcome(study, "UNKNOWN", interrupted=True)


def sensitivity_table(study: Study, workload: Workload) -> SensitivityTable | None:
    """The table that a budget or the goal reads: the study's own, or computed; None if nothing reads it.

    Raises InputError for a table of the study that is none, read or not.
    """
    from archsim.numerics.estimate import sensitivity_of
    from archsim.numerics.sensitivity_files import read_sensitivity

    source = study.sensitivity
    if source is not None and source.table is not None:
        table = read_sensitivity(source.table)  # also where nothing reads it: a broken file is told at once
        return table if reads_sensitivity(study) else None
    if not reads_sensitivity(study):
        return None
    given = (study.bits, *study.bits.layers.values())
    base = Precision.parse(study.baseline_bits)
    read = {base.activation_bits}.union(*(entry.activations or () for entry in given))
    standing = read.union({base.weight_bits}, *(entry.weights or () for entry in given))
    return sensitivity_of(
        workload,
        sorted(standing),
        sorted(read),
        model_path=study.workload if study.workload.endswith(".onnx") else None,
        calibration=None if source is None else source.calibration,
    )
