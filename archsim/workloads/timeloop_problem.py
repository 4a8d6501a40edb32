"""Timeloop's problem YAML (version 0.4; Parashar et al., ISPASS 2019), read: one contraction a problem.

    problem:
      version: 0.4
      shape: {dimensions, coefficients, data_spaces: [{name, projection, read_write}]}
      instance: {a size for every dimension, coefficients, densities}

A projection lists one index an axis, each a sum of [dimension] or [dimension, coefficient]. Timeloop passes
over other keys of `instance`; its examples put the input's size (H rows, W columns) and padding (Hpad, Wpad)
there, and archsim reads them, with Hpad_end and Wpad_end for the bottom and the right where they differ.
There is no graph, so problems are chained in order, and no precision, so layers are w8a8.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from archsim.errors import InputError
from archsim.workloads.einsum import Einsum, Rank, Term, loops_of
from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.layer_names import Names
from archsim.workloads.peer_yaml import Part, YamlMap, brief, read_peer_yaml
from archsim.workloads.trace_defaults import Chain
from archsim.workloads.workload import Workload

VERSIONS = ("0.4",)
SIZE_KEYS = ("H", "W")
PAD_KEYS = ("Hpad", "Wpad", "Hpad_end", "Wpad_end")  # top, left, bottom, right
_NO_GRAPH = "Timeloop problems have no graph: the layers are chained in their order"
_NO_PRECISION = "Timeloop problems state no precision: the layers are w8a8 (--bits sets another)"


def read_timeloop(path: str | Path) -> Workload:
    """The problem in a file, or each of a list of them; of a folder, those of all its YAML files by name.

    Raises InputError naming file and key of the first mistake or of what is not covered.
    """
    path = Path(path)
    files = problem_files(path) if path.is_dir() else [path]
    chain, names, layers, warnings = Chain(), Names(), [], []
    for file in files:
        problems = read_peer_yaml(file)
        for top in problems:
            if "problem" not in top:
                top.refuse("", "is no Timeloop problem: the key problem is missing")
            problem = top.part("problem")
            alone = len(problems) == 1
            name = names.unique(file.stem if alone else problem.part("shape").text("name", file.stem))
            layer, remarks = _read_layer(problem, name, chain)
            chain.append(layer)
            layers.append(layer)
            warnings += remarks
    graph = [_NO_GRAPH] if len(layers) > 1 else []
    return Workload.from_layers(path.stem, layers, warnings=[_NO_PRECISION, *graph, *warnings])


def problem_files(folder: Path) -> list[Path]:
    """The YAML files of a folder, by name. Raises InputError when there are none."""
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".yaml", ".yml"))
    if not files:
        raise InputError(
            f"{folder}: is a folder without .yaml files; give a file, or a folder of Timeloop problems"
        )
    return files


def _read_layer(problem: Part, name: str, chain: Chain) -> tuple[Layer, list[str]]:
    problem.only("version", "shape", "instance", "name")
    version = problem.scalar("version", VERSIONS[0])
    if version not in VERSIONS:
        problem.refuse("version", f"is {version[:40]}; covered: {', '.join(VERSIONS)}")
    if isinstance(problem.data.get("shape"), str):
        problem.refuse("shape", "names a shape of Timeloop's installation; write the shape out in this file")
    shape, instance = problem.part("shape"), problem.part("instance")
    shape.only("name", "dimensions", "coefficients", "data_spaces")
    spaces = _data_spaces(shape)
    sizes = {d: instance.whole(d) for d in shape.words("dimensions")}
    coefficients = {
        c.text("name"): instance.whole(c.text("name"), c.whole("default", 1)) for c in _coefficients(shape)
    }
    ranks = {role: _projection(part, sizes, coefficients) for role, part in spaces.items()}
    try:
        loops = loops_of(Einsum(sizes, ranks["input"], ranks["weight"], ranks["output"])).contraction()
        loops = _with_border(instance, loops)
    except InputError as error:
        shape.refuse("data_spaces", str(error))
    slides = any(len(rank) > 1 for rank in ranks["input"])
    operator = "conv" if slides else "gemm"
    tensors = chain.complete(name, operator, loops, None, None, None)
    densities, remarks = _densities(
        instance, {role: part.text("name") for role, part in spaces.items()}, name
    )
    layer = Layer(
        name,
        operator,
        tensors.inputs,
        tensors.outputs,
        tensors.weights,
        loops,
        weight_density=densities["weight"],
        activation_density=densities["input"],
    )
    return layer, remarks


def _coefficients(shape: Part) -> list[Part]:
    return shape.parts("coefficients") if "coefficients" in shape else []


def _data_spaces(shape: Part) -> dict[str, Part]:
    """By role: the written one is the output; of the others, weights are told by name, else come second."""
    parts = shape.parts("data_spaces")
    written = [part for part in parts if part.flag("read_write", False)]
    read = [part for part in parts if part not in written]
    if len(written) != 1 or len(read) != 2:
        shape.refuse(
            "data_spaces",
            f"{len(read)} are read and {len(written)} written (read_write); a contraction has 2 and 1",
        )
    weights = [part for part in read if part.text("name").lower().startswith(("weight", "filter"))]
    windows = [part for part in read if any(len(rank) > 1 for rank in part.items("projection") if rank)]
    weight = weights[0] if weights else next((p for p in read if windows and p not in windows), read[1])
    return {"input": read[1] if read[0] is weight else read[0], "weight": weight, "output": written[0]}


def _projection(space: Part, sizes: Mapping[str, int], coefficients: Mapping[str, int]) -> tuple[Rank, ...]:
    space.only("name", "projection", "read_write")
    return tuple(_rank(space, rank, sizes, coefficients) for rank in space.items("projection"))


def _rank(space: Part, rank: object, sizes: Mapping[str, int], coefficients: Mapping[str, int]) -> Rank:
    terms = []
    for term in rank if isinstance(rank, list) and rank else [rank]:
        words = term if isinstance(term, list) and all(isinstance(word, str) for word in term) else []
        if (
            len(words) not in (1, 2)
            or words[0] not in sizes
            or (len(words) == 2 and words[1] not in coefficients)
        ):
            space.refuse(
                "projection",
                f"holds {brief(term)}; allowed: [dimension] or [dimension, coefficient] in a list per axis, "
                f"of dimensions {', '.join(sizes)} and coefficients {', '.join(coefficients) or 'none'}",
            )
        terms.append(Term(words[0], coefficients[words[1]] if len(words) == 2 else 1))
    return tuple(terms)


def _with_border(instance: Part, loops: Contraction) -> Contraction:
    """With the input's size and padding, where the instance has them.

    A size of 1x1 without padding is what Timeloop's base problem leaves: not a size.
    """
    padded = any(key in instance for key in PAD_KEYS)
    top, left = (instance.whole(key, 0, least=0) for key in PAD_KEYS[:2])
    bottom, right = instance.whole(PAD_KEYS[2], top, 0), instance.whole(PAD_KEYS[3], left, 0)
    rows, columns = (instance.whole(key, 1) for key in SIZE_KEYS)
    known = all(key in instance for key in SIZE_KEYS) and (padded or (rows, columns) != (1, 1))
    size = (rows, columns) if known else (0, 0)
    return replace(loops, padding=(top, left, bottom, right), input_size=size)


def _densities(instance: Part, names: Mapping[str, str], layer: str) -> tuple[dict[str, float], list[str]]:
    """Densities by role, and a remark on what is passed over."""
    part = instance.part("densities", optional=True)
    part.only(*names.values())
    found, remarks = dict.fromkeys(names, 1.0), []
    for role, name in names.items():
        if name not in part:
            continue
        is_map = isinstance(part.data[name], YamlMap)
        holder, key = (part.part(name), "density") if is_map else (part, name)
        density = holder.number(key)
        if density > 1:
            holder.refuse(key, f"is {density:g}; it must be from 0 to 1")
        found[role] = float(density)
        if role == "output":
            remarks.append(f"layer {layer}: the density of {name} is passed over; outputs are dense")
    return found, remarks
