"""Transformers: DeiT, BERT-Base and one decoding step of GPT-2."""

from __future__ import annotations

from collections.abc import Mapping

from archsim.errors import InputError
from archsim.workloads.layer import Tensor
from archsim.workloads.models.builder import NetworkBuilder
from archsim.workloads.workload import Workload

_BERT_POSITIONS = 512
_GPT2_POSITIONS = 1024
_LAYERS = 12


def deit_tiny(batch: int = 1) -> Workload:
    """DeiT-Tiny (Touvron et al. 2021, arXiv:2012.12877): 224×224 in patches of 16×16, one class token."""
    return _deit("deit-tiny", batch, 192, 3, {})


def deit_small(batch: int = 1) -> Workload:
    """DeiT-Small (as above), width 384, 6 heads."""
    return _deit("deit-small", batch, 384, 6, {})


HEATVIT_KEPT = {3: 138, 6: 77, 9: 42}
"""Tokens that HeatViT's selectors keep before blocks 3, 6 and 9: 70, 39 and 21 % of 197, the ratios at which
DeiT-Small comes down from 4.6 to 2.64 GMACs (Dong et al., HPCA 2023, arXiv:2211.08110)."""


def heatvit_deit_tiny(batch: int = 1) -> Workload:
    """DeiT-Tiny with HeatViT's token selectors."""
    return _deit("heatvit-deit-tiny", batch, 192, 3, HEATVIT_KEPT)


def heatvit_deit_small(batch: int = 1) -> Workload:
    """DeiT-Small (width 384, 6 heads) with HeatViT's token selectors."""
    return _deit("heatvit-deit-small", batch, 384, 6, HEATVIT_KEPT)


def _deit(name: str, batch: int, width: int, heads: int, kept: Mapping[int, int]) -> Workload:
    """DeiT with a token selector before each block of `kept`, after which only so many tokens go on."""
    net = NetworkBuilder(name)
    image = Tensor("input", (batch, 3, 224, 224))
    patches = net.conv("patch_embed", image, width, 16, stride=16, batch_norm=False)
    shape = (batch, 197, width)
    class_token = (Tensor("class_token", (width,)),)
    ops = {"move": batch * width}  # the patches are written where they belong; only the class token is copied
    x = net.layer("class_token", "concat", (patches,), shape, ops, weights=class_token)
    positions = (Tensor("position_embed.weight", shape[1:]),)
    x = net.layer("position_embed", "add", (x,), shape, {"add": x.elements}, weights=positions)
    for i in range(_LAYERS):
        if i in kept:
            x = _select_tokens(net, f"selector{i:02}", x, heads, kept[i])
        x = _pre_norm_block(net, f"block{i:02}", x, heads)
    x = net.layer_norm("norm", x)
    net.linear("head", net.move("class_feature", "slice", (x,), (batch, width)), 1000)
    return net.build()


def _select_tokens(net: NetworkBuilder, name: str, x: Tensor, heads: int, kept: int) -> Tensor:
    """HeatViT's attention-based multi-head selector: a perceptron scores each token, the best are gathered.

    Per token and head a local and a global feature of half the head's width, then a quarter and 2 (keep or
    prune), weighed by the heads' attention; dropped tokens are packed into one (the last of those kept).
    """
    batch, _, width = x.shape
    y = net.layer_norm(f"{name}.norm", x)
    local = net.linear(f"{name}.local", y, width // 2, activation="gelu")
    hidden = net.linear(f"{name}.hidden", local, width // 4, activation="gelu")
    scores = net.linear(f"{name}.scores", hidden, 2 * heads)
    chances = net.softmax(f"{name}.softmax", scores)
    return net.move(f"{name}.gather", "gather", (x, chances), (batch, kept, width))


def bert_base(batch: int = 1, seq_len: int = 128) -> Workload:
    """BERT-Base, uncased (Devlin et al. 2019, arXiv:1810.04805): encoder and pooler, no padded tokens."""
    _check_positions("bert-base", seq_len, _BERT_POSITIONS)
    net = NetworkBuilder("bert-base")
    width, heads = 768, 12
    ids = (batch, seq_len)
    words = net.embedding("embeddings.word", Tensor("input_ids", ids), 30522, width)
    positions = net.embedding("embeddings.position", Tensor("position_ids", ids), _BERT_POSITIONS, width)
    types = net.embedding("embeddings.token_type", Tensor("token_type_ids", ids), 2, width)
    x = net.add("embeddings.add1", net.add("embeddings.add0", words, types), positions)
    x = net.layer_norm("embeddings.norm", x)
    for i in range(_LAYERS):
        name = f"layer{i:02}"
        q, k, v = (net.linear(f"{name}.attention.{part}", x, width) for part in ("query", "key", "value"))
        y = _attention(net, f"{name}.attention", q, k, v, heads)
        x = net.layer_norm(f"{name}.attention.norm", net.add(f"{name}.attention.add", x, y))
        y = _feed_forward(net, f"{name}.feed_forward", x)
        x = net.layer_norm(f"{name}.feed_forward.norm", net.add(f"{name}.feed_forward.add", x, y))
    first = net.move("pooler.first_token", "slice", (x,), (batch, width))
    net.linear("pooler", first, width, activation="tanh")
    return net.build(outputs=[x])


def gpt2_decode(batch: int = 1, seq_len: int = 1024) -> Workload:
    """GPT-2 small (Radford et al. 2019) making one token, which attends to `seq_len` positions, its own too.

    The key and value caches are buffers of `seq_len` positions, inputs of the network. A layer `…append…`
    writes the new token's row in place, so its output is one row; the attention products read the buffer
    and wait for that row.
    """
    _check_positions("gpt2-decode", seq_len, _GPT2_POSITIONS)
    net = NetworkBuilder("gpt2-decode")
    width, heads = 768, 12
    token = (batch, 1)
    words = net.embedding("wte", Tensor("input_ids", token), 50257, width)
    positions = net.embedding("wpe", Tensor("position_ids", token), _GPT2_POSITIONS, width)
    x = net.add("embedding", words, positions)
    for i in range(_LAYERS):
        name = f"h{i:02}"
        y = net.layer_norm(f"{name}.ln_1", x)
        q, k, v = net.split_linear(f"{name}.attn.qkv", y, {"q": width, "k": width, "v": width})
        y = _cached_attention(net, f"{name}.attn", q, k, v, heads, seq_len)
        x = net.add(f"{name}.attn.add", x, y)
        y = _feed_forward(net, f"{name}.mlp", net.layer_norm(f"{name}.ln_2", x), "gelu_tanh")
        x = net.add(f"{name}.mlp.add", x, y)
    net.linear("lm_head", net.layer_norm("ln_f", x), 50257, bias=False, weight="wte.weight")
    return net.build()


def _pre_norm_block(net: NetworkBuilder, name: str, x: Tensor, heads: int) -> Tensor:
    width = x.shape[-1]
    y = net.layer_norm(f"{name}.norm1", x)
    q, k, v = net.split_linear(f"{name}.attention.qkv", y, {"q": width, "k": width, "v": width})
    x = net.add(f"{name}.attention.add", x, _attention(net, f"{name}.attention", q, k, v, heads))
    y = _feed_forward(net, f"{name}.mlp", net.layer_norm(f"{name}.norm2", x))
    return net.add(f"{name}.mlp.add", x, y)


def _attention(net: NetworkBuilder, name: str, q: Tensor, k: Tensor, v: Tensor, heads: int) -> Tensor:
    p = net.softmax(f"{name}.softmax", net.attention_scores(f"{name}.scores", q, k, heads))
    return net.linear(f"{name}.output", net.attention_context(f"{name}.context", p, v), q.shape[-1])


def _cached_attention(
    net: NetworkBuilder, name: str, q: Tensor, k: Tensor, v: Tensor, heads: int, seq_len: int
) -> Tensor:
    batch, _, width = q.shape
    cache_shape = (batch, seq_len, width)
    key_row = net.move(f"{name}.append_key", "concat", (k,), k.shape)
    value_row = net.move(f"{name}.append_value", "concat", (v,), v.shape)
    keys, values = Tensor(f"{name}.key_cache", cache_shape), Tensor(f"{name}.value_cache", cache_shape)
    p = net.softmax(f"{name}.softmax", net.attention_scores(f"{name}.scores", q, keys, heads, key_row))
    y = net.attention_context(f"{name}.context", p, values, value_row)
    return net.linear(f"{name}.output", y, width)


def _feed_forward(net: NetworkBuilder, name: str, x: Tensor, function: str = "gelu") -> Tensor:
    width = x.shape[-1]
    y = net.gelu(f"{name}.gelu", net.linear(f"{name}.fc1", x, 4 * width), function)
    return net.linear(f"{name}.fc2", y, width)


def _check_positions(name: str, seq_len: int, limit: int) -> None:
    if seq_len > limit:
        raise InputError(
            f"{name}: seq_len is {seq_len}; the model has {limit} positions, allowed: 1 to {limit}"
        )
