"""What faulty cells under the weights of each layer alone cost a network, measured on chips.

    {"schema": "archsim.ber_sensitivity/1", "model": …, "faults": "stuck",
     "chips": 10, "images": 500, "seed": 0, "accuracy": 0.922,
     "layers": {"conv1": {"ber": [0.001, 0.01], "loss": [0.004, 0.08], "std": [0.01, 0.06]}, …}}

`loss` is the share of items by which the mean accuracy of the chips falls below that without faults, 0 where
it rose by chance; `std` is that of the chips. Losses of layers add up only as long as they are small.
`archsim.dse.fault_loss` reads the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from archsim.atomic import whole_file
from archsim.errors import InputError
from archsim.numerics.calibration import Calibration
from archsim.numerics.faults.cells import FaultModel, Supply
from archsim.numerics.faults.supply_sweep import (
    Progress,
    Storage,
    SupplySweep,
    measure_accuracies,
    one_memory,
)
from archsim.numerics.labelled import Labelled
from archsim.numerics.quantised_network import QuantisedNetwork

SCHEMA = "archsim.ber_sensitivity/1"
STUCK = FaultModel()


@dataclass(frozen=True, slots=True)
class LayerLoss:
    """Loss and standard deviation at rising BER, as many of each."""

    ber: tuple[float, ...]
    loss: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class BerSensitivity:
    model: str
    faults: str
    chips: int
    images: int
    seed: int
    accuracy: float
    layers: Mapping[str, LayerLoss]

    def to_dict(self) -> dict[str, object]:
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self, path: str | Path) -> None:
        """Write the JSON whole or not at all."""
        with whole_file(path) as file:
            file.write_text(json.dumps(self.to_dict(), indent=1) + "\n", encoding="utf-8")


def measure_ber_sensitivity(
    quantised: QuantisedNetwork,
    rates: Sequence[float],
    test: Labelled,
    calibration: Calibration,
    *,
    model: FaultModel = STUCK,
    chips: int = 10,
    seed: int = 0,
    progress: Progress = lambda _done, _all: None,
) -> BerSensitivity:
    """Every layer alone at every rate, on the same chips. Raises InputError without a rate above 0."""
    if not rates or not all(0 < rate <= 1 for rate in rates):
        raise InputError("a sensitivity to bit errors needs bit error rates, each above 0 and at most 1")
    rates = sorted(set(rates))
    layers = [p.product.name for p in quantised.products]
    supplies = [Supply({"weights": (rate,)}) for rate in rates]
    sweeps = [
        SupplySweep(Storage(one_memory(quantised, [layer])), supplies, model, chips=chips, seed=seed)
        for layer in layers
    ]
    exact, points = measure_accuracies(quantised, sweeps, test, calibration, progress)
    found = {}
    for layer, row in zip(layers, points, strict=True):
        losses = tuple(max(0.0, exact - point.hardware.mean) for point in row)
        found[layer] = LayerLoss(tuple(rates), losses, tuple(point.hardware.std for point in row))
    name = quantised.network.path.stem
    return BerSensitivity(name, model.kind, chips, len(test), seed, exact, found)
