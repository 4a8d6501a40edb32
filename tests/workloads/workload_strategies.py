"""Random workloads for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from archsim.errors import InputError
from archsim.workloads.layer import OPERATIONS, OPERATOR_KINDS, Contraction, Layer, Tensor
from archsim.workloads.precision import FLOAT_BITS, Precision
from archsim.workloads.workload import Workload

# Names as tools and people make them, with everything that means something in a CSV file.
NAMES = st.one_of(
    st.sampled_from(["conv1", "layer1.0/conv:0", "-", "", " x ", "a;b", 'q"uote', "#1", "x:1x2", "scalar"]),
    st.text(alphabet=st.sampled_from('ab;:,"#\\ \t\r\n-=x1é\u2028\x00'), max_size=8),
    st.text(max_size=8),
)
SIZES = st.integers(1, 12)
SHAPES = st.lists(st.integers(1, 2**40), max_size=4).map(tuple)


@st.composite
def precisions(draw: st.DrawFn) -> Precision:
    number_format = draw(st.sampled_from(["int", "int", *FLOAT_BITS]))
    bits = st.integers(1, 32)
    if number_format == "int":
        return Precision(draw(bits), draw(bits), draw(bits))
    width = FLOAT_BITS[number_format]
    return Precision(width, width, draw(bits), number_format)


@st.composite
def contractions(draw: st.DrawFn) -> Contraction:
    pairs = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return Contraction(
        *(draw(SIZES) for _ in "BGKCPQRS"),
        stride=draw(pairs),
        dilation=draw(pairs),
        padding=draw(st.tuples(*[st.integers(0, 3)] * 4)),
        input_size=draw(st.one_of(st.just((0, 0)), st.tuples(SIZES, SIZES))),
        transposed=draw(st.booleans()),
    )


@st.composite
def layers(draw: st.DrawFn, name: str, inputs: tuple[Tensor, ...], outputs: tuple[Tensor, ...]) -> Layer:
    operator = draw(st.sampled_from(sorted(OPERATOR_KINDS)))
    share = st.floats(0.0, 1.0)
    return Layer(
        name,
        operator,
        inputs,
        outputs,
        weights=tuple(draw(st.lists(st.builds(Tensor, NAMES, SHAPES), max_size=2))),
        contraction=draw(contractions()) if OPERATOR_KINDS[operator] == "contraction" else None,
        ops=draw(st.dictionaries(st.sampled_from(OPERATIONS), st.integers(0, 10**15), max_size=3)),
        precision=draw(precisions()),
        weight_density=draw(share),
        activation_density=draw(share),
        fused=tuple(draw(st.lists(NAMES, max_size=2))),
    )


@st.composite
def workloads(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES, max_layers: int = 8) -> Workload:
    """Any directed acyclic graph of layers, some with several outputs or none of the network's inputs."""
    layer_names = draw(st.lists(names, min_size=1, max_size=max_layers, unique=True))
    network_inputs = draw(st.lists(st.builds(Tensor, names, SHAPES), max_size=3, unique_by=lambda t: t.name))
    taken = {tensor.name for tensor in network_inputs}
    known, made = list(network_inputs), []
    drawn = []
    for name in layer_names:
        inputs = tuple(draw(st.lists(st.sampled_from(known), max_size=3))) if known else ()
        fresh = names.filter(lambda name, taken=frozenset(taken): name not in taken)
        outputs = st.lists(
            st.builds(Tensor, fresh, SHAPES), min_size=1, max_size=2, unique_by=lambda t: t.name
        )
        new = draw(outputs)
        taken |= {tensor.name for tensor in new}
        drawn.append(draw(layers(name, inputs, tuple(new))))
        known += new
        made += [tensor.name for tensor in new]
    outputs = draw(st.lists(st.sampled_from(made), max_size=3, unique=True))
    warnings = draw(st.lists(names, max_size=2))
    return Workload.from_layers(draw(names), draw(st.permutations(drawn)), outputs, warnings)


def reads_or_refuses(read, path) -> None:
    """`read(path)` gives a Workload or raises InputError with a message that names the file; nothing else."""
    try:
        workload = read(path)
    except InputError as error:
        message = str(error)
    else:
        assert isinstance(workload, Workload)
        return
    assert str(path) in message
    assert "\n" not in message
