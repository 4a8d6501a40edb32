import tempfile
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from workload_strategies import NAMES, contractions, reads_or_refuses

from archsim.errors import InputError
from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.models import MODELS, build_model
from archsim.workloads.scalesim_topology import detect_topology, read_scalesim, write_scalesim
from archsim.workloads.workload import Workload

CONV = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
GEMM = "Layer,M,N,K,\n"


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.fixture
def topology(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "net.csv"
        path.write_bytes(text.encode())
        return path

    return write


def scalesim_rows(path: Path, topology: str) -> list[tuple[str, int, int, int]]:
    """(name, M, N, K) of every layer as SCALE-Sim v3 reads them: the rules of its parser, not archsim's code.

    The first line is skipped, text after the last comma dropped, the stride used for both axes, a `DP` layer
    repeated once a channel, the ofmap rounded up, a filter larger than the ifmap fails an assertion.
    """
    rows = []
    for line in path.read_text().strip().split("\n")[1:]:
        name, *cells = line.split(",")[:-1]
        if topology == "gemm":
            m, n, k = map(int, cells[:3])
            rows.append((name, m, n, k))
            continue
        h, w, r, s, channels, filters, stride = map(int, cells[:7])
        assert r <= h
        assert s <= w
        pixels = ceil((h - r + stride) / stride) * ceil((w - s + stride) / stride)
        repeats, depth = (channels, 1) if "DP" in name else (1, channels)
        rows += [(name, pixels, filters, r * s * depth)] * repeats
    return rows


# --- reading ---------------------------------------------------------------------------------------------


# M, N, K that SCALE-Sim 3.0.0 printed for these rows.
@pytest.mark.parametrize(
    ("row", "gemm"),
    [
        ("Conv1, 224, 224, 11, 11, 3, 96, 4,", (3025, 96, 363)),
        ("Conv2, 27, 27, 5, 5, 96, 256, 1,", (529, 256, 2400)),
        ("s2, 15, 15, 3, 3, 5, 7, 2,", (49, 7, 45)),
        ("s3, 20, 20, 5, 5, 3, 10, 3,", (36, 10, 75)),
        ("Conv3_s, 56, 56, 1, 1, 64, 128, 2,", (841, 128, 64)),
        ("Conv5_s, 14, 14, 1, 1, 256, 512, 2,", (64, 512, 256)),
        ("FC, 1, 1, 1, 1, 512, 1000, 1,", (1, 1000, 512)),
    ],
)
def test_ofmaps_are_rounded_up_as_scalesim_does(topology, row, gemm):
    (layer,) = read_scalesim(topology(CONV + row)).layers
    assert layer.contraction.gemm == gemm
    assert layer.operator == "conv"


def test_a_window_over_the_edge_is_padding(topology):
    (layer,) = read_scalesim(topology(CONV + "c, 224, 112, 7, 7, 3, 64, 2,")).layers
    assert (layer.contraction.P, layer.contraction.Q) == (110, 54)
    assert layer.contraction.input_size == (224, 112)
    assert layer.contraction.padding == (0, 0, 1, 1)


def test_a_gemm_row(topology):
    path = topology(GEMM + "QKT, 128, 64, 96,\n")
    assert detect_topology(path) == "gemm"
    (layer,) = read_scalesim(path).layers
    assert layer.operator == "gemm"
    assert layer.contraction == Contraction(P=128, K=64, C=96)
    assert layer.weights == (Tensor("QKT.weight", (64, 96)),)


def test_dp_in_the_name_is_a_depthwise_convolution(topology):
    depthwise, pointwise = read_scalesim(
        topology(CONV + "b1_DP, 114, 114, 3, 3, 32, 2, 1,\nb1_dp, 112, 112, 1, 1, 32, 64, 1,\n")
    ).layers
    assert depthwise.contraction.is_depthwise
    assert (depthwise.contraction.G, depthwise.contraction.K) == (32, 2)
    assert depthwise.macs == 32 * 2 * 9 * 112 * 112
    assert depthwise.outputs[0].shape == (1, 64, 112, 112)
    assert not pointwise.contraction.is_depthwise


def test_sparsity_is_weight_density(topology):
    path = topology(GEMM.strip() + " Sparsity,\na, 3, 5, 16, 3:4,\nb, 1, 5, 16, 1:1,\nc, 1, 5, 16, ,\n")
    assert [layer.weight_density for layer in read_scalesim(path).layers] == [0.75, 1.0, 1.0]
    path = topology(CONV.strip() + " Sparsity,\na, 5, 5, 3, 3, 2, 6, 1, 2:4,\n")
    assert read_scalesim(path).layers[0].weight_density == 0.5


def test_layers_are_chained_and_the_user_told(topology):
    workload = read_scalesim(topology(CONV + "a, 5, 5, 3, 3, 2, 6, 1,\nb, 3, 3, 3, 3, 6, 8, 1,\n"))
    assert workload.name == "net"
    assert list(workload.graph.edges) == [("a", "b")]
    assert [tensor.shape for tensor in workload.outputs] == [(1, 8, 1, 1)]
    assert workload.warnings == (
        "a SCALE-Sim topology has no graph: its layers are chained in the order of the file",
    )


def test_repeated_names_are_numbered(topology):
    workload = read_scalesim(topology(GEMM + "a,1,1,1,\na,1,1,1,\na_2,1,1,1,\na,1,1,1,\n"))
    assert [layer.name for layer in workload.layers] == ["a", "a_2", "a_2_2", "a_3"]
    assert "line 3: there is a layer a already; this one becomes a_2" in workload.warnings


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffLayer,Ifmap h,w,fh,fw,ch,n,s,\r\nc,5,5,3,3,2,6,1,\r\n",
        "whatever, is, here\nc, 5, 5 ,3,3,\t2,6,1\n",
        "Layer\tH\tW\tR\tS\tC\tN\tS\t\nc\t5\t5\t3\t3\t2\t6\t1\t\n",
        CONV + "\n , ,\nc, 5, 5, 3, 3, 2, 6, 1, # a comment, 7\n",
        CONV + "c, 5, 5, 3, 3, 2, 6, 1, note\n",
        CONV.strip() + " Batch size,\nc, 5, 5, 3, 3, 2, 6, 1, 1,\n",
        CONV.strip() + " Stride width,\nc, 5, 5, 3, 3, 2, 6, 1, 1,\n",
    ],
)
def test_headers_blanks_and_comments_may_vary(topology, text):
    path = topology(text)
    assert detect_topology(path) == "conv"
    (layer,) = read_scalesim(path).layers
    assert (layer.name, layer.contraction.gemm) == ("c", (9, 6, 18))


def test_titled_extra_columns_count(topology):
    path = topology(CONV.strip() + " Batch size, Stride width,\nc, 9, 9, 3, 3, 2, 6, 1, 4, 3,\n")
    loops = read_scalesim(path).layers[0].contraction
    assert (loops.B, loops.stride, loops.P, loops.Q) == (4, (1, 3), 7, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "net.csv: no layer"),
        (CONV, "net.csv: no layer; a SCALE-Sim topology is a header line"),
        (CONV + "c, 5, 5, 3, 3,\n", "line 2: 4 sizes follow the layer's name; a SCALE-Sim topology has 7"),
        (
            CONV + "c, 5, 5, 3, 3, 2, 6, 1,\nd, 5,\n",
            "line 3: .* sizes follow the layer's name; conv has IFMAP",
        ),
        (CONV + ", 5, 5, 3, 3, 2, 6, 1,\n", "line 2: the layer has no name"),
        (CONV + "c, 5, B, 3, 3, 2, 6, 1,\n", "line 2: column IFMAP width: 'B' is not a whole number"),
        (CONV + "c, 5, 5, 3, 3, 2, 6, 0,\n", "line 2: column Strides: '0' must be at least 1"),
        (CONV + "c, 5, 5, 7, 3, 2, 6, 1,\n", "line 2: the filter of 7x3 is larger than the IFMAP of 5x5"),
        (CONV + "c, 5, 5, 3, 3, 2, 6, 1, 7,\n", "line 2: column Sparsity: '7' is not N:M"),
        (GEMM + "c, 5, 5, 3, 5:4,\n", "line 2: column Sparsity: '5:4' is not N:M"),
        (GEMM + "c, 5, 5, 3, 0:4,\n", "line 2: column Sparsity: '0:4' is not N:M"),
    ],
)
def test_mistakes_are_shown_where_they_are(topology, text, message):
    with pytest.raises(InputError, match=message):
        read_scalesim(topology(text))


# --- writing ---------------------------------------------------------------------------------------------


def one_layer(loops: Contraction, name: str = "c", **changes) -> Workload:
    operator = "conv_transpose" if loops.transposed else "conv"
    x, y = Tensor("x", (loops.input_elements,)), Tensor("y", (loops.output_elements,))
    return Workload.from_layers("w", [Layer(name, operator, (x,), (y,), contraction=loops, **changes)])


@pytest.mark.parametrize("kind", ["conv", "gemm"])
@pytest.mark.parametrize("model", MODELS)
def test_scalesim_sees_the_same_matrices(folder, model, kind):
    workload = build_model(model)
    path = folder / f"{model}.csv"
    warnings = write_scalesim(workload, path, kind)
    expected = [
        layer.contraction.gemm
        for layer in workload.layers
        if layer.contraction
        for _ in range(layer.contraction.G)
    ]
    rows = scalesim_rows(path, kind)
    assert [row[1:] for row in rows] == expected
    others = sum(layer.contraction is None for layer in workload.layers)
    assert len(warnings) == (others > 0)
    assert all(w.startswith(f"{others} layers are no contractions and were left out (") for w in warnings)
    # and archsim reads its own file back
    assert detect_topology(path) == kind
    assert read_scalesim(path).macs == workload.macs


@settings(max_examples=300)
@given(loops=contractions(), kind=st.sampled_from(["conv", "gemm"]), name=NAMES)
def test_every_loop_nest_is_written_right_or_left_out(folder, loops, kind, name):
    path = folder / "random.csv"
    path.unlink(missing_ok=True)
    try:
        warnings = write_scalesim(one_layer(loops, name), path, kind)
    except InputError:
        assert kind == "conv"
        assert not path.exists()
        return
    assert warnings == ()
    rows = scalesim_rows(path, kind)
    assert [row[1:] for row in rows] == [loops.gemm] * loops.G
    assert read_scalesim(path).macs == loops.macs
    assert ("DP" in rows[0][0]) == (kind == "conv" and loops.is_depthwise)


@pytest.mark.parametrize(
    ("loops", "reason"),
    [
        (Contraction(P=3, Q=3, R=2, S=2, transposed=True), "a transposed convolution"),
        (Contraction(P=3, R=3, B=4), "a batch of 4"),
        (Contraction(P=3, R=3, dilation=(2, 1)), "dilation"),
        (Contraction(P=3, Q=3, stride=(1, 2)), "strides"),
    ],
)
def test_what_a_conv_topology_cannot_hold(tmp_path, loops, reason):
    good = Layer("good", "gemm", (Tensor("y", (1,)),), (Tensor("z", (1,)),), contraction=Contraction())
    bad = one_layer(loops, name="bad")
    workload = Workload.from_layers("w", [*bad.layers, good])
    (warning,) = write_scalesim(workload, tmp_path / "net.csv")
    assert warning.startswith(f"layer bad was left out: {reason}")
    assert [row[0] for row in scalesim_rows(tmp_path / "net.csv", "conv")] == ["good"]
    with pytest.raises(InputError, match="no layer that a conv topology can hold"):
        write_scalesim(bad, tmp_path / "other.csv")
    assert write_scalesim(bad, tmp_path / "other.csv", "gemm") == ()


@pytest.mark.parametrize(
    "loops",
    [
        Contraction(B=4, P=3, Q=2, S=3),  # one kernel row: the batch stands below one another
        Contraction(P=3, Q=1, R=3, stride=(2, 1)),  # no second column to step to
        Contraction(P=3, Q=3, dilation=(2, 2)),  # nothing to dilate
    ],
)
def test_what_makes_no_difference_is_no_obstacle(tmp_path, loops):
    assert write_scalesim(one_layer(loops), tmp_path / "net.csv") == ()
    assert [row[1:] for row in scalesim_rows(tmp_path / "net.csv", "conv")] == [loops.gemm]


def test_names_that_mean_something_to_scalesim_are_changed(tmp_path):
    workload = Workload.from_layers(
        "w",
        [*one_layer(Contraction(), "DP,a b").layers, *_second("DP;a\nb")],
    )
    write_scalesim(workload, tmp_path / "net.csv")
    assert [row[0] for row in scalesim_rows(tmp_path / "net.csv", "conv")] == ["dp_a_b", "dp_a_b_2"]


def test_sparsity_is_written_when_a_layer_has_it(tmp_path):
    path = tmp_path / "net.csv"
    workload = Workload.from_layers(
        "w", [*one_layer(Contraction(), weight_density=0.375).layers, *_second("d")]
    )
    assert write_scalesim(workload, path, "gemm") == ()
    assert path.read_text() == "Layer name,M,N,K,Sparsity,\nc,1,1,1,3:8,\nd,1,1,1,1:1,\n"
    assert [layer.weight_density for layer in read_scalesim(path).layers] == [0.375, 1.0]
    (warning,) = write_scalesim(one_layer(Contraction(), weight_density=0.001), path)
    assert warning == "layer c: weight density 0.001 is written as 1:64"


def _second(name: str) -> tuple[Layer, ...]:
    return (Layer(name, "gemm", (Tensor("y", (1,)),), (Tensor("z", (1,)),), contraction=Contraction()),)


@settings(max_examples=200)
@given(text=st.one_of(st.text(), st.text(alphabet="DP,1234:#\n\t ab"), st.binary()), kind=st.booleans())
def test_any_text_reads_or_is_refused(folder, text, kind):
    path = folder / "any.csv"
    header = (CONV if kind else GEMM).encode()
    path.write_bytes(header + (text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")))
    reads_or_refuses(read_scalesim, path)
