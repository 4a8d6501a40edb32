"""What is not covered of Timeloop's and ZigZag's workloads is refused with its place; nothing crashes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from workload_strategies import reads_or_refuses

from archsim.errors import InputError
from archsim.workloads.library import load_workload

PEERS = Path(__file__).parents[1] / "data" / "peers"
CONV = yaml.safe_load((PEERS / "timeloop_conv.yaml").read_text())
LAYERS = yaml.safe_load((PEERS / "zigzag_resnet18_head.yaml").read_text())


def changed(data, place: str, value):
    """A copy with the value at a dotted place."""
    data = yaml.safe_load(yaml.safe_dump(data))
    *outer, last = place.split(".")
    holder = data
    for key in outer:
        holder = holder[int(key) if isinstance(holder, list) else key]
    holder[int(last) if isinstance(holder, list) else last] = value
    return data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed(CONV, "problem.version", 0.3), r"problem\.version: is 0\.3; covered: 0\.4"),
        (changed(CONV, "problem.shape", "cnn-layer"), "write the shape out"),
        (changed(CONV, "problem.instance.C", "2*3"), r"line \d+: problem\.instance\.C: .*expressions"),
        (changed(CONV, "problem.instance.C", 2.5), r"problem\.instance\.C: is 2\.5; it must be a whole"),
        (changed(CONV, "problem.instance.C", -1), r"problem\.instance\.C: is -1"),
        (changed(CONV, "problem.shape.dimensions", list("CMRSNPQZ")), r"instance\.Z: is missing"),
        (changed(CONV, "problem.shape.data_spaces.0.projection", [["X"]]), r"data_spaces\[0\]\.projection"),
        (
            changed(CONV, "problem.shape.data_spaces.0.projection", [[["C"]]]),
            r"data_spaces: the input is indexed by R \+ 2\*P; allowed",
        ),
        (changed(CONV, "problem.shape.data_spaces.0.read_write", True), "a contraction has 2 and 1"),
        (changed(CONV, "problem.instance.densities", {"Weights": 2}), r"densities\.Weights: is 2"),
        (changed(CONV, "problem.flatten", []), "problem.flatten: is not covered; allowed here: version"),
        (changed(LAYERS, "0.operator_type", "Softmax"), r"operator_type: is 'Softmax'; covered: Conv"),
        (changed(LAYERS, "0.equation", "O=I"), r"\[0\]\.equation: is 'O=I'; allowed"),
        (changed(LAYERS, "0.loop_sizes", [1, 2]), r"\[0\]\.loop_sizes: has 2 sizes for 7"),
        (changed(LAYERS, "0.loop_dims", ["B"] * 7), r"\[0\]\.loop_dims: names a dimension twice"),
        (changed(LAYERS, "0.dimension_relations", []), "dimension iy has no size in loop_dims"),
        (changed(LAYERS, "0.dimension_relations", ["ix=ox"]), r"dimension_relations: holds 'ix=ox'"),
        (changed(LAYERS, "0.operand_precision.W", 64), "weight_bits is 64; allowed"),
        (changed(LAYERS, "2.operand_source.I", 7), r"\[2\]\.operand_source\.I: is 7, but no layer above"),
        (changed(LAYERS, "1.id", 0), r"\[1\]\.id: is 0, which layer 'example_name_of_layer0' has"),
        (changed(LAYERS, "0.padding", [[1]]), "padding"),
        ({"architecture": {}}, "archsim import"),
        ({"name": "x"}, "is no workload"),
        ([], "is empty"),
    ],
)
def test_what_is_not_covered_is_refused(tmp_path, data, message):
    path = tmp_path / "net.yaml"
    path.write_text(yaml.safe_dump(data))
    with pytest.raises(InputError, match=message) as caught:
        load_workload(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{% if x %}\nproblem: 1\n{% endif %}", "holds templates"),
        ("{{include_text('nowhere.yaml')}}\nproblem: 1", "nowhere.yaml"),
        ("problem: !!python/object:os.system {}", "not valid YAML"),
        ("problem: !Magic {}", "tag !Magic is not covered"),
        ("problem: {<<<: 3}", "<<< must name a mapping"),
        ("problem: &a {<<<: *a}", "nested deeper"),
        ("problem: [", "not valid YAML"),
    ],
)
def test_bad_yaml_is_refused(tmp_path, text, message):
    path = tmp_path / "net.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        load_workload(path)


def test_aliases_of_aliases_cost_nothing(tmp_path):
    """Each level names the one before ten times: 10^12 values if they were copied."""
    levels = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 13)]
    path = tmp_path / "net.yaml"
    path.write_text("\n".join(["a0: &a0 [x]", *levels]))
    with pytest.raises(InputError, match="is no workload"):
        load_workload(path)
    path.write_text("\n".join(["a0: &a0 [x]", *levels, "problem: *a12"]))
    with pytest.raises(InputError, match=r"problem: is .* must be a mapping"):
        load_workload(path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"folder without \.yaml files"):
        load_workload(tmp_path)


@pytest.mark.parametrize("name", ["timeloop_conv", "zigzag_resnet18_head"])
def test_damaged_files_are_read_or_refused(tmp_path, name):
    """Lines lost, doubled and cut: a workload or a message that names the file, never a crash."""
    lines = (PEERS / f"{name}.yaml").read_text().splitlines()
    rng, path = random.Random(name), tmp_path / "net.yaml"
    for _ in range(150):
        spoilt = list(lines)
        for _ in range(rng.randint(1, 3)):
            i = rng.randrange(len(spoilt))
            match rng.randrange(4):
                case 0:
                    del spoilt[i]
                case 1:
                    spoilt.insert(i, spoilt[i])
                case 2:
                    spoilt[i] = spoilt[i][: rng.randint(0, len(spoilt[i]))]
                case _:
                    key, _, _ = spoilt[i].partition(":")
                    spoilt[i] = f"{key}: {rng.choice(['-1', '[]', '{}', 'x', '1e400', '.nan', '2**9', '~'])}"
        path.write_text("\n".join(spoilt))
        reads_or_refuses(load_workload, path)
