"""The nine network topologies that the onnx package ships: MACs and parameters of the published networks."""

from pathlib import Path

import onnx
import pytest
from onnx_models import operators

from archsim.workloads.onnx_import import load_onnx

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"

# model: MACs, parameters, convolutions, fully connected layers, grouped convolutions.
# MACs of the published topologies at batch 1. Parameters count a batch norm's four tensors (DenseNet-121 has
# 7,978,856 trainable ones and 83,648 running means and variances), and inception_v1 is GoogLeNet's 6,998,552.
PUBLISHED = {
    "bvlc_alexnet": (654_560_384, 60_965_224, 5, 3, 3),
    "densenet121": (2_834_161_664, 8_062_504, 121, 0, 0),
    "inception_v1": (1_431_556_352, 6_998_552, 57, 1, 0),
    "inception_v2": (2_018_851_840, 11_214_888, 69, 1, 0),
    "resnet50": (4_089_184_256, 25_610_152, 53, 1, 0),
    "shufflenet": (124_664_528, 1_420_152, 49, 1, 48),
    "squeezenet": (349_151_936, 1_235_496, 26, 0, 0),
    "vgg19": (19_632_062_464, 143_667_240, 16, 3, 0),
    "zfnet512": (1_481_727_008, 87_250_536, 5, 3, 0),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_counts(name):
    workload = load_onnx(LIGHT / f"light_{name}.onnx")
    grouped = sum(layer.contraction.G > 1 for layer in workload.layers if layer.contraction)
    counted = operators(workload)
    assert (
        workload.macs,
        workload.parameters,
        counted.count("conv"),
        counted.count("gemm"),
        grouped,
    ) == PUBLISHED[name]
    assert workload.name == f"light_{name}"
    assert workload.warnings == ()
    assert len(workload.inputs) == 1
    assert len(workload.outputs) == 1


@pytest.mark.parametrize("name", PUBLISHED)
def test_shapes_chain(name):
    """Each layer's loop nest covers exactly the tensors that it reads and writes."""
    for layer in load_onnx(LIGHT / f"light_{name}.onnx").layers:
        nest = layer.contraction
        if nest:
            assert nest.input_elements == layer.inputs[0].elements, layer.name
            assert nest.weight_elements == layer.weights[0].elements, layer.name
            assert nest.output_elements == layer.outputs[0].elements, layer.name


def test_fusing_keeps_macs_and_leaves_no_batch_norm_behind_a_convolution():
    path = LIGHT / "light_resnet50.onnx"
    fused, plain = load_onnx(path), load_onnx(path, fuse=False)
    assert plain.macs == fused.macs
    assert plain.parameters == fused.parameters
    assert "batch_norm" not in operators(fused)
    assert operators(plain).count("batch_norm") == 53
    assert fused.layers[0].fused == ("batch_norm", "relu")
    assert fused.layers[0].ops == {"max": 64 * 112 * 112}


def test_batch_overrides_the_size_in_the_file():
    path = LIGHT / "light_squeezenet.onnx"
    one, four = load_onnx(path), load_onnx(path, dims={"data_0:0": 4})
    assert four.macs == 4 * one.macs
    assert four.parameters == one.parameters
    assert four.layers[0].contraction.B == 4
