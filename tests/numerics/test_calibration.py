"""Calibration inputs: what fits a model, how it is cut, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from small_networks import convnet, images, model_of, node, save

from archsim.errors import InputError
from archsim.numerics.calibration import calibration_for, read_arrays
from archsim.numerics.estimate import sensitivity_of
from archsim.workloads.onnx_import import load_onnx


def test_files_and_arrays_are_the_same_calibration(tmp_path: Path) -> None:
    path = save(convnet(), tmp_path)
    workload, x = load_onnx(path), images()
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "named.npz", x=x)
    np.savez(tmp_path / "single.npz", data=x.astype(np.float64))
    tables = [
        sensitivity_of(workload, [4], [], model_path=path, calibration=source)
        for source in ({"x": x}, tmp_path / "x.npy", tmp_path / "named.npz", str(tmp_path / "single.npz"))
    ]
    assert all(table == tables[0] for table in tables)
    assert "6 calibration item(s)" in tables[0].source


def test_runs_cover_every_item_once() -> None:
    x = images(count=19)
    cut = calibration_for(convnet(), {"x": x})
    assert np.array_equal(np.concatenate([feeds["x"] for feeds in cut.runs()]), x)
    assert [len(feeds["x"]) for feeds in calibration_for(convnet(batch=3), {"x": x}, 6).runs()] == [3, 3]
    assert calibration_for(convnet(), {"x": x}, 2).images == 2
    assert calibration_for(convnet(), {"x": x}, 100).images == 19


def test_small_inputs_go_into_every_run() -> None:
    model = model_of([node("Mul", ["x", "gain"], ["y"])], {"x": ["n", 4], "gain": [1]}, {"y": ["n", 4]}, {})
    cut = calibration_for(model, {"x": np.ones((20, 4), np.float32), "gain": np.ones(1, np.float32)})
    assert [feeds["gain"].shape for feeds in cut.runs()] == [(1,)] * 3


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.ones((2, 3, 8))}, "shape 2×3×8; the model reads ?×3×8×8"),
        ({"x": np.ones((2, 1, 8, 8))}, "shape 2×1×8×8"),
        ({"x": np.full((2, 3, 8, 8), np.nan)}, "not finite"),
        ({"x": np.ones((0, 3, 8, 8))}, "no item"),
        ({"x": np.full((1, 3, 8, 8), "a")}, "is <U1; the model reads float32"),
        ({"x": np.ones((1, 3, 8, 8)), "z": np.ones(1)}, "no input for z"),
        ({"a": np.ones((1, 3, 8, 8)), "b": np.ones(1)}, "no array for x"),
        ({}, "no array for x"),
    ],
)
def test_arrays_that_do_not_fit(arrays, said: str) -> None:
    with pytest.raises(InputError) as refusal:
        calibration_for(convnet(), arrays)
    assert said in str(refusal.value)


def test_a_fixed_batch_that_does_not_divide_the_items() -> None:
    with pytest.raises(InputError, match="multiple of it"):
        calibration_for(convnet(batch=4), {"x": images(count=6)})


def test_inputs_of_different_lengths() -> None:
    model = model_of([node("Add", ["a", "b"], ["y"])], {"a": ["n", 4], "b": ["n", 4]}, {"y": ["n", 4]}, {})
    with pytest.raises(InputError, match="a: 2, b: 3"):
        calibration_for(model, {"a": np.ones((2, 4)), "b": np.ones((3, 4))})


def test_a_fraction_is_no_token() -> None:
    model = model_of([node("Cast", ["ids"], ["y"], to=1)], {}, {"y": ["n", 4]}, {})
    model.graph.input.append(helper.make_tensor_value_info("ids", TensorProto.INT64, ["n", 4]))
    with pytest.raises(InputError, match="is float64; the model reads int64"):
        calibration_for(model, {"ids": np.full((1, 4), 0.5)})
    assert calibration_for(model, {"ids": np.ones((1, 4), np.int32)}).batched["ids"].dtype == np.int64


def test_files_that_are_no_arrays(tmp_path: Path) -> None:
    for name, content, said in (
        ("x.txt", b"1 2 3", "are a .npz file"),
        ("x.npy", b"1 2 3", "no file of NumPy arrays"),
        ("x.npz", b"1 2 3", "no file of NumPy arrays"),
        ("x.npz", b"PK", "no file of NumPy arrays"),
        ("x.npz", b"PK\x03\x04", "damaged or cut short"),
        ("x.npy", b"\x93NUMPY\x01", "damaged"),
        ("x.npy", b"", "no file of NumPy arrays"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=said):
            read_arrays(tmp_path / name)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="holds Python objects"):
        read_arrays(tmp_path / "objects.npy")
    with pytest.raises(InputError, match="No such file"):
        read_arrays(tmp_path / "none.npz")
