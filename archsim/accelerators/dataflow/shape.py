"""What a layer is to a streaming pipeline: a matrix of products a pixel, a pool, or an operation a pixel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt, prod
from typing import Literal

from archsim.accelerators.pipeline import Windows
from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer, Tensor

Kind = Literal["matrix", "depthwise", "pool", "elementwise", "upsample"]
ELEMENTWISE = (
    *("add", "sub", "mul", "elementwise", "quantize", "dequantize", "relu", "batch_norm", "activation"),
    *("concat", "slice", "transpose", "pad", "gather", "move"),
)
Padding = tuple[int, int, int, int]


@dataclass(frozen=True)
class StageShape:
    """One stage: for each output pixel `groups` products of a (rows × products) matrix with a vector.

    `channels_in` and `channels_out` are those of a pixel. `windows` if it works on windows of its image,
    `padding` if that has to be padded first, `spread` if zeros go between its pixels, too (a transposed
    convolution: a pixel every so many rows and columns). A depthwise stage has a row a channel. Without a
    matrix `products` is the size of a pool's window, or 1.
    """

    kind: Kind
    channels_in: int
    channels_out: int
    pixels_in: int
    pixels_out: int
    rows: int = 1
    products: int = 1
    groups: int = 1
    kernel: int = 1
    image: tuple[int, int] = (1, 1)
    padding: Padding = (0, 0, 0, 0)
    spread: tuple[int, int] = (1, 1)
    windows: Windows | None = None
    disjoint: bool = False  # a pool whose windows do not overlap needs no line buffer
    inputs: int = 1
    sharing: int = 1  # rows that use the same weights, at different pixels
    is_loaded: bool = False  # the matrix is made by another layer and loaded for every input
    loaded_pixels: int = 0

    @property
    def weights(self) -> int:
        if self.kind not in ("matrix", "depthwise"):
            return 0
        return self.groups * self.rows * self.products // self.sharing

    @property
    def padded(self) -> tuple[int, int]:
        top, left, bottom, right = self.padding
        rows, columns = ((n - 1) * s + 1 for n, s in zip(self.image, self.spread, strict=True))
        return rows + top + bottom, columns + left + right

    @property
    def is_padded(self) -> bool:
        return self.padded != self.image


def pixels(tensor: Tensor) -> int:
    """Positions of a tensor that go through a stream one by one, each with all its channels."""
    shape = tensor.shape
    if len(shape) >= 4:
        return prod(shape[2:])
    return shape[1] if len(shape) == 3 else 1


def channels(tensor: Tensor) -> int:
    return tensor.elements // pixels(tensor)


def stage_shape(layer: Layer) -> StageShape:
    """Raises InputError, naming the layer, for what no stage of this family does."""
    if any(tensor.shape[0] != 1 for tensor in (*layer.inputs, *layer.outputs) if len(tensor.shape) > 1):
        raise InputError(
            f"layer {layer.name!r} has a batch; a pipeline takes inputs one by one (dim batch=1)"
        )
    if layer.contraction is not None:
        return _contraction(layer, layer.contraction)
    if layer.operator in ("max_pool", "average_pool", "reduce"):
        return _pool(layer)
    if layer.operator == "resize":
        return _elementwise(layer, "upsample")
    if layer.operator == "softmax" or layer.operator in ELEMENTWISE:
        return _elementwise(layer, "elementwise")
    raise InputError(
        f"layer {layer.name!r}: a dataflow pipeline has no stage for {layer.operator}; it has convolutions, "
        f"matrix products, pooling, resize, softmax and: {', '.join(ELEMENTWISE)}. One engine for all "
        "layers (family: overlay) does the others, too"
    )


def parallel_shape(layer: Layer) -> StageShape:
    """The same for whole tensors at once (hls4ml's `io_parallel`): every output pixel has rows of its own."""
    stage = stage_shape(layer)
    if stage.is_loaded:
        raise InputError(
            f"layer {layer.name!r}: a product of two activations has no parallel form; use io: stream"
        )
    matrix = stage.kind in ("matrix", "depthwise")
    return StageShape(
        kind="matrix" if matrix else "elementwise",
        channels_in=layer.inputs[0].elements,
        channels_out=layer.outputs[0].elements,
        pixels_in=1,
        pixels_out=1,
        rows=stage.groups * stage.rows * stage.pixels_out if matrix else 1,
        products=stage.products,
        sharing=stage.pixels_out if matrix else 1,
        inputs=stage.inputs,
    )


def _contraction(layer: Layer, c: Contraction) -> StageShape:
    if c.B > 1:
        raise InputError(f"layer {layer.name!r}: a dataflow pipeline has no convolution over three axes")
    source, made = layer.inputs[0], layer.outputs[0]
    depthwise = c.is_depthwise and c.K == 1 and layer.has_static_weights
    matrix = StageShape(
        kind="depthwise" if depthwise else "matrix",
        rows=c.G if depthwise else c.K,
        products=c.C * c.R * c.S,
        groups=1 if depthwise else c.G,
        kernel=c.R * c.S,
        inputs=len(layer.inputs),
        is_loaded=not layer.has_static_weights,
        loaded_pixels=0 if layer.has_static_weights else pixels(layer.inputs[1]),
        channels_in=channels(source),
        channels_out=channels(made),
        pixels_in=pixels(source),
        pixels_out=pixels(made),
    )
    if layer.operator in ("conv", "conv_transpose") and (c.R * c.S > 1 or c.stride != (1, 1)):
        return _with_windows(layer, matrix, c)
    return matrix


def _with_windows(layer: Layer, stage: StageShape, c: Contraction) -> StageShape:
    """A transposed convolution is one of stride 1 over its spread pixels (FINN's FMPadding_Pixel)."""
    reach = ((c.R - 1) * c.dilation[0] + 1, (c.S - 1) * c.dilation[1] + 1)
    padding, spread, stride = c.padding, (1, 1), c.stride
    if c.transposed:
        top, left, bottom, right = (
            whole - cut for whole, cut in zip((reach[0] - 1, reach[1] - 1) * 2, c.padding, strict=True)
        )
        padding, spread, stride = (top, left, bottom, right), c.stride, (1, 1)
    if min(padding) < 0:
        raise InputError(f"layer {layer.name!r} cuts off more than its kernel adds; slice its input instead")
    image = (c.input_size[0], c.input_size[1])
    padded = replace(stage, image=image, padding=padding, spread=spread)
    return replace(padded, windows=Windows(padded.padded, reach, stride, c.output_size))


def _pool(layer: Layer) -> StageShape:
    """Window and stride from the shapes and the operations that are counted (the layer has nothing else)."""
    source, made = layer.inputs[0], layer.outputs[0]
    rows_in, columns_in = _image(source)
    rows, columns = _image(made)
    work = layer.ops.get("max", 0) or layer.ops.get("add", 0)
    window = max(1, work // made.elements)
    if (rows, columns) == (1, 1):
        reach = (rows_in, columns_in)
        stride = reach
    elif columns_in == 1 or rows_in == 1:  # along one axis
        reach = (window, 1) if columns_in == 1 else (1, window)
        stride = (max(1, round(rows_in / rows)), max(1, round(columns_in / columns)))
    else:
        reach = (isqrt(window), isqrt(window))
        stride = (max(1, round(rows_in / rows)), max(1, round(columns_in / columns)))
    image = tuple(
        max(have, (n - 1) * s + r)
        for have, n, s, r in zip((rows_in, columns_in), (rows, columns), stride, reach, strict=True)
    )
    down, right = image[0] - rows_in, image[1] - columns_in
    return StageShape(
        kind="pool",
        channels_in=channels(source),
        channels_out=channels(made),
        pixels_in=pixels(source),
        pixels_out=pixels(made),
        products=window,
        kernel=window,
        image=(rows_in, columns_in),
        padding=(down // 2, right // 2, down - down // 2, right - right // 2),
        windows=Windows((image[0], image[1]), reach, stride, (rows, columns)),
        disjoint=reach <= stride,
    )


def _image(tensor: Tensor) -> tuple[int, int]:
    shape = tensor.shape[2:] if len(tensor.shape) >= 4 else (pixels(tensor),)
    return (prod(shape[:-1]), shape[-1]) if len(shape) > 1 else (shape[0], 1)


def _elementwise(layer: Layer, kind: Kind) -> StageShape:
    source, made = layer.inputs[0], layer.outputs[0]
    return StageShape(
        kind=kind,
        channels_in=channels(source),
        channels_out=channels(made),
        pixels_in=pixels(source),
        pixels_out=pixels(made),
        inputs=len(layer.inputs),
    )
