"""The definitions of the library's models, from which its traces are written.

`MODELS` maps a library name to its definition. A definition's `dims` are the sizes a caller may change and
their values in the committed trace. Params and MACs of each are checked against published ones in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from archsim.errors import InputError
from archsim.workloads.models.finn import (
    cnv_w1a1,
    cybsec_mlp_w2a2,
    ids_mlp_w4a4,
    kws_mlp_w3a3,
    tfc_w1a1,
    vgg10_w4a4,
)
from archsim.workloads.models.lstm import lstm
from archsim.workloads.models.mobilenet import mobilenetv1, mobilenetv2
from archsim.workloads.models.resnet import (
    resnet18,
    resnet18_cifar,
    resnet20,
    resnet50,
    resnet50_cifar,
)
from archsim.workloads.models.tiny import ds_cnn, econ_t, har_bnn, resnet8, toyadmos_autoencoder
from archsim.workloads.models.transformer import (
    bert_base,
    deit_small,
    deit_tiny,
    gpt2_decode,
    heatvit_deit_small,
    heatvit_deit_tiny,
)
from archsim.workloads.models.vgg import alexnet, vgg11_cifar, vgg16, vgg16_cifar, vgg19_cifar
from archsim.workloads.workload import Workload


@dataclass(frozen=True, slots=True)
class Definition:
    """How to build one model, the dims it takes, and what to say of it at the head of its trace."""

    build: Callable[..., Workload]
    dims: Mapping[str, int]
    about: tuple[str, ...]


_BATCH = {"batch": 1}
_FINN = "Trained and built by FINN's examples (Xilinx/finn-examples); Umuroglu et al., FINN, FPGA 2017."
_VGG = (
    "Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015 (arXiv:1409.1556); "
    "one linear layer, as pytorch-cifar has it."
)
_MLPERF_TINY = "Banbury et al., MLPerf Tiny Benchmark, 2021 (arXiv:2106.07597); github.com/mlcommons/tiny."
_MOBILENETV1 = "Howard et al., MobileNets, 2017 (arXiv:1704.04861)."
_RESNET = "He et al., Deep Residual Learning for Image Recognition, CVPR 2016 (arXiv:1512.03385)."

MODELS: Mapping[str, Definition] = {
    "resnet18": Definition(
        resnet18, _BATCH, ("ResNet-18, ImageNet.", _RESNET, "Input 1x3x224x224, output 1000 classes.")
    ),
    "resnet50": Definition(
        resnet50,
        _BATCH,
        (
            "ResNet-50, ImageNet, stride in the 3x3 convolution (v1.5).",
            _RESNET,
            "Input 1x3x224x224, output 1000 classes.",
        ),
    ),
    "mobilenetv2": Definition(
        mobilenetv2,
        _BATCH,
        (
            "MobileNetV2, width 1.0, ImageNet.",
            "Sandler et al., Inverted Residuals and Linear Bottlenecks, CVPR 2018 (arXiv:1801.04381).",
            "Input 1x3x224x224, output 1000 classes.",
        ),
    ),
    **{
        f"mobilenetv1-{width * 100:03.0f}-{size}": Definition(
            partial(mobilenetv1, width, size),
            _BATCH,
            (
                f"MobileNetV1, width {width}, ImageNet at {size}x{size}.",
                _MOBILENETV1,
                f"Input 1x3x{size}x{size}, output 1000 classes.",
            ),
        )
        for width, size in ((0.25, 128), (0.5, 96), (1.0, 128), (1.0, 224))
    },
    "mobilenetv1-025-96": Definition(
        partial(mobilenetv1, 0.25, 96, 2),
        _BATCH,
        (
            "MobileNetV1, width 0.25, visual wake words of MLPerf Tiny.",
            _MLPERF_TINY,
            _MOBILENETV1,
            "Input 1x3x96x96, output a person or none.",
        ),
    ),
    "vgg16": Definition(
        vgg16,
        _BATCH,
        (
            "VGG-16 (configuration D), ImageNet.",
            "Simonyan and Zisserman, Very Deep Convolutional Networks, ICLR 2015 (arXiv:1409.1556).",
            "Input 1x3x224x224, output 1000 classes.",
        ),
    ),
    "alexnet": Definition(
        alexnet,
        _BATCH,
        (
            "AlexNet, ImageNet, two groups in conv2, conv4 and conv5 as in the paper (Caffe's bvlc_alexnet).",
            "Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012.",
            "Input 1x3x224x224 as in the ONNX model zoo (conv1 54x54; Caffe's 227x227 crop gives 55x55).",
        ),
    ),
    "deit-tiny": Definition(
        deit_tiny,
        _BATCH,
        (
            "DeiT-Tiny, patches of 16x16, width 192, 3 heads, 12 blocks, ImageNet.",
            "Touvron et al., Training data-efficient image transformers, ICML 2021 (arXiv:2012.12877).",
            "Input 1x3x224x224, 197 tokens, output 1000 classes. MACs count both attention products.",
        ),
    ),
    "deit-small": Definition(
        deit_small,
        _BATCH,
        (
            "DeiT-Small, patches of 16x16, width 384, 6 heads, 12 blocks, ImageNet.",
            "Touvron et al., Training data-efficient image transformers, ICML 2021 (arXiv:2012.12877).",
            "Input 1x3x224x224, 197 tokens, output 1000 classes. MACs count both attention products.",
        ),
    ),
    "heatvit-deit-tiny": Definition(
        heatvit_deit_tiny,
        _BATCH,
        (
            "DeiT-Tiny with token selectors before blocks 3, 6 and 9; 138, 77 and 42 tokens go on.",
            "Dong et al., HeatViT, HPCA 2023 (arXiv:2211.08110).",
            "Input 1x3x224x224, output 1000 classes.",
        ),
    ),
    "heatvit-deit-small": Definition(
        heatvit_deit_small,
        _BATCH,
        (
            "DeiT-Small with token selectors before blocks 3, 6 and 9; 138, 77 and 42 tokens go on.",
            "Dong et al., HeatViT, HPCA 2023 (arXiv:2211.08110).",
            "Input 1x3x224x224, output 1000 classes.",
        ),
    ),
    "bert-base": Definition(
        bert_base,
        {"batch": 1, "seq_len": 128},
        (
            "BERT-Base, uncased: 12 layers, width 768, 12 heads, 30522 words, with pooler.",
            "Devlin et al., BERT, NAACL 2019 (arXiv:1810.04805).",
            "Input 1x128 tokens (dims batch, seq_len), none of them padding, so there is no mask.",
        ),
    ),
    "gpt2-decode": Definition(
        gpt2_decode,
        {"batch": 1, "seq_len": 1024},
        (
            "GPT-2 small (12 layers, width 768, 12 heads), one decoding step with a key-value cache.",
            "Radford et al., Language Models are Unsupervised Multitask Learners, 2019.",
            "One token attends to 1024 positions (dim seq_len); lm_head shares the embedding's weights.",
        ),
    ),
    "ds-cnn": Definition(
        ds_cnn,
        _BATCH,
        (
            "DS-CNN, keyword spotting of MLPerf Tiny.",
            "Banbury et al., MLPerf Tiny Benchmark, 2021 (arXiv:2106.07597); Zhang et al., Hello Edge, 2017.",
            "Input 1x1x49x10 (frames x MFCC), output 12 keywords.",
        ),
    ),
    "toyadmos-autoencoder": Definition(
        toyadmos_autoencoder,
        _BATCH,
        (
            "Autoencoder of ToyADMOS, anomaly detection of MLPerf Tiny.",
            _MLPERF_TINY,
            "Koizumi et al., DCASE 2020 task 2 (arXiv:2006.05822), whose baseline it is.",
            "Input 1x640 (five frames x 128 mel bands), output 640.",
        ),
    ),
    "econ-t": Definition(
        econ_t,
        _BATCH,
        (
            "Encoder of the autoencoder in the ECON-T chip, 6-bit weights.",
            "Di Guglielmo et al., IEEE TNS 68(8), 2021 (arXiv:2105.01683).",
            "Input 1x1x8x8 trigger cells, output 16 features of 9 bits.",
        ),
    ),
    "har-bnn": Definition(
        har_bnn,
        _BATCH,
        (
            "Human activity recognition by a binary network, 8-bit first layer; widths and depth assumed.",
            "Daghero et al., CF 2021 (arXiv:2205.12781), github.com/francescodaghero/ultracompactBNN.",
            "Input 3 axes of 151 samples (UniMiB SHAR: Micucci et al. 2017), output 17 activities.",
        ),
    ),
    "resnet8": Definition(
        resnet8,
        _BATCH,
        (
            "ResNet-8, image classification (CIFAR-10) of MLPerf Tiny.",
            "Banbury et al., MLPerf Tiny Benchmark, 2021 (arXiv:2106.07597).",
            "Input 1x3x32x32, output 10 classes.",
        ),
    ),
    "resnet20": Definition(
        resnet20,
        _BATCH,
        (
            "ResNet-20, CIFAR-10, projection shortcuts (option B; the paper's CIFAR table has option A).",
            _RESNET,
            "Input 1x3x32x32, output 10 classes.",
        ),
    ),
    "resnet18-cifar": Definition(
        resnet18_cifar,
        _BATCH,
        (
            "ResNet-18 for CIFAR-10 as pytorch-cifar has it: 3x3 first convolution, no pooling behind it.",
            _RESNET,
            "Input 1x3x32x32, output 10 classes.",
        ),
    ),
    "resnet50-cifar": Definition(
        resnet50_cifar,
        _BATCH,
        (
            "ResNet-50 for CIFAR-10 as pytorch-cifar has it: 3x3 first convolution, no pooling behind it.",
            _RESNET,
            "Input 1x3x32x32, output 10 classes.",
        ),
    ),
    **{
        f"vgg{depth}-cifar": Definition(
            build,
            _BATCH,
            (f"VGG-{depth} for CIFAR-10, batch normalised.", _VGG, "Input 1x3x32x32, output 10 classes."),
        )
        for depth, build in ((11, vgg11_cifar), (16, vgg16_cifar), (19, vgg19_cifar))
    },
    "tfc-w1a1": Definition(
        tfc_w1a1, _BATCH, ("TFC, binary, MNIST.", _FINN, "Input 1x784 of 8 bits, output 10 classes.")
    ),
    "cnv-w1a1": Definition(
        cnv_w1a1, _BATCH, ("CNV, binary, CIFAR-10.", _FINN, "Input 1x3x32x32 of 8 bits, output 10 classes.")
    ),
    "kws-mlp-w3a3": Definition(
        kws_mlp_w3a3,
        _BATCH,
        ("Keyword spotting perceptron, 3 bits.", _FINN, "Input 1x490 of 8 bits, output 12 keywords."),
    ),
    "cybsec-mlp-w2a2": Definition(
        cybsec_mlp_w2a2,
        _BATCH,
        ("Intrusion detection on UNSW-NB15, 2 bits.", _FINN, "Input 1x600 of 1 bit, output 1."),
    ),
    "ids-mlp-w4a4": Definition(
        ids_mlp_w4a4,
        _BATCH,
        (
            "Intrusion detection on a CAN bus, 4 bits; the widths are assumed.",
            "Khandelwal et al., arXiv:2401.12240, 2024 (DATE 2023).",
            "Input 1x40 of 8 bits, output 2 classes.",
        ),
    ),
    "vgg10-w4a4": Definition(
        vgg10_w4a4,
        _BATCH,
        ("VGG10, radio modulation (RadioML 2018), 4 bits.", _FINN, "Input 1x2x1024x1, output 24 classes."),
    ),
    "lstm": Definition(
        lstm,
        {"batch": 1, "seq_len": 35},
        (
            "Two-layer LSTM language model, medium: 650 units, 10000 words (Penn Treebank), 35 steps.",
            "Zaremba et al., Recurrent Neural Network Regularization, 2014 (arXiv:1409.2329).",
            "Input 1x35 tokens (dims batch, seq_len), output 35 distributions over the words.",
        ),
    ),
}


def build_model(name: str, dims: Mapping[str, int] | None = None) -> Workload:
    """Build a model of `MODELS`, some of its dims changed. Raises InputError for a dim it does not have."""
    definition = MODELS[name]
    for dim, size in (dims or {}).items():
        if dim not in definition.dims:
            raise InputError(f"{name} has no dim {dim!r}; allowed: {', '.join(definition.dims)}")
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise InputError(f"{name}: dim {dim} is {size!r}; it must be a whole number of at least 1")
    return definition.build(**{**definition.dims, **(dims or {})})
