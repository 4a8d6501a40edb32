"""Accuracy as a property of hardware and bits: the twins of one model, each measured once.

What a search or a sweep asks again and again of other hardware. `archsim.numerics.accuracy` is for a single
one, with its causes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from archsim.errors import InputError
from archsim.numerics.accuracy import is_drawn, on_crossbars
from archsim.numerics.accuracy_report import Spread
from archsim.numerics.batch_norm import float_moments, recalibrated
from archsim.numerics.calibration import Arrays, calibration_for
from archsim.numerics.chips import in_cache_sized_runs, run_items, top1
from archsim.numerics.crossbar import Crossbar
from archsim.numerics.faults.supply_sweep import SupplySweep, measure_accuracies
from archsim.numerics.labelled import labelled_for
from archsim.numerics.network import read_network
from archsim.numerics.quantise import Fit
from archsim.numerics.quantised_network import QuantisedNetwork, quantise_network
from archsim.numerics.twin import Chip, Hardware, build_twin
from archsim.numerics.twin_taps import Moments
from archsim.workloads.precision import Precision

Bits = Mapping[str, Precision]
"""The precision of every product, by its name."""


class TwinAccuracy:
    """Accuracies of the classifier at `model`, as shares of 1, on chips and images of one's choice.

    `data`, `calibration` as of `measure_accuracy`. `batch_norm` re-calibrates every chip. Threads may share
    one. Raises InputError for whatever of these does not fit.
    """

    def __init__(
        self,
        model: Path,
        data: Path | str | Arrays,
        calibration: Path | str | Arrays,
        *,
        seed: int = 0,
        batch_norm: bool = False,
        fit: Fit = "least_squares",
    ) -> None:
        self._network = read_network(model)
        self._test = labelled_for(self._network.model, data)
        self._calibration = calibration_for(self._network.model, calibration)
        self._seed, self._batch_norm = seed, batch_norm
        self._fit: Fit = fit
        self._known: dict[object, Spread] = {}
        self._ready: dict[object, tuple[QuantisedNetwork, Hardware]] = {}
        self._float: dict[range, float] = {}

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the layers that are computed in whole numbers."""
        return tuple(product.name for product in self._network.products)

    def images(self, most: int, seen: int = 0) -> tuple[range, range]:
        """The first images, at most half of all, and others: as many, or what there is, behind the first
        `seen` of all. Where all were seen they are the second half; the same ones where there is no half.

        Their number is a multiple of the batch that a model may fix.
        """
        batch = run_items(self._network, self._test)
        count = min(most, len(self._test) // 2) // batch * batch
        if not count:
            return (every := range(len(self._test))), every
        start = -(-max(count, seen) // batch) * batch
        fresh = range(start, min(start + count, len(self._test) // batch * batch))
        return range(count), fresh or range(count, 2 * count)

    def float_accuracy(self, images: range) -> float:
        """Accuracy in floating point on some of the images."""
        if images not in self._float:
            self._float[images] = top1(self._network.model, self._test.part(images))
        return self._float[images]

    def measure(
        self,
        crossbar: Crossbar | None,
        bits: Bits,
        chips: range,
        images: range,
        check: Callable[[], None] = lambda: None,
    ) -> Spread:
        """Accuracy on these chips; a single one counts where nothing is drawn.

        `check` is called between chips, and may raise to end it.
        Raises InputError for a product without bits, and bits that cannot be quantised.
        """
        drawn = chips if crossbar is not None and is_drawn(crossbar) else chips[:1]
        key = crossbar, self._widths(bits), drawn if len(drawn) > 1 else None, images
        if key not in self._known:
            ready = self._made_ready(crossbar, bits, check)
            self._known[key] = self._measured(*ready, drawn, images, check)
        return self._known[key]

    def with_bit_errors(self, bits: Bits, sweep: SupplySweep, images: range) -> tuple[float, Spread]:
        """Accuracy without bit errors, and on the chips of a sweep of one supply; products are exact.

        Raises InputError as `measure`, and for memories that cannot hold the numbers.
        """
        quantised, _ = self._made_ready(None, bits)
        exact, ((point,),) = measure_accuracies(
            quantised, [sweep], self._test.part(images), self._calibration
        )
        return exact, point.hardware

    def _widths(self, bits: Bits) -> tuple[tuple[int, int], ...]:
        missing = [name for name in self.products if name not in bits]
        if missing:
            raise InputError(
                f"there are no bits for layer {missing[0]!r} of the model; there are: {', '.join(bits)}"
            )
        return tuple((bits[name].weight_bits, bits[name].activation_bits) for name in self.products)

    def _made_ready(
        self, crossbar: Crossbar | None, bits: Bits, check: Callable[[], None] = lambda: None
    ) -> tuple[QuantisedNetwork, Hardware]:
        """The whole numbers, and the arrays with the ADCs' ranges set; made once."""
        key = crossbar, self._widths(bits)
        if key not in self._ready:
            check()
            self._ready[key] = self._quantised(crossbar, bits)
        return self._ready[key]

    def _quantised(self, crossbar: Crossbar | None, bits: Bits) -> tuple[QuantisedNetwork, Hardware]:
        quantised = quantise_network(
            self._network,
            self._calibration,
            lambda name: bits[name],
            weight_fit=self._fit,
            activation_fit=self._fit,
        )
        return quantised, on_crossbars(quantised, crossbar, self._calibration)

    def _measured(
        self,
        quantised: QuantisedNetwork,
        hardware: Hardware,
        chips: range,
        images: range,
        check: Callable[[], None],
    ) -> Spread:
        test = in_cache_sized_runs(self._test.part(images), quantised, hardware.crossbars)
        found = []
        for number in chips:
            check()
            chip = Chip(number, self._seed)
            own = hardware
            if self._batch_norm and hardware.crossbars:
                own = recalibrated(quantised, hardware, chip, self._moments, self._calibration)
            found.append(top1(build_twin(quantised, own, chip), test))
        return Spread.of(found)

    @cached_property
    def _moments(self) -> dict[str, Moments]:
        return float_moments(self._network, self.products, self._calibration)
