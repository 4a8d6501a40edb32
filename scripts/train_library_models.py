"""Train the classifiers of the workload library, and cut the images that they are judged on.

    python scripts/train_library_models.py [digits-cnn] [fashion-cnn] [fashion-resnet] [--fashion-mnist
    FOLDER]

writes `workloads/<name>.onnx`, and `workloads/data/<images>-test.npz` and `-calibration.npz`. Not part of
archsim: needs torch (2.13 made the files in the library), scikit-learn and, for the fashion models,
Fashion-MNIST (Debian's package dataset-fashion-mnist). One thread and one seed, so a machine makes the same
files again.

Images: `digits` is scikit-learn's copy of the UCI test set of handwritten digits (Alpaydin and Kaynak 1998,
CC BY 4.0); `fashion-mnist` is Zalando's (Xiao et al. 2017, arXiv:1708.07747, MIT). Test images are never
trained or calibrated on, nor looked at before the end: what was tried for `fashion-cnn` was compared on the
last 5,000 training images, which it does not learn from. Calibration images are training images.

`fashion-cnn` learns with noise on its weights, uniform over a step of a 4-bit quantiser of each channel, so
that it can be rounded to 4 bits afterwards. Without it the same network loses a fifth of its accuracy there.
"""
# pyright: reportMissingImports=false

from __future__ import annotations

import argparse
import gzip
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper, save_model
from torch import Tensor, nn
from torch.nn import functional

LIBRARY = Path(__file__).resolve().parents[1] / "workloads"
SEED = 0
CLASSES = 10
HIGHEST = 7  # level of a symmetric 4-bit quantiser
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Images:
    """Pixels (items, 1, height, width) and labels; `highest` is the pixels' largest possible value."""

    name: str
    licence: str
    highest: int
    train: tuple[Bytes, Bytes]
    test: tuple[Bytes, Bytes]
    calibration_images: int
    shipped_test_images: int


@dataclass(frozen=True)
class Recipe:
    images: str
    network: Callable[[], nn.Module]
    epochs: int
    batch: int
    shift: int  # pixels that training images are moved by at most
    flip: bool
    noise_steps: float = 0.0  # range of the weights' noise while training, in steps of a 4-bit quantiser
    validation: int = 0  # of the training images, the last ones: not learned from, told epoch by epoch


class ConvBlock(nn.Module):
    """3×3 (or 1×1) convolution, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)
        self.relu = relu
        self.noise_steps = 0.0

    def forward(self, x: Tensor) -> Tensor:
        weight, conv = self.conv.weight, self.conv
        if self.training and self.noise_steps:
            largest = weight.detach().abs().amax(dim=(1, 2, 3), keepdim=True)
            weight = weight + largest * self.noise_steps / HIGHEST * (torch.rand_like(weight) - 0.5)
        y = self.norm(functional.conv2d(x, weight, None, conv.stride, conv.padding))
        return functional.relu(y) if self.relu else y

    def write(self, graph: Graph, x: str) -> str:
        """The convolution with the norm folded in."""
        factor = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        weight = self.conv.weight * factor[:, None, None, None] * graph.take_input_scale()
        bias = self.norm.bias - self.norm.running_mean * factor
        pad, stride = self.conv.padding[0], self.conv.stride[0]
        y = graph.add(
            "Conv", x, graph.constant("weight", weight), graph.constant("bias", bias),
            pads=[pad] * 4, strides=[stride] * 2, kernel_shape=list(self.conv.kernel_size),
        )  # fmt: skip
        return graph.add("Relu", y) if self.relu else y


class Residual(nn.Module):
    """Two 3×3 convolutions and a shortcut (He et al. 2016, arXiv:1512.03385; 1×1 where the shape changes)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = ConvBlock(inputs, outputs, stride=stride)
        self.second = ConvBlock(outputs, outputs, relu=False)
        same = inputs == outputs and stride == 1
        self.shortcut = None if same else ConvBlock(inputs, outputs, 1, stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        kept = x if self.shortcut is None else self.shortcut(x)
        return functional.relu(self.second(self.first(x)) + kept)

    def write(self, graph: Graph, x: str) -> str:
        y = self.second.write(graph, self.first.write(graph, x))
        kept = x if self.shortcut is None else self.shortcut.write(graph, x)
        return graph.add("Relu", graph.add("Add", y, kept))


class Pool(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(x, 2)

    def write(self, graph: Graph, x: str) -> str:
        return graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])


class Classifier(nn.Module):
    """Mean over the image, then a fully connected layer."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.full = nn.Linear(inputs, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.full(x.mean(dim=(2, 3)))

    def write(self, graph: Graph, x: str) -> str:
        flat = graph.add("Flatten", graph.add("GlobalAveragePool", x))
        weight, bias = graph.constant("weight", self.full.weight), graph.constant("bias", self.full.bias)
        return graph.add("Gemm", flat, weight, bias, transB=1)


def digits_cnn() -> nn.Module:
    return nn.Sequential(ConvBlock(1, 16), ConvBlock(16, 24), Pool(), ConvBlock(24, 32), Classifier(32))


def fashion_cnn() -> nn.Module:
    return nn.Sequential(
        ConvBlock(1, 24), Pool(), ConvBlock(24, 32), ConvBlock(32, 32), Pool(), ConvBlock(32, 64),
        Classifier(64)
    )  # fmt: skip


def fashion_resnet() -> nn.Module:
    """ResNet-14 of He et al.'s CIFAR family (6n + 2 layers, n = 2) at 8, 16 and 32 channels."""
    stages = [(8, 8, 1), (8, 8, 1), (8, 16, 2), (16, 16, 1), (16, 32, 2), (32, 32, 1)]
    return nn.Sequential(ConvBlock(1, 8), *(Residual(*stage) for stage in stages), Classifier(32))


RECIPES = {
    "digits-cnn": Recipe("digits", digits_cnn, epochs=60, batch=32, shift=1, flip=False),
    "fashion-cnn": Recipe(
        "fashion-mnist",
        fashion_cnn,
        epochs=14,
        batch=128,
        shift=1,
        flip=True,
        noise_steps=1.0,
        validation=5000,
    ),
    "fashion-resnet": Recipe("fashion-mnist", fashion_resnet, epochs=16, batch=128, shift=2, flip=True),
}


class Graph:
    """An ONNX graph that grows node by node. The model reads pixels: their scale is in its first weights."""

    def __init__(self, pixel_scale: float) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._pixel_scale = pixel_scale

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"{operator.lower()}{sum(node.op_type == operator for node in self.nodes) + 1}"
        self.nodes.append(helper.make_node(operator, inputs, [f"{name}_out"], name=name, **attributes))
        return f"{name}_out"

    def constant(self, role: str, values: Tensor) -> str:
        name = f"{role}{len(self.constants) // 2 + 1}"
        self.constants.append(numpy_helper.from_array(values.detach().numpy().astype(np.float32), name))
        return name

    def take_input_scale(self) -> float:
        scale, self._pixel_scale = self._pixel_scale, 1.0
        return scale


def write_model(network: nn.Module, name: str, images: Images, accuracy: float) -> None:
    graph = Graph(1 / images.highest)
    tensor = "image"
    for module in network:
        tensor = module.write(graph, tensor)
    graph.nodes[-1].output[0] = "logits"
    shape = images.test[0].shape[1:]
    inputs = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", *shape])]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])]
    model = helper.make_model(
        helper.make_graph(graph.nodes, name, inputs, outputs, graph.constants),
        ir_version=8, opset_imports=[helper.make_opsetid("", 17)], producer_name="train_library_models.py",
    )  # fmt: skip
    facts = {
        "archsim.data": images.name,
        "data_licence": images.licence,
        "accuracy": f"{accuracy:.4f} of {len(images.test[1])} test images",
    }
    helper.set_model_props(model, facts)
    save_model(model, LIBRARY / f"{name}.onnx")


def digits() -> Images:
    """1,797 images of 8×8 with 17 grey levels; a quarter, drawn by the seed, is for testing."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = bunch.images.astype(np.uint8)[:, None]
    labels = bunch.target.astype(np.uint8)
    order = np.random.default_rng(SEED).permutation(len(labels))
    test, train = order[:450], order[450:]
    return Images(
        "digits", "CC BY 4.0", 16, (pixels[train], labels[train]), (pixels[test], labels[test]), 64, 450
    )  # fmt: skip


def fashion_mnist(folder: Path) -> Images:
    """60,000 images for training and 10,000 for testing, of which the first 2,000 are shipped."""

    def read(part: str) -> tuple[Bytes, Bytes]:
        pixels = gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())
        return np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 1, 28, 28), np.frombuffer(
            labels, np.uint8, offset=8
        )

    return Images("fashion-mnist", "MIT", 255, read("train"), read("t10k"), 128, 2000)


def write_images(images: Images) -> None:
    folder = LIBRARY / "data"
    folder.mkdir(exist_ok=True)
    (pixels, labels), shipped = images.test, images.shipped_test_images
    np.savez_compressed(folder / f"{images.name}-test.npz", image=pixels[:shipped], labels=labels[:shipped])
    kept = images.train[0][: images.calibration_images]
    np.savez_compressed(folder / f"{images.name}-calibration.npz", image=kept)


def augmented(batch: Tensor, recipe: Recipe) -> Tensor:
    """Each image moved by up to `shift` pixels either way, and mirrored in half of the cases."""
    shift = recipe.shift
    height, width = batch.shape[2:]
    padded = functional.pad(batch, [shift] * 4)
    offsets = torch.randint(0, 2 * shift + 1, (len(batch), 2))
    rows = offsets[:, :1] + torch.arange(height)
    columns = offsets[:, 1:] + torch.arange(width)
    if recipe.flip:
        mirrored = torch.rand(len(batch), 1) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    items = torch.arange(len(batch))[:, None, None]
    return padded[items, 0, rows[:, :, None], columns[:, None, :]][:, None]


def trained(recipe: Recipe, images: Images) -> nn.Module:
    torch.manual_seed(SEED)
    network = recipe.network()
    for block in network.modules():
        if isinstance(block, ConvBlock):
            block.noise_steps = recipe.noise_steps
    learned = len(images.train[1]) - recipe.validation
    pixels = torch.from_numpy(images.train[0][:learned].astype(np.float32) / images.highest)
    labels = torch.from_numpy(images.train[1][:learned].astype(np.int64))
    held = images.train[0][learned:], images.train[1][learned:]
    steps = recipe.epochs * (len(labels) // recipe.batch)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=6e-3, total_steps=steps)
    loss = torch.zeros(())
    for epoch in range(recipe.epochs):
        network.train()
        for chosen in torch.randperm(len(labels))[: len(labels) // recipe.batch * recipe.batch].split(
            recipe.batch
        ):
            loss = functional.cross_entropy(network(augmented(pixels[chosen], recipe)), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
        told = (
            f", validation accuracy {accuracy_of(network, held, images.highest):.4f}"
            if recipe.validation
            else ""
        )
        print(f"epoch {epoch + 1}: last loss {float(loss):.3f}{told}", flush=True)
    return network


@torch.no_grad()
def accuracy_of(network: nn.Module, images: tuple[Bytes, Bytes], highest: int) -> float:
    network.eval()
    pixels = torch.from_numpy(images[0].astype(np.float32) / highest)
    found = torch.cat([network(part).argmax(dim=1) for part in pixels.split(500)])
    return float((found.numpy() == images[1]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=list(RECIPES), help=", ".join(RECIPES))
    parser.add_argument("--fashion-mnist", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # sums keep their order, and OpenMP does not spin on a busy machine
    torch.use_deterministic_algorithms(True)
    for name in arguments.names:
        recipe = RECIPES[name]
        images = digits() if recipe.images == "digits" else fashion_mnist(arguments.fashion_mnist)
        network = trained(recipe, images)
        write_model(network, name, images, accuracy_of(network, images.test, images.highest))
        write_images(images)


if __name__ == "__main__":
    main()
