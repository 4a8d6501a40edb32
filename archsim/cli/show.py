"""`archsim show`: one accelerator or one workload in detail."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from archsim.cli.console import results
from archsim.cli.operating_point_options import BodyBias, Mhz, SramVdd, Vdd, parse_sram_vdd
from archsim.cli.workload_options import Bits, Dims, Strict, read_workload
from archsim.errors import InputError


def show(
    name: Annotated[
        str, typer.Argument(metavar="ACCELERATOR|MODEL", help="Library name, or a .yaml, .onnx or .csv file.")
    ],
    bits: Bits = None,
    vdd: Vdd = None,
    mhz: Mhz = None,
    body_bias: BodyBias = None,
    sram_vdd: SramVdd = None,
    dim: Dims = None,
    strict: Strict = False,
) -> None:
    """Show an accelerator (memories, peak, area, unit energies) or a workload (layers, sizes, memory)."""
    if is_accelerator(name):
        from archsim.accelerators.library import load_accelerator
        from archsim.cli.show_accelerator import print_accelerator
        from archsim.workloads.precision import Precision

        if dim or strict:
            raise InputError(f"--dim and --strict are for workloads, and {name} is an accelerator")
        precision = Precision() if bits is None else Precision.parse(bits)
        supplies = parse_sram_vdd(sram_vdd)
        machine = load_accelerator(name, vdd_v=vdd, clock_mhz=mhz, body_bias=body_bias, sram_vdd_v=supplies)
        print_accelerator(machine, precision, results())
    else:
        if (vdd, mhz, body_bias, sram_vdd) != (None, None, None, None):
            raise InputError(
                f"--vdd, --mhz, --body-bias, --sram-vdd are for accelerators, and {name} is a workload"
            )
        from archsim.cli.show_workload import print_workload

        print_workload(read_workload(name, dim, bits, strict), results())


def is_accelerator(name: str) -> bool:
    """Whether `name` means an accelerator (else: a workload). Raises InputError when it means neither."""
    from archsim.accelerators.library import list_accelerators
    from archsim.workloads.library import SUFFIXES, list_workloads
    from archsim.workloads.peer_formats import is_peer_workload

    if name.lower().endswith((".yaml", ".yml")):
        return not is_peer_workload(Path(name))
    accelerators, workloads = list_accelerators(), list_workloads()
    if name in accelerators:
        return True
    if name in workloads or name.lower().endswith(SUFFIXES) or "/" in name:
        return False
    close = get_close_matches(name.lower().replace("_", "-"), [*accelerators, *workloads], cutoff=0.5)
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    raise InputError(
        f"{name!r} is no accelerator and no workload of the library{hint}\n"
        f"accelerators: {', '.join(accelerators)}\n"
        f"workloads: {', '.join(workloads)}\n"
        "or give the path of a .yaml, .onnx or .csv file"
    )
