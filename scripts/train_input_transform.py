"""Train an input transformation for a classifier whose weights lie in failing memory cells.

    python scripts/train_input_transform.py [CLASSIFIER] [--fashion-mnist FOLDER]

writes `workloads/<classifier>-fuse.onnx`: a small generator before a classifier of the library, in one model;
the layers `fuse…` are the generator's. After NeuralFuse (Sun et al., NeurIPS 2024): the classifier stays as
it is and only its gradients by the input are used; the generator learns images that it classifies right also
with faulty weights, on average over chips (expectation over transformation):

    loss = CE(classifier(G(x)), y) + FAULTY_WEIGHT · mean over chips of CE(faulty classifier(G(x)), y)

Training draws chips of a seed of its own; accuracy is to be judged on others. Not part of archsim: needs
torch beside it (2.14 made the file in the library), and Fashion-MNIST (Debian's package
dataset-fashion-mnist). One thread and one seed, so a machine makes the same file again.
"""
# pyright: reportMissingImports=false

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional
from train_library_models import LIBRARY, Images, fashion_mnist

from archsim.numerics.calibration import calibration_for
from archsim.numerics.faults.cells import DrawnChip, FaultModel, Supply
from archsim.numerics.faults.stored_weights import StoredWeights
from archsim.numerics.faults.supply_sweep import one_memory
from archsim.numerics.network import read_network
from archsim.numerics.quantised_network import QuantisedNetwork, quantise_network, with_codes
from archsim.workloads.precision import Precision
from archsim.workloads.shipped_data import shipped_data

SEED = 0
CHIP_SEED = 1_000_000
BER = 0.01  # share of cells stuck at 0 or 1
CHIPS_A_STEP = 7
FAULTY_WEIGHT = 3.0
STEPS, BATCH, RATE = 2000, 48, 2e-3
WIDTH = 8
HIGHEST = 255.0  # of a pixel

Weights = Mapping[str, Tensor]


class Generator(nn.Module):
    """Images in, images out: 3×3 convolutions, two of them at half the resolution, and a shortcut.

    What it makes is added to the image, at most the whole range of a pixel, and clipped to that range.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fuse1 = nn.Conv2d(1, WIDTH, 3, padding=1)
        self.fuse2 = nn.Conv2d(WIDTH, 2 * WIDTH, 3, stride=2, padding=1)
        self.fuse3 = nn.Conv2d(2 * WIDTH, WIDTH, 3, padding=1)
        self.fuse4 = nn.Conv2d(WIDTH, 1, 3, padding=1)
        nn.init.zeros_(self.fuse4.weight)  # begins as the image itself

    def forward(self, image: Tensor) -> Tensor:
        fine = functional.relu(self.fuse1(image / HIGHEST))
        coarse = functional.relu(self.fuse3(functional.relu(self.fuse2(fine))))
        added = self.fuse4(fine + functional.interpolate(coarse, scale_factor=2.0))
        return (image + HIGHEST * torch.tanh(added)).clip(0, HIGHEST)

    def nodes(self) -> tuple[list[NodeProto], list[TensorProto]]:
        """From `image` to `fused_image`."""
        made: list[NodeProto] = []
        constants = {
            "fuse_scales": np.array([1, 1, 2, 2], np.float32), "fuse_range": np.float32(HIGHEST),
            "fuse_lowest": np.float32(0), "fuse_highest": np.float32(HIGHEST),
        }  # fmt: skip

        def add(operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
            made.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
            return output

        def convolve(name: str, tensor: str) -> str:
            layer = getattr(self, name)
            scale = 1 / HIGHEST if name == "fuse1" else 1.0
            constants[f"{name}_weight"] = (scale * layer.weight).detach().numpy()
            constants[f"{name}_bias"] = layer.bias.detach().numpy()
            add("Conv", [tensor, f"{name}_weight", f"{name}_bias"], f"{name}_out",
                pads=[1] * 4, strides=list(layer.stride), kernel_shape=[3, 3])  # fmt: skip
            made[-1].name = name
            return f"{name}_out"

        fine = add("Relu", [convolve("fuse1", "image")], "fuse_relu1")
        half = add("Relu", [convolve("fuse2", fine)], "fuse_relu2")
        coarse = add("Relu", [convolve("fuse3", half)], "fuse_relu3")
        large = add("Resize", [coarse, "", "fuse_scales"], "fuse_resize", mode="nearest",
                    coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
        bent = add("Tanh", [convolve("fuse4", add("Add", [fine, large], "fuse_sum"))], "fuse_tanh")
        moved = add("Add", ["image", add("Mul", [bent, "fuse_range"], "fuse_scaled")], "fuse_moved")
        add("Clip", [moved, "fuse_lowest", "fuse_highest"], "fused_image")
        return made, [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]


def classify(model: onnx.ModelProto, weights: Weights, image: Tensor) -> Tensor:
    """The classifier's graph in torch, with `weights` in place of its products'."""
    constants = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.graph.initializer}
    values: dict[str, Tensor] = {model.graph.input[0].name: image}
    for node in model.graph.node:
        x = values[node.input[0]]
        given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        match node.op_type:
            case "Conv":
                pads, strides = given.get("pads", [0] * 4), given.get("strides", [1, 1])
                bias = constants[node.input[2]]
                y = functional.conv2d(x, weights[node.name], bias, strides, pads[:2])
            case "Gemm":
                y = functional.linear(x, weights[node.name], constants[node.input[2]])
            case "Relu":
                y = functional.relu(x)
            case "MaxPool":
                y = functional.max_pool2d(x, given["kernel_shape"], given["strides"])
            case "Add":
                y = x + values[node.input[1]]
            case "GlobalAveragePool":
                y = x.mean(dim=(2, 3), keepdim=True)
            case "Flatten":
                y = x.flatten(1)
            case other:
                raise SystemExit(f"the classifier has a node {other}, which this script does not know")
        values[node.output[0]] = y
    return values[model.graph.output[0].name]


def weights_of(quantised: QuantisedNetwork) -> Weights:
    """What the whole numbers mean."""
    found = {}
    for p in quantised.products:
        scales = p.scales.reshape(-1, *(1 for _ in p.codes.shape[1:]))
        found[p.product.name] = torch.from_numpy((p.codes * scales).astype(np.float32))
    return found


def trained(quantised: QuantisedNetwork, images: Images) -> Generator:
    torch.manual_seed(SEED)
    model = quantised.network.model
    stored = StoredWeights(quantised, one_memory(quantised, [p.product.name for p in quantised.products]))
    exact, supply = weights_of(quantised), Supply({"weights": (BER,)})
    generator = Generator()
    pixels, labels = (torch.from_numpy(part.copy()) for part in images.train)
    optimiser = torch.optim.Adam(generator.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=RATE, total_steps=STEPS)
    told: list[tuple[float, float]] = []
    for step in range(STEPS):
        chosen = torch.randint(len(labels), (BATCH,))
        image, label = generator(pixels[chosen].float()), labels[chosen].long()
        clean = functional.cross_entropy(classify(model, exact, image), label)
        losses = []
        for number in range(step * CHIPS_A_STEP, (step + 1) * CHIPS_A_STEP):
            read = stored.read(DrawnChip(FaultModel("stuck"), number, CHIP_SEED), supply)
            faulty = weights_of(with_codes(quantised, read.codes))
            losses.append(functional.cross_entropy(classify(model, faulty, image), label))
        wrong = torch.stack(losses).mean()
        optimiser.zero_grad()
        (clean + FAULTY_WEIGHT * wrong).backward()
        optimiser.step()
        schedule.step()
        told.append((clean.item(), wrong.item()))
        if step % 100 == 99:
            exact_loss, faulty_loss = np.mean(told[-100:], axis=0)
            print(f"step {step + 1}: loss {exact_loss:.3f}, with faults {faulty_loss:.3f}", flush=True)
    return generator


def joined(generator: Generator, classifier: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """The generator's nodes, then the classifier's, which read `fused_image`."""
    model = onnx.ModelProto()
    model.CopyFrom(classifier)
    nodes, constants = generator.nodes()
    for node in model.graph.node:
        node.input[:] = ["fused_image" if tensor == "image" else tensor for tensor in node.input]
        nodes.append(node)
    kept = [helper.make_node(n.op_type, n.input, n.output, name=n.name) for n in nodes]
    for new, old in zip(kept, nodes, strict=True):
        new.attribute.extend(old.attribute)
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(constants)
    model.graph.name, model.producer_name = name, Path(__file__).name
    facts = {entry.key: entry.value for entry in classifier.metadata_props if entry.key != "accuracy"}
    helper.set_model_props(model, facts)
    onnx.checker.check_model(model)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("classifier", nargs="?", default="fashion-cnn")
    parser.add_argument("--fashion-mnist", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # sums keep their order, and OpenMP does not spin on a busy machine
    torch.use_deterministic_algorithms(True)
    file = LIBRARY / f"{arguments.classifier}.onnx"
    network = read_network(file)
    inputs = calibration_for(network.model, shipped_data(file, "calibration"))
    quantised = quantise_network(network, inputs, Precision.parse("w8a8"), weight_fit="least_squares")
    generator = trained(quantised, fashion_mnist(arguments.fashion_mnist))
    name = f"{arguments.classifier}-fuse"
    onnx.save_model(joined(generator, onnx.load(file), name), LIBRARY / f"{name}.onnx")


if __name__ == "__main__":
    main()
