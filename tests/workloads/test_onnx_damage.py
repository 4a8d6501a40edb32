"""Damaged files give a Workload or an InputError, never anything else."""

import random
from pathlib import Path

import onnx
import pytest
from onnx_models import build, node, ones

from archsim.errors import InputError
from archsim.workloads.onnx_import import load_onnx
from archsim.workloads.workload import Workload

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"


def small_model() -> bytes:
    nodes = [
        node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["c", "b", "b", "b", "b"], ["n"]),
        node("Relu", ["n"], ["a"]),
        node("MaxPool", ["a"], ["p"], kernel_shape=[2, 2]),
        node("Transpose", ["p"], ["t"], perm=[0, 2, 3, 1]),
        node("Einsum", ["t", "v"], ["e"], equation="bhwc,cd->bhwd"),
        node("LSTM", ["s", "lw", "lr"], ["h", ""], hidden_size=2),
        node("Softmax", ["e"], ["y"]),
    ]
    constants = {
        "w": ones(4, 3, 3, 3),
        "b": ones(4),
        "v": ones(4, 2),
        "lw": ones(1, 8, 3),
        "lr": ones(1, 8, 2),
    }
    return build(nodes, {"x": [1, 3, 8, 8], "s": [3, 1, 3]}, ["y", "h"], constants).SerializeToString()


def survives(content: bytes, folder: Path) -> bool:
    """Whether the content still makes a workload; anything but an InputError escapes to the test."""
    path = folder / "model.onnx"
    path.write_bytes(content)
    try:
        workload = load_onnx(path)
    except InputError:
        return False
    assert isinstance(workload, Workload)
    return True


@pytest.fixture(autouse=True)
def without_the_runtime(monkeypatch):
    """Half a second for every unresolved model would be too much here."""
    monkeypatch.setattr("archsim.workloads.onnx_import.shape_inference.simplify", lambda model: None)


def test_truncations(tmp_path):
    content = small_model()
    assert survives(content, tmp_path)
    results = [survives(content[:length], tmp_path) for length in range(0, len(content), 7)]
    assert not all(results)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bytes(seed, tmp_path):
    content = small_model()
    draw = random.Random(seed)
    results = []
    for _ in range(120):
        damaged = bytearray(content)
        for _ in range(draw.randint(1, 3)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        results.append(survives(bytes(damaged), tmp_path))
    assert any(results)
    assert not all(results)


def test_flipped_bytes_of_a_real_network(tmp_path):
    content = (LIGHT / "light_squeezenet.onnx").read_bytes()
    draw = random.Random(0)
    for _ in range(60):
        damaged = bytearray(content)
        damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
        survives(bytes(damaged), tmp_path)
