"""Spoilt files, drawn at random: archsim simulates or says what is wrong, and never breaks down."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archsim.accelerators.library import accelerator_path, list_accelerators

TRACE = """\
name,operator,inputs,weights,outputs,K,C,P,Q,R,S,stride,padding,ops,precision,fused
conv,conv,,,,16,3,12,12,3,3,1,1,,w8a8,relu
pool,max_pool,conv.out,,pool.out:1x16x6x6,,,,,,,,,max=576,,
fc,gemm,pool.out,fc.weight:10x576,,10,576,1,1,,,,,,w4a8,
"""
TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
conv1, 14, 14, 3, 3, 3, 16, 1,
fc, 1, 1, 1, 1, 576, 10, 1,
"""
GEMM = "Layer, M, N, K,\nfirst, 64, 32, 100,\nsecond, 1, 10, 3200,\n"

numbers = (
    st.sampled_from(
        [0, -1, 1, 7, 2**31, 10**18, 10**400, 0.0, 1e-320, 1e-9, 0.5, 1e9, 1e308, math.inf, math.nan]
    )
    | st.integers(-(10**6), 10**6)
    | st.floats()
)
scalars = (
    numbers | st.booleans() | st.none() | st.text(max_size=6) | st.sampled_from(["512 KB", "w4a4", "é\x1b"])
)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=4), scalars, max_size=2)
words = scalars.map(str) | st.sampled_from(
    [".inf", "- x", "{a: 1", "&x [*x]", "!!python/object:a", "1:2:3", "\t", "#"]
)


@st.composite
def spoilt_text(draw: st.DrawFn, text: str, separators: str) -> str:
    """`text` with lines lost, doubled or swapped, and the rest of a line after a separator replaced."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(lines) - 1))
        what = draw(st.sampled_from(["lose", "double", "swap", "value", "insert"]))
        if what == "lose" and len(lines) > 1:
            del lines[place]
        elif what == "double":
            lines.insert(place, lines[place])
        elif what == "swap":
            other = draw(st.integers(0, len(lines) - 1))
            lines[place], lines[other] = lines[other], lines[place]
        elif what == "value":
            parts = lines[place].split(draw(st.sampled_from(separators)))
            parts[draw(st.integers(0, len(parts) - 1))] = f" {draw(words)}"
            lines[place] = separators[0].join(parts)
        else:
            column = draw(st.integers(0, len(lines[place])))
            lines[place] = lines[place][:column] + draw(st.text(max_size=3)) + lines[place][column:]
    return "\n".join(lines)


@st.composite
def spoilt_data(draw: st.DrawFn, text: str) -> str:
    """The YAML `text` with values replaced, removed or added anywhere in its tree."""
    data = yaml.safe_load(text)
    for _ in range(draw(st.integers(1, 2))):
        places = list(_places(data))
        holder, key = draw(st.sampled_from(places))
        what = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        if what == "replace":
            holder[key] = draw(values)
        elif what == "remove":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=5))] = draw(values)
        else:
            holder.append(draw(values))
    return yaml.safe_dump(data)


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of everything in a tree; never nothing."""
    if isinstance(data, dict | list):
        for key, value in list(data.items() if isinstance(data, dict) else enumerate(data)):
            yield data, key
            yield from _places(value)
        if not data:
            yield ([None], 0)


MACHINES = [accelerator_path(name).read_text() for name in list_accelerators()]
# the same draws every time, so that a failure tells of a change; ARCHSIM_FUZZ=5000 draws so many new ones
CAMPAIGN = int(os.environ.get("ARCHSIM_FUZZ", "0"))
ROUGHLY = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=CAMPAIGN or 80,
    derandomize=not CAMPAIGN,
    database=None,
)


@pytest.fixture
def check(archsim):
    def run(path: Path, *words: str | Path) -> None:
        result = archsim("run", *words, "--quiet")
        assert result.exit_code in (0, 2)
        if result.exit_code == 2:
            assert result.stderr.startswith("error: ")
            assert str(path) in result.stderr
            assert "\x1b" not in result.stderr
        else:
            assert result.output == ""

    return run


@ROUGHLY
@given(st.sampled_from(MACHINES).flatmap(spoilt_data))
def test_spoilt_values_of_an_accelerator(check, tmp_path: Path, text: str) -> None:
    _check_machine(check, tmp_path, text)


@ROUGHLY
@given(st.sampled_from(MACHINES).flatmap(lambda text: spoilt_text(text, ":,")))
def test_spoilt_lines_of_an_accelerator(check, tmp_path: Path, text: str) -> None:
    _check_machine(check, tmp_path, text)


@ROUGHLY
@given(st.sampled_from([TRACE, TOPOLOGY, GEMM]).flatmap(lambda text: spoilt_text(text, ",x;")))
def test_spoilt_traces(check, tmp_path: Path, text: str) -> None:
    path = tmp_path / "spoilt.csv"
    path.write_text(text, encoding="utf-8", errors="surrogateescape", newline="")
    check(path, path, "--on", "systolic-32-edge")


@ROUGHLY
@given(data=st.binary(max_size=200), suffix=st.sampled_from([".csv", ".yaml", ".onnx"]))
def test_random_bytes(check, tmp_path: Path, data: bytes, suffix: str) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(data)
    words = ("ds-cnn", "--on", path) if suffix == ".yaml" else (path, "--on", "systolic-32-edge")
    check(path, *words)


def _check_machine(check, folder: Path, text: str) -> None:
    trace, machine = folder / "tiny.csv", folder / "spoilt.yaml"
    trace.write_text(TRACE)
    machine.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    check(machine, trace, "--on", machine)
