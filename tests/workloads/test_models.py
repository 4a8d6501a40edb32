from collections import Counter
from pathlib import Path

import networkx as nx
import onnx
import pytest
from onnx import shape_inference

from archsim.workloads.layer import OPERATOR_KINDS, Layer
from archsim.workloads.library import load_workload
from archsim.workloads.models import MODELS, build_model
from archsim.workloads.workload import Workload

LIGHT_MODELS = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@pytest.fixture(scope="module")
def models() -> dict[str, Workload]:
    return {name: build_model(name) for name in MODELS}


def layer_of(workload: Workload, name: str) -> Layer:
    return next(layer for layer in workload.layers if layer.name == name)


def live(workload: Workload, name: str) -> int:
    return next(entry.bytes for entry in workload.live_memory if entry.layer == name)


# --- published counts ------------------------------------------------------------------------------------

# MACs and where they are from; the relative tolerance is half a unit of the published figure's last digit.
PUBLISHED_MACS = {
    # counted in PyTorch's ONNX export of torchvision 0.28 and timm 1.0.31, one image
    "resnet18": (1_814_073_344, 0.0),
    "resnet50": (4_089_184_256, 0.0),
    "mobilenetv2": (300_774_272, 0.0),
    "deit-tiny": (1_253_683_200, 0.0),
    # the ONNX model zoo's bvlc_alexnet
    "alexnet": (654_560_384, 0.0),
    # MLPerf Tiny's networks in ONNX
    "ds-cnn": (2_656_768, 0.0),
    "resnet8": (12_501_632, 0.0),
    "mobilenetv1-025-96": (7_489_664, 0.0),
    "toyadmos-autoencoder": (264_192, 0.0),
    # table 8 of the paper: 569 and 14 million
    "mobilenetv1-100-224": (569e6, 0.5 / 569),
    "mobilenetv1-025-128": (14e6, 0.5 / 14),
    # torchvision's documentation of vgg16_weights: 15.47 GFLOPS, which are MACs
    "vgg16": (15.47e9, 0.005 / 15.47),
    # pytorch-cifar-models' cifar10_resnet20
    "resnet20": (40.81e6, 0.005 / 40.81),
    # MobileBERT (arXiv:2004.02984): 22.5 G floating-point operations at 128 tokens, two a MAC; which small
    # ones it counts it does not say, so 1 %
    "bert-base": (22.5e9 / 2, 0.01),
}


@pytest.mark.parametrize(("name", "published"), PUBLISHED_MACS.items())
def test_macs_are_the_published_ones(models, name, published):
    macs, tolerance = published
    assert models[name].macs == pytest.approx(macs, rel=tolerance, abs=0)


# Trainable parameters before batch normalisation is folded: torchvision, timm, Hugging Face transformers and
# Keras count them so. Folding leaves a bias where scale and shift were: one parameter less a channel.
PUBLISHED_PARAMETERS = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "mobilenetv2": 3_504_872,
    "vgg16": 138_357_544,
    "alexnet": 60_965_224,
    "deit-tiny": 5_717_416,
    "deit-small": 22_050_664,
    "bert-base": 109_482_240,
    "gpt2-decode": 124_439_808,
    "resnet20": 272_474,
    # keras.applications.MobileNet, alpha 0.25, 0.5 and 1.0
    "mobilenetv1-025-128": 470_072,
    "mobilenetv1-050-96": 1_331_592,
    "mobilenetv1-100-128": 4_231_976,
    "mobilenetv1-100-224": 4_231_976,
    # pytorch-cifar (kuangliu)
    "resnet18-cifar": 11_173_962,
    "resnet50-cifar": 23_520_842,
}


@pytest.mark.parametrize(("name", "published"), PUBLISHED_PARAMETERS.items())
def test_parameters_are_the_published_ones_less_folded_batch_norms(models, name, published):
    folded = sum(layer.weights[1].elements for layer in models[name].layers if "batch_norm" in layer.fused)
    assert models[name].parameters == published - folded


# pytorch-cifar (kuangliu); its convolutions have a bias beside the norm's scale and shift
@pytest.mark.parametrize(
    ("name", "published"),
    [("vgg11-cifar", 9_231_114), ("vgg16-cifar", 14_728_266), ("vgg19-cifar", 20_040_522)],
)
def test_parameters_of_the_cifar_vggs_are_the_published_ones_less_folded_ones(models, name, published):
    channels = sum(layer.weights[1].elements for layer in models[name].layers if "batch_norm" in layer.fused)
    assert models[name].parameters == published - 2 * channels


def test_parameters_of_the_tiny_networks_are_published_folded(models):
    assert models["resnet8"].parameters == 77_706
    # trainable ones as Keras counts them: a bias beside each norm's scale and shift
    assert models["ds-cnn"].parameters == 23_756 - 2 * 9 * 64
    assert models["mobilenetv1-025-96"].parameters == 216_322 - 2 * 2_736
    assert models["toyadmos-autoencoder"].parameters == 267_928 - 2 * (8 * 128 + 8)


def test_layers_of_visual_wake_words_are_those_of_the_reference_model(models):
    net = models["mobilenetv1-025-96"]
    sizes = [layer.outputs[0].shape[1:3] for layer in net.layers if layer.name.endswith("pointwise")]
    assert sizes == [(16, 48), (32, 24), (32, 24), (64, 12), (64, 12), *6 * [(128, 6)], *2 * [(256, 3)]]
    assert layer_of(net, "fc").outputs[0].shape == (1, 2)


def test_the_medium_lstm_has_20_million_parameters(models):
    embedding, cell, decoder = 10_000 * 650, 4 * 650 * (650 + 650 + 1), 10_000 * (650 + 1)
    assert models["lstm"].parameters == embedding + 2 * cell + decoder == 19_775_200
    assert models["lstm"].macs == 35 * (2 * 4 * 650 * 1300 + 650 * 10_000)


def onnx_products(file: str) -> list[tuple]:
    """(MACs, weights, output shape) of every Conv and Gemm, from the ONNX file alone."""
    model = shape_inference.infer_shapes(onnx.load(LIGHT_MODELS / file))
    graph = model.graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in [*graph.input, *graph.value_info, *graph.output]
    }
    products = []
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm"):
            kernel, output = shapes[node.input[1]], shapes[node.output[0]]
            weights = elements = 1
            for size in kernel:
                weights *= size
            for size in output:
                elements *= size
            products.append((elements * weights // kernel[0], weights, output))
    return products


@pytest.mark.parametrize(
    ("name", "file"),
    [("resnet50", "light_resnet50.onnx"), ("alexnet", "light_bvlc_alexnet.onnx")],
)
def test_layers_are_those_of_the_onnx_model(models, name, file):
    ours = [
        (layer.macs, layer.weights[0].elements, layer.outputs[0].shape)
        for layer in models[name].layers
        if layer.contraction
    ]
    assert Counter(ours) == Counter(onnx_products(file))


@pytest.mark.parametrize(
    ("name", "file"),
    [("resnet50", "light_resnet50.onnx"), ("alexnet", "light_bvlc_alexnet.onnx")],
)
def test_an_imported_onnx_model_has_the_same_loops(models, name, file):
    imported = load_workload(LIGHT_MODELS / file)
    ours, theirs = (
        Counter(layer.contraction for layer in workload.layers if layer.contraction)
        for workload in (models[name], imported)
    )
    assert ours == theirs
    ours, theirs = (
        Counter(
            (each.operator, *sorted(each.ops.items())) for each in workload.layers if "pool" in each.operator
        )
        for workload in (models[name], imported)
    )
    assert ours == theirs


# --- every model is sound --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_tensors_fit_the_loops_that_use_them(models, name):
    for layer in models[name].layers:
        loops = layer.contraction
        if loops is None:
            continue
        assert sum(tensor.elements for tensor in layer.outputs) == loops.output_elements
        if layer.has_static_weights:
            assert layer.weights[0].elements == loops.weight_elements
            assert sum(tensor.elements for tensor in layer.inputs) == loops.input_elements
        else:
            assert layer.operator == "matmul"
            assert layer.inputs[0].elements == loops.input_elements
            assert layer.inputs[1].elements == loops.weight_elements


@pytest.mark.parametrize("name", MODELS)
def test_a_tensor_has_one_size_wherever_it_is_read(models, name):
    sizes = {}
    for layer in models[name].layers:
        for tensor in (*layer.inputs, *layer.outputs):
            assert sizes.setdefault(tensor.name, tensor.elements) == tensor.elements


@pytest.mark.parametrize("name", MODELS)
def test_no_layer_stands_apart(models, name):
    workload = models[name]
    assert nx.is_weakly_connected(workload.graph)
    assert workload.warnings == ()
    needed = nx.ancestors(workload.graph, workload.layers[-1].name) | {workload.layers[-1].name}
    kept = {tensor.name for tensor in workload.outputs}
    for layer in workload.layers:
        assert layer.name in needed or kept & {tensor.name for tensor in layer.outputs}


@pytest.mark.parametrize("name", MODELS)
def test_work_grows_with_the_batch_and_parameters_do_not(models, name):
    three = build_model(name, {"batch": 3})
    assert three.macs == 3 * models[name].macs
    assert three.parameters == models[name].parameters
    assert len(three.layers) == len(models[name].layers)
    assert sum(three.tensor_bytes.values()) == 3 * sum(models[name].tensor_bytes.values())
    for layer in three.layers:
        if layer.kind == "contraction":
            assert sum(tensor.elements for tensor in layer.outputs) == layer.contraction.output_elements


# --- structure -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("resnet18", {"conv": 20, "gemm": 1, "add": 8, "max_pool": 1, "average_pool": 1}),
        ("resnet50", {"conv": 53, "gemm": 1, "add": 16, "max_pool": 1, "average_pool": 1}),
        ("mobilenetv2", {"conv": 52, "gemm": 1, "add": 10, "average_pool": 1}),
        ("vgg16", {"conv": 13, "gemm": 3, "max_pool": 5}),
        ("alexnet", {"conv": 5, "gemm": 3, "max_pool": 3, "lrn": 2, "softmax": 1}),
        ("resnet20", {"conv": 21, "gemm": 1, "add": 9, "average_pool": 1}),
        ("resnet8", {"conv": 9, "gemm": 1, "add": 3, "average_pool": 1, "softmax": 1}),
        ("ds-cnn", {"conv": 9, "gemm": 1, "average_pool": 1, "softmax": 1}),
    ],
)
def test_layers_by_operator(models, name, kinds):
    assert Counter(layer.operator for layer in models[name].layers) == kinds


def test_residual_edges_of_resnet18(models):
    edges = set(models["resnet18"].graph.edges)
    shortcuts = {
        "layer1.0.add": "maxpool",
        "layer1.1.add": "layer1.0.add",
        "layer2.0.add": "layer2.0.downsample",
        "layer2.1.add": "layer2.0.add",
        "layer3.0.add": "layer3.0.downsample",
        "layer4.1.add": "layer4.0.add",
    }
    for add, shortcut in shortcuts.items():
        assert (shortcut, add) in edges
        assert (add.replace("add", "conv2"), add) in edges
    assert ("layer1.1.add", "layer2.0.downsample") in edges
    assert layer_of(models["resnet18"], "layer1.0.add").ops == {"add": 64 * 56 * 56, "max": 64 * 56 * 56}


def test_batch_norm_and_relu_are_fused_where_the_network_has_them(models):
    resnet = models["resnet18"]
    assert layer_of(resnet, "conv1").fused == ("batch_norm", "relu")
    # a bias and a maximum per output
    assert layer_of(resnet, "conv1").ops == {"add": 64 * 112 * 112, "max": 64 * 112 * 112}
    assert layer_of(resnet, "layer1.0.conv2").fused == ("batch_norm",)
    assert layer_of(models["vgg16"], "conv1_1").fused == ("relu",)
    # ReLU6 clips at both ends; the projection is linear
    expand = layer_of(models["mobilenetv2"], "stage2.0.expand")
    assert expand.ops["max"] == 2 * expand.outputs[0].elements
    assert layer_of(models["mobilenetv2"], "stage2.0.project").fused == ("batch_norm",)


def test_depthwise_convolutions(models):
    def depthwise(name: str) -> int:
        return sum(layer.contraction.is_depthwise for layer in models[name].layers if layer.contraction)

    assert (depthwise("mobilenetv2"), depthwise("ds-cnn"), depthwise("resnet50")) == (17, 4, 0)


@pytest.mark.parametrize(
    ("name", "products", "tokens", "attended"),
    [("deit-tiny", 24, 197, 197), ("bert-base", 24, 128, 128), ("gpt2-decode", 24, 1, 1024)],
)
def test_attention_multiplies_activations(models, name, products, tokens, attended):
    matmuls = [layer for layer in models[name].layers if layer.operator == "matmul"]
    assert len(matmuls) == products
    assert not any(layer.has_static_weights for layer in matmuls)
    scores, context = matmuls[:2]
    heads = scores.contraction.G
    assert scores.contraction.gemm == (tokens, attended, 64)
    assert context.contraction.gemm == (tokens, 64, attended)
    softmax = next(iter(models[name].graph.successors(scores.name)))
    assert layer_of(models[name], softmax).ops["exp"] == heads * tokens * attended
    assert next(iter(models[name].graph.successors(softmax))) == context.name


@pytest.mark.parametrize("seq_len", [1, 64, 512])
def test_bert_grows_with_its_tokens(seq_len):
    width, words = 768, 3072
    per_layer = 4 * seq_len * width**2 + 2 * seq_len * width * words + 2 * seq_len**2 * width
    assert build_model("bert-base", {"seq_len": seq_len}).macs == 12 * per_layer + width**2


@pytest.mark.parametrize("seq_len", [1, 100, 1024])
def test_gpt2_decodes_one_token_over_its_cache(seq_len):
    workload = build_model("gpt2-decode", {"seq_len": seq_len})
    weights = 12 * (768 * 2304 + 768**2 + 2 * 768 * 3072) + 768 * 50257
    assert workload.macs == weights + 12 * 2 * 768 * seq_len
    caches = [tensor for tensor in workload.inputs if tensor.name.endswith("cache")]
    assert [tensor.shape for tensor in caches] == 24 * [(1, seq_len, 768)]
    scores = layer_of(workload, "h03.attn.scores")
    assert scores.inputs[1].name == "h03.attn.key_cache"
    append = layer_of(workload, "h03.attn.append_key")
    assert append.ops == {"move": 768}
    assert (append.name, scores.name) in workload.graph.edges


def test_gpt2_shares_its_embedding_with_the_head(models):
    head = layer_of(models["gpt2-decode"], "lm_head")
    assert head.weights == layer_of(models["gpt2-decode"], "wte").weights
    assert [tensor.shape for tensor in models["gpt2-decode"].outputs] == [(1, 1, 50257)]


def test_lstm_steps_share_weights_and_wait_for_one_another(models):
    workload = models["lstm"]
    steps = [layer for layer in workload.layers if layer.name.endswith("layer1.affine")]
    assert len(steps) == 35
    assert len({layer.weights for layer in steps}) == 1
    # embedding, 35 steps of layer 0 and one more of layer 1, two layers each, then concat, decoder, softmax
    assert nx.dag_longest_path_length(workload.graph, weight=None, default_weight=1) == 2 * 36 + 3
    assert nx.has_path(workload.graph, "step00.layer0.gates", "step34.layer0.affine")
    assert {tensor.name for tensor in workload.inputs} == {
        "tokens",
        *(f"layer{i}.{state}" for i in (0, 1) for state in "hc"),
    }
    one = build_model("lstm", {"seq_len": 1})
    assert one.macs * 35 == workload.macs


# --- liveness, one byte a value --------------------------------------------------------------------------


def test_live_memory_of_resnet18s_first_stage_by_hand(models):
    image, conv1, stage1 = 3 * 224**2, 64 * 112**2, 64 * 56**2
    stage2 = 128 * 28**2
    by_hand = {
        "conv1": image + conv1,
        "maxpool": conv1 + stage1,
        "layer1.0.conv1": 2 * stage1,  # the pooled image stays for the shortcut
        "layer1.0.conv2": 3 * stage1,
        "layer1.0.add": 3 * stage1,
        "layer2.0.conv1": stage1 + stage2,
        "layer2.0.conv2": stage1 + 2 * stage2,
        "layer2.0.downsample": stage1 + 2 * stage2,
        "layer2.0.add": 3 * stage2,
        "fc": 512 + 1000,
    }
    assert {name: live(models["resnet18"], name) for name in by_hand} == by_hand
    assert models["resnet18"].peak_memory.bytes == by_hand["maxpool"] == 1_003_520


def test_peaks_by_hand(models):
    # VGG: two full-size feature maps of 64 channels
    assert models["vgg16"].peak_memory.bytes == 2 * 64 * 224**2
    # BERT: the feed-forward layer's input, kept for the residual, and its hidden values before and after GELU
    assert models["bert-base"].peak_memory.bytes == 128 * 768 + 2 * 128 * 3072
    # the cache's rows after its 24 buffers: q, the scores, the key's and value's rows, the residual
    caches = 24 * 1024 * 768
    assert caches < models["gpt2-decode"].peak_memory.bytes < caches + 20_000


@pytest.mark.parametrize("name", MODELS)
def test_layers_off_the_array_have_work_to_do(models, name):
    for layer in models[name].layers:
        assert layer.ops or OPERATOR_KINDS[layer.operator] == "contraction", layer.name
