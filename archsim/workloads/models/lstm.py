"""The two-layer word-level LSTM language model of Zaremba et al. 2014 (arXiv:1409.2329), medium size."""

from __future__ import annotations

from archsim.workloads.layer import Contraction, Layer, Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.operation_counts import recurrent_gate_operations
from archsim.workloads.workload import Workload

_HIDDEN = 650
_VOCABULARY = 10_000  # Penn Treebank


def lstm(batch: int = 1, seq_len: int = 35) -> Workload:
    """`seq_len` steps unrolled: each reads the same weights and waits for the state of the step before."""
    net = NetworkBuilder("lstm")
    steps = range(seq_len)
    xs = _embedding(net, [Tensor(f"step{step:02}.embedding", (batch, _HIDDEN)) for step in steps])
    final_states = []
    for cell in ("layer0", "layer1"):
        h, c = Tensor(f"{cell}.h", (batch, _HIDDEN)), Tensor(f"{cell}.c", (batch, _HIDDEN))
        hs = []
        for step, x in zip(steps, xs, strict=True):
            h, c = _step(net, f"step{step:02}.{cell}", cell, x, h, c)
            hs.append(h)
        xs = hs
        final_states += [h, c]
    sequence = net.move("sequence", "concat", xs, (batch, seq_len, _HIDDEN))
    net.softmax("softmax", net.linear("decoder", sequence, _VOCABULARY))
    return net.build(outputs=final_states)


def _embedding(net: NetworkBuilder, words: list[Tensor]) -> tuple[Tensor, ...]:
    batch = words[0].shape[0]
    tokens = Tensor("tokens", (batch, len(words)))
    table = Tensor("embedding.weight", (_VOCABULARY, _HIDDEN))
    ops = {"move": sum(word.elements for word in words)}
    return net.append(Layer("embedding", "gather", (tokens,), tuple(words), (table,), ops=ops))


def _step(net: NetworkBuilder, name: str, cell: str, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    """The paper's equations: one affine map from (x, h) to four gates, then the gates; gives new (h, c)."""
    batch, width = x.shape[0], 4 * _HIDDEN
    contraction = Contraction(B=batch, K=width, C=2 * _HIDDEN)
    gates = net.layer(
        f"{name}.affine",
        "gemm",
        (x, h),
        (batch, width),
        {"add": contraction.output_elements},
        weights=(Tensor(f"{cell}.weight", (width, 2 * _HIDDEN)), Tensor(f"{cell}.bias", (width,))),
        contraction=contraction,
    )
    state = (Tensor(f"{name}.h", h.shape), Tensor(f"{name}.c", c.shape))
    ops = recurrent_gate_operations(batch * _HIDDEN)
    return net.append(Layer(f"{name}.gates", "recurrent_gates", (gates, c), state, ops=ops))
