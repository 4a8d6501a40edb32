"""An accelerator of the `systolic` family from another simulator's hardware file."""

from __future__ import annotations

from pathlib import Path

from archsim.accelerators.peers.imported import Given, Imported, check_spread
from archsim.accelerators.peers.timeloop import import_timeloop
from archsim.accelerators.peers.zigzag import import_zigzag
from archsim.accelerators.systolic.spec import SystolicSpec
from archsim.accelerators.yaml_input import validate
from archsim.errors import InputError
from archsim.workloads.peer_formats import WORKLOADS, formats_of
from archsim.workloads.peer_yaml import read_peer_yaml


def import_accelerator(path: str | Path, given: Given | None = None) -> Imported:
    """The accelerator in a ZigZag hardware file or a Timeloop architecture.

    `given` is what such files leave open: the spread of loops over the array, clock and node.
    Raises InputError naming file and key of the first mistake or of what is not covered.
    """
    path, given = Path(path), given or Given()
    parts = read_peer_yaml(path)
    found = formats_of(parts)
    if "zigzag hardware" in found:
        imported = import_zigzag(parts[0], given)
    elif "timeloop architecture" in found:
        if given.mapping is not None:
            raise InputError("--mapping is ZigZag's; for a Timeloop architecture give --rows and --columns")
        imported = import_timeloop(parts[0], given)
    else:
        hint = ": it is a workload, which archsim run takes as it is" if set(found) & set(WORKLOADS) else ""
        raise InputError(
            f"{path}: is no hardware file{hint}; a ZigZag one has the key operational_array, a Timeloop "
            "architecture the key architecture"
        )
    array = imported.spec["array"]
    check_spread({side: (array["unroll"][side], array[side]) for side in ("rows", "columns")})
    validate(SystolicSpec, dict(imported.spec), where=str(path))
    return imported
