"""Write the layer traces of the workload library from the definitions in `archsim.workloads.models`.

Run it after a change of a definition: `python scripts/write_library_traces.py`.
"""

from __future__ import annotations

from pathlib import Path

from archsim.workloads.models import MODELS, build_model
from archsim.workloads.trace import write_trace

FOLDER = Path(__file__).resolve().parents[1] / "workloads"


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, definition in MODELS.items():
        workload = build_model(name)
        made = f"{workload.macs:,} MACs, {workload.parameters:,} parameters."
        source = "Written by scripts/write_library_traces.py."
        write_trace(workload, FOLDER / f"{name}.csv", about=(*definition.about, made, source))
        print(f"{name}: {made}")


if __name__ == "__main__":
    main()
