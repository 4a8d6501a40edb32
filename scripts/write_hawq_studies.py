"""Write dse/hawq-resnet18.yaml and dse/hawq-resnet50.yaml from HAWQ-V3's published tables.

    python scripts/write_hawq_studies.py

Source: Yao et al., HAWQ-V3, ICML 2021 (arXiv:2011.10680); the project's repository at 1616df6 (MIT), as kept
in tests/data. The budget is the published one of "model size, medium": half of the way from all in 4 bits to
all in 8 bits. The first convolution and the last layer are kept at 8 bits and are no part of the problem.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
BITS = (4, 8)
SHARE = 0.5


def main() -> None:
    for network in ("resnet18", "resnet50"):
        published = json.loads((ROOT / f"tests/data/hawq_{network}.json").read_text())
        path = ROOT / f"dse/hawq-{network}.yaml"
        head = "\n".join(
            f"# {line}".rstrip() for line in (__doc__ or "").split("\n\n")[2].strip().splitlines()
        )
        text = yaml.safe_dump(study(published), sort_keys=False, width=110, default_flow_style=None)
        path.write_text(f"{head}\n# Written by scripts/write_hawq_studies.py.\n{text}", encoding="utf-8")


def study(published: dict[str, Any]) -> dict[str, Any]:
    layers = published["layers"]
    sizes = [[layer["params"] * bits / 8 for bits in BITS] for layer in layers]
    least, most = (sum(size[row] for size in sizes) for row in (0, 1))
    names = [layer["name"] for layer in layers]
    return {
        "description": f"HAWQ-V3: bits of {published['network']}, halfway in size between w4a4 and w8a8",
        "minimize": {"perturbation": 1},
        "then": {"weight_bytes": 1},
        "budgets": [{"name": "size", "column": "weight_bytes", "limit": least + SHARE * (most - least)}],
        "ties": [{"layers": [names[i] for i in tied], "keys": ["bits"]} for tied in published["tied_layers"]],
        "layers": [
            {
                "name": layer["name"],
                "keys": {"bits": list(BITS)},
                "columns": {
                    "weight_bytes": size,
                    "bops": [layer["macs"] * bits**2 / 1024 for bits in BITS],
                    "latency_ms": [layer[f"latency_int{bits}_ms"] for bits in BITS],
                    "perturbation": [layer[f"sensitivity_{bits}bit"] for bits in BITS],
                },
            }
            for layer, size in zip(layers, sizes, strict=True)
        ],
    }


if __name__ == "__main__":
    main()
