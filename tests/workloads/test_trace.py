import csv
import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from workload_strategies import reads_or_refuses, workloads

from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.models import build_model
from archsim.workloads.trace import COLUMNS, is_trace, read_trace, write_trace
from archsim.workloads.workload import Workload

DOCUMENT = Path(__file__).parents[2] / "docs" / "layer-traces.md"


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture
def trace(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "net.csv"
        path.write_bytes(text.encode())
        return path

    return write


# --- round trip ------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(workload=workloads())
def test_what_is_written_reads_back_equal(folder, workload):
    path = folder / "roundtrip.csv"
    about = ["# outputs: not-an-output", "archsim.trace/2", "workload: other", "two\nlines"]
    write_trace(workload, path, about=about)
    again = read_trace(path)
    assert again == workload
    assert again.live_memory == workload.live_memory
    write_trace(again, folder / "second.csv", about=about)
    assert (folder / "second.csv").read_bytes() == path.read_bytes()


def test_a_trace_is_plain_csv_for_other_tools(folder):
    workload = build_model("resnet8")
    write_trace(workload, folder / "resnet8.csv")
    lines = [line for line in (folder / "resnet8.csv").read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert tuple(rows[0]) == COLUMNS
    assert [row["name"] for row in rows] == [layer.name for layer in workload.layers]
    assert sum(int(row["K"]) * int(row["C"]) for row in rows if row["operator"] == "gemm") == 640
    assert rows[0]["weights"] == "conv1.weight:16x3x3x3;conv1.bias:16"
    assert rows[0]["padding"] == "1"
    assert rows[0]["ops"] == "add=16384;max=16384"


def test_writing_replaces_the_file_at_once_and_leaves_no_other(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text("old")
    write_trace(build_model("resnet8"), path)
    assert [file.name for file in tmp_path.iterdir()] == ["net.csv"]
    assert read_trace(path) == build_model("resnet8")
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_trace_cannot_be_written_into_nowhere(tmp_path):
    with pytest.raises(InputError, match=r"cannot write .*nowhere.*does not exist"):
        write_trace(build_model("resnet8"), tmp_path / "nowhere" / "net.csv")


def test_a_cell_that_no_reader_would_take_is_refused(tmp_path):
    tensors = tuple(Tensor(f"t{i}", (1,)) for i in range(40_000))
    workload = Workload.from_layers("w", [Layer("l", "concat", tensors, (Tensor("y", ()),))])
    with pytest.raises(InputError, match="layer 'l': its inputs take"):
        write_trace(workload, tmp_path / "net.csv")
    assert not list(tmp_path.iterdir())


# --- by hand ---------------------------------------------------------------------------------------------


def test_a_minimal_trace_is_chained(trace):
    workload = read_trace(
        trace(
            "name, operator, K, C, P, Q, R, S\n"
            "c1, conv, 16, 3, 32, 32, 3, 3\n"
            "r1, relu\n"
            "c2, conv, 32, 16, 15, 15, 3, 3\n"
            "fc, gemm, 10, 7200\n"
        )
    )
    c1, r1, c2, fc = workload.layers
    assert workload.name == "net"
    assert c1.inputs == (Tensor("input", (1, 3, 34, 34)),)
    assert c1.weights == (Tensor("c1.weight", (16, 3, 3, 3)),)
    assert r1.inputs == c1.outputs == (Tensor("c1.out", (1, 16, 32, 32)),)
    assert r1.outputs == (Tensor("r1.out", (1, 16, 32, 32)),)
    # a pooling left out between r1 and c2: the tensor is the same, its shape what c2 needs
    assert c2.inputs == (Tensor("r1.out", (1, 16, 17, 17)),)
    assert fc.inputs == (Tensor("c2.out", (1, 32, 15, 15)),)
    assert fc.outputs == (Tensor("fc.out", (1, 1, 10)),)
    assert fc.contraction == Contraction(K=10, C=7200)
    assert fc.precision.label == "w8a8"
    assert workload.macs == 16 * 27 * 32**2 + 32 * 144 * 15**2 + 72_000


def test_named_tensors_make_a_graph(trace):
    workload = read_trace(
        trace(
            "name,operator,inputs,K,C,P,Q,R,S,padding\n"
            "stem,conv,,16,3,32,32,3,3,1\n"
            "left,conv,stem.out,16,16,32,32,3,3,1\n"
            "sum,add,left.out;stem.out\n"
        )
    )
    assert list(workload.graph.edges) == [("stem", "left"), ("stem", "sum"), ("left", "sum")]
    assert workload.layers[2].outputs == (Tensor("sum.out", (1, 16, 32, 32)),)


def test_a_matmul_of_two_inputs_has_no_weights_and_a_gemm_does(trace):
    attention, affine = read_trace(
        trace(
            "name,operator,inputs,G,K,C,P\nqk,matmul,q;k,3,197,64,197\nlstm,gemm,x:1x650;h:1x650,,2600,1300\n"
        )
    ).layers
    assert attention.inputs == (Tensor("q", (1, 197, 192)), Tensor("k", (3, 197, 64)))
    assert attention.weights == ()
    assert affine.weights == (Tensor("lstm.weight", (2600, 1300)),)


def test_defaults_of_a_transposed_convolution(trace):
    (layer,) = read_trace(
        trace("name,operator,K,C,P,Q,R,S,stride,padding\nup,conv_transpose,8,4,5,5,2,2,2,0x0x1x1\n")
    ).layers
    assert layer.contraction.transposed
    assert layer.weights == (Tensor("up.weight", (4, 8, 2, 2)),)
    assert layer.outputs == (Tensor("up.out", (1, 8, 9, 9)),)


def test_comments_that_carry_meaning(trace):
    workload = read_trace(
        trace(
            "# archsim.trace/1\n#workload: my net\n# outputs: a.out\n# warning: careful\n#   outputs: no\r\n"
            "name,operator,K\r\na,gemm,2\r\n\r\n,,\r\nb,gemm,2\r\n# warning: twice\n"
        )
    )
    assert workload.name == "my net"
    assert [tensor.name for tensor in workload.outputs] == ["a.out", "b.out"]
    assert workload.warnings == ("careful", "twice")


def test_the_examples_of_the_documentation_read():
    blocks = re.findall(r"```csv\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        read = []
        for i, block in enumerate(block for block in blocks if "operator" in block):
            path = Path(folder) / f"{i}.csv"
            path.write_text(block)
            assert is_trace(path)
            read.append(read_trace(path))
    assert [len(workload.layers) for workload in read] == [4, 4]
    assert read[1].layers[-1].outputs == (Tensor("pool.out", (1, 16, 1, 1)),)


def test_the_documentation_names_every_column():
    table = DOCUMENT.read_text().partition("| column |")[2].partition("\n\n")[0]
    assert set(COLUMNS) <= set(re.findall(r"`(\w+)`", table))


# --- mistakes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "net.csv: there is no header line"),
        (
            "# archsim.trace/2\n",
            "line 1: the format is 'archsim.trace/2'; this archsim reads archsim.trace/1",
        ),
        ("name,K\n", "line 1: column 'operator' is missing"),
        ("name,operator,strides\n", "line 1: there is no column 'strides'; allowed: name, operator, inputs"),
        ("name,operator,name\n", "line 1: column 'name' is there twice"),
        ("name,operator\n", "net.csv: workload 'net' has no layers"),
        (
            "name,operator\na,convolution\n",
            "line 2: column operator: 'convolution' is not known",
        ),
        ("name,operator\n,relu\n", "line 2: the layer has no name"),
        ("name,operator\na,conv\n", "line 2: a conv layer needs its loops: columns B, G, K"),
        ("name,operator,K\na,relu,3\n", "line 2: column K: a relu layer has no loops"),
        ("name,operator,K\na,gemm,3.5\n", "line 2: column K: '3.5' is not a whole number"),
        ("name,operator,K\na,gemm,0\n", "line 2: loop K is 0"),
        ("name,operator,K\na,gemm," + "9" * 99, "line 2: column K: '9+...' is not a whole number; .*18"),
        ("name,operator,K\na,gemm,3,4\n", "line 2: 4 cells stand under 3 columns"),
        ('name,operator,K\n"a,gemm,3\n', "line 2: is not a CSV record"),
        ("name,operator,K,stride\na,conv,1,1x2x3\n", "line 2: column stride: '1x2x3' is not a size; allowed"),
        ("name,operator,K,padding\na,conv,1,1x2x3\n", "line 2: column padding: '1x2x3' is not a padding"),
        ("name,operator,K,transposed\na,conv,1,yes\n", "line 2: column transposed: 'yes' is neither true"),
        ("name,operator,K,ops\na,conv,1,max:3\n", "line 2: column ops: 'max:3' holds 'max:3'; allowed"),
        ("name,operator,K,ops\na,conv,1,sub=3\n", "line 2: layer 'a': operation count sub=3 is not valid"),
        ("name,operator,K,precision\na,conv,1,int8\n", "line 2: column precision: 'int8' is not a precision"),
        (
            "name,operator,K,weight_density\na,conv,1,half\n",
            "line 2: column weight_density: 'half' is not a n",
        ),
        ("name,operator,K,weight_density\na,conv,1,2\n", "line 2: layer 'a': weight_density is 2.0"),
        (
            "name,operator,inputs\na,relu,x\n",
            "line 2: column inputs: the shape of 'x' is not known; write it, as in x:1x",
        ),
        ("name,operator\na,relu\n", "line 2: column inputs: the shape of 'input' is not known"),
        (
            "name,operator,K\na,conv,1\nb,max_pool\n",
            "line 3: column outputs: the shape of 'b.out' is not known",
        ),
        (
            "name,operator,inputs\na,relu,x:1x0\n",
            "line 2: tensor 'x' has shape .1, 0.; every",
        ),
        ("name,operator,inputs\na,relu,x:1;;y:2\n", "line 2: column inputs: 'x:1;;y:2' is not a list"),
        ('name,operator,inputs\na,relu,"""x:1"\n', "line 2: column inputs: .* is not a list"),
        ("name,operator,K,outputs\na,conv,1,-\n", "line 2: layer 'a' has no output tensor"),
        ("name,operator,K\na,conv,1\na,conv,1\n", "net.csv: workload 'net': two layers are named 'a'"),
        ("# outputs: zz\nname,operator,K\na,conv,1\n", "net.csv: .*output tensor 'zz' is made by no layer"),
    ],
)
def test_mistakes_are_shown_where_they_are(trace, text, message):
    with pytest.raises(InputError, match=message):
        read_trace(trace(text))


def test_a_file_that_is_not_text(tmp_path):
    path = tmp_path / "net.csv"
    path.write_bytes(b"name,operator\n\xff\xfe")
    with pytest.raises(InputError, match="byte 14 is not UTF-8"):
        read_trace(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_trace(tmp_path)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    path = tmp_path / "net.csv"
    path.write_bytes(b"\xef\xbb\xbfname,operator,K\na,gemm,3\n")
    assert is_trace(path)
    assert read_trace(path).macs == 3


EDITS = st.lists(
    st.tuples(
        st.integers(0, 2000),
        st.one_of(st.sampled_from(b'",;:x-#\n\\= 0'), st.integers(0, 255)),
        st.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=200)
@given(edits=EDITS, length=st.one_of(st.none(), st.integers(0, 3000)))
@example(edits=[], length=500)
def test_a_damaged_trace_reads_or_is_refused(folder, edits, length):
    path = folder / "damaged.csv"
    write_trace(build_model("resnet8"), path)
    data = bytearray(path.read_bytes())[:length]
    for position, byte, insert in edits:
        position = min(position, len(data))
        data[position : position + (not insert)] = bytes([byte])
    path.write_bytes(data)
    reads_or_refuses(read_trace, path)
