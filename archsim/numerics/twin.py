"""The hardware twin: an ONNX model that computes as the hardware does.

Every product becomes

    whole numbers of the inputs → Σ weights · inputs, exactly or on a chip's crossbars → · scales, + bias

in standard operators, with the stored whole numbers (or a chip's cells) as initializers. What is drawn once
a chip stands in initializers, so it is the same for every batch; noise comes from seeded random nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from archsim.errors import InputError
from archsim.numerics.array_product import ArrayProduct, Steps, array_product
from archsim.numerics.crossbar import Crossbar
from archsim.numerics.crossbar_nodes import Conversions, CrossbarNodes
from archsim.numerics.faults.stored_activations import ReadThrough
from archsim.numerics.full_scale import steps_for
from archsim.numerics.model_edit import copied, drop_unread, replace_all
from archsim.numerics.network import Product, opset_of
from archsim.numerics.noise_nodes import NoisePool
from archsim.numerics.quantise import Floats
from archsim.numerics.quantised_network import QuantisedNetwork, QuantisedProduct
from archsim.numerics.twin_graph import GraphBuilder
from archsim.numerics.twin_taps import NO_TAP, Tap, add_batch_normalisation, add_statistics, add_sums
from archsim.workloads.onnx_import.input_dims import network_inputs

_SHAPES_AND_GROUPS = ("kernel_shape", "strides", "dilations", "group", "pads", "auto_pad")


@dataclass(frozen=True, eq=False)
class ChannelCorrection:
    """Digital correction of a convolution's channels: y ↦ gain · y + offset. Both (outputs)."""

    gain: Floats
    offset: Floats


@dataclass(frozen=True, slots=True)
class Chip:
    """One specimen: `number` tells it from others of the same `seed`."""

    number: int = 0
    seed: int = 0

    def layer(self, place: int) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, self.number, place])

    def noise(self) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, self.number])


@dataclass(frozen=True, eq=False)
class Hardware:
    """Where products are computed: on `crossbars`, by product name; the others exactly.

    `steps` are the ADCs'; without those of a product its largest possible sums set them. `levels=False`
    leaves the ADCs' rounding and clipping out, their other errors stay. `activations` are read through the
    weak cells of memories, by the product that reads them.
    """

    crossbars: Mapping[str, Crossbar] = field(default_factory=dict)
    steps: Mapping[str, Steps] = field(default_factory=dict)
    corrections: Mapping[str, ChannelCorrection] = field(default_factory=dict)
    levels: bool = True
    activations: Mapping[str, tuple[ReadThrough, ...]] = field(default_factory=dict)


EXACT = Hardware()


def build_twin(
    quantised: QuantisedNetwork, hardware: Hardware = EXACT, chip: Chip | None = None, tap: Tap = NO_TAP
) -> onnx.ModelProto:
    """The twin of a network. `tap` adds outputs that tell what happens inside."""
    return _Twin(quantised, hardware, chip or Chip(), tap).model()


class _Twin:
    def __init__(self, quantised: QuantisedNetwork, hardware: Hardware, chip: Chip, tap: Tap) -> None:
        self._quantised = quantised
        self._hardware = hardware
        self._chip = chip
        self._tap = tap
        self._builder = GraphBuilder(opset_of(quantised.network.model))
        self._crossbars = CrossbarNodes(self._builder, NoisePool(chip.noise()), levels=hardware.levels)
        self._inputs: dict[tuple[str, float, int, int, tuple[ReadThrough, ...]], str] = {}

    def model(self) -> onnx.ModelProto:
        products = {p.product.place: (number, p) for number, p in enumerate(self._quantised.products)}
        made = copied(self._quantised.network.model)
        made.producer_name = "archsim"
        for place, node in enumerate(made.graph.node):
            if place in products:
                self._product(*products[place])
            else:
                self._builder.nodes.append(node)
        graph = made.graph
        graph.initializer.extend(self._builder.initializers)
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in self._builder.outputs)
        replace_all(graph.node, self._builder.nodes)
        drop_unread(graph)
        replace_all(
            graph.input, network_inputs(self._quantised.network.model.graph)
        )  # IR 3 lists weights too
        del graph.value_info[:]
        return made

    def _product(self, number: int, quantised: QuantisedProduct) -> None:
        product, builder = quantised.product, self._builder
        builder.scope = f"archsim/{product.name}"
        codes = self._codes(quantised)
        crossbar = self._hardware.crossbars.get(product.name)
        if crossbar is None:
            self._scaled(quantised, self._exact(quantised, codes))
            return
        array = array_product(quantised, crossbar, self._chip.layer(number))
        total, conversions = self._on_arrays(array, codes)
        if self._tap.sums:
            add_sums(builder, conversions)
        if self._tap.statistics:
            add_statistics(builder, total, self._exact(quantised, codes), conversions)
        self._scaled(quantised, total)

    def _codes(self, quantised: QuantisedProduct) -> str:
        """The input as whole numbers from 0 on; padded here where a convolution's zero is not code 0."""
        product, activation, builder = quantised.product, quantised.activation, self._builder
        faults = self._hardware.activations.get(product.name, ())
        key = (product.activation, quantised.step, activation.lowest, activation.highest, faults)
        if key not in self._inputs:
            steps = builder.add("Div", product.activation, builder.scalar(quantised.step))
            rounded = builder.add("Round", steps)
            edges = (builder.scalar(edge) for edge in (activation.lowest, activation.highest))
            whole = builder.add("Clip", rounded, *edges)
            if activation.lowest:
                whole = builder.add("Sub", whole, builder.scalar(activation.lowest))
            for through in faults:
                whole = through.add_to(builder, whole)
            self._inputs[key] = whole
        whole = self._inputs[key]
        pads = self._pads(quantised)
        if activation.lowest and any(pads):
            half = len(pads) // 2
            edges = builder.integers(0, 0, *pads[:half], 0, 0, *pads[half:])
            whole = builder.add("Pad", whole, edges, builder.scalar(-activation.lowest))
        return whole

    def _pads(self, quantised: QuantisedProduct) -> list[int]:
        product = quantised.product
        if not product.is_conv:
            return []
        automatic = product.node.text("auto_pad", "NOTSET")
        if automatic not in ("NOTSET", "VALID") and quantised.activation.lowest:
            raise InputError(
                f"layer {product.name!r} pads automatically ({automatic}) an input that can be negative; "
                "export the model with explicit pads"
            )
        return product.node.integers("pads", [])

    def _attributes(self, quantised: QuantisedProduct) -> dict[str, Any]:
        """The convolution's attributes, without pads where the input is padded already."""
        node = quantised.product.node
        if not quantised.product.is_conv:
            return {}
        kept = {key: node.attributes[key] for key in _SHAPES_AND_GROUPS if key in node.attributes}
        kept.pop("kernel_shape", None)  # the weights tell it
        if quantised.activation.lowest and kept.pop("pads", None):
            kept.pop("auto_pad", None)
        return kept

    def _exact(self, quantised: QuantisedProduct, codes: str) -> str:
        builder = self._builder
        stored = builder.constant("weight_codes", quantised.codes)
        weights = builder.add("Cast", stored, to=onnx.TensorProto.FLOAT)
        if quantised.product.is_conv:
            return builder.add("Conv", codes, weights, **self._attributes(quantised))
        return builder.add("MatMul", codes, builder.add("Transpose", weights, perm=[1, 0]))

    def _on_arrays(self, array: ArrayProduct, codes: str) -> tuple[str, list[Conversions]]:
        name = array.quantised.product.name
        steps = self._hardware.steps.get(name) or worst_case_steps(array)
        if array.quantised.product.is_conv:
            return self._crossbars.product(array, steps, codes, self._attributes(array.quantised))
        builder = self._builder
        inputs = array.image_shape()[0]
        rows = builder.add("Reshape", codes, builder.integers(-1, inputs))
        turned = builder.add("Transpose", rows, perm=[1, 0])
        image = builder.add("Reshape", turned, builder.integers(1, inputs, -1, 1))  # the batch as its height
        total, conversions = self._crossbars.product(array, steps, image, {})
        flat = builder.add("Reshape", total, builder.integers(array.outputs, -1))
        shape = builder.shape_but(codes, builder.integers(array.outputs))
        return builder.add("Reshape", builder.add("Transpose", flat, perm=[1, 0]), shape), conversions

    def _scaled(self, quantised: QuantisedProduct, total: str) -> None:
        """Whole numbers back to the layer's scale, the bias, and the correction of a chip if there is one."""
        product, builder = quantised.product, self._builder
        if quantised.activation.lowest:
            sums = quantised.codes.astype(np.int64).reshape(len(quantised.codes), -1).sum(axis=1)
            total = builder.add("Add", total, _channels(builder, product, quantised.activation.lowest * sums))
        scale = quantised.step * quantised.scales.astype(np.float64)
        bias = np.zeros(len(scale)) if product.bias is None else product.bias.astype(np.float64)
        correction = self._hardware.corrections.get(product.name)
        if correction is not None:
            scale, bias = correction.gain * scale, correction.gain * bias + correction.offset
        scaled = builder.add("Mul", total, _channels(builder, product, scale))
        moments = self._tap.references.get(product.name)
        if moments is None:
            builder.add("Add", scaled, _channels(builder, product, bias), output=product.result)
        else:
            biased = builder.add("Add", scaled, _channels(builder, product, bias))
            add_batch_normalisation(builder, biased, moments, product.result)


def worst_case_steps(array: ArrayProduct) -> Steps:
    """ADC steps with which no sum can be clipped."""
    return steps_for(array.largest_sums(), array.crossbar.converter, array.signed)


def _channels(builder: GraphBuilder, product: Product, values: NDArray[np.generic]) -> str:
    """A value an output, to be broadcast over the product's result."""
    trailing = product.weights.ndim - 2 if product.is_conv else 0
    return builder.small(values.astype(np.float32).reshape(-1, *(1 for _ in range(trailing))))
