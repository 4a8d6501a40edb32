"""What another simulator's workload format can hold of a workload, and what to tell of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from archsim.workloads.layer import Contraction, Layer
from archsim.workloads.workload import Workload

Loops = tuple[Layer, Contraction]  # a layer and its loop nest


def exportable(
    workload: Workload, obstacle: Callable[[Contraction], str | None] | None = None
) -> tuple[list[Loops], list[str]]:
    """The contractions without an obstacle, in order, and a warning for whatever is left out."""
    kept: list[Loops] = []
    warnings = others_left_out(layer for layer in workload.layers if layer.contraction is None)
    for layer in workload.layers:
        if layer.contraction is None:
            continue
        reason = obstacle(layer.contraction) if obstacle else None
        if reason is None:
            kept.append((layer, layer.contraction))
        else:
            warnings.append(f"layer {layer.name} was left out: {reason}")
    return kept, warnings


def others_left_out(layers: Iterable[Layer]) -> list[str]:
    """A warning for layers that the format has no form for."""
    operators = [layer.operator for layer in layers]
    kinds = ", ".join(sorted(set(operators)))
    return [f"{len(operators)} layers are no contractions and were left out ({kinds})"] if operators else []


def operations_unsaid(layers: Iterable[Loops]) -> list[str]:
    """That the format has no place for the elementary operations of bias and fused activations."""
    counted = [layer for layer, _ in layers if layer.ops]
    if not counted:
        return []
    total = sum(sum(layer.ops.values()) for layer in counted)
    return [f"{total:,} operations of bias and fused operators in {len(counted)} layers were left out"]


def precisions_unsaid(layers: Iterable[Loops], why: str) -> list[str]:
    precisions = ", ".join(dict.fromkeys(layer.precision.label for layer, _ in layers))
    return [f"precisions ({precisions}) were left out: {why}"] if precisions else []


def densities_unsaid(layers: Iterable[Loops]) -> list[str]:
    sparse = [layer.name for layer, _ in layers if (layer.weight_density, layer.activation_density) != (1, 1)]
    return [f"densities of {len(sparse)} layers were left out; they are dense"] if sparse else []


def no_transposed(loops: Contraction) -> str | None:
    """The obstacle of formats in which only the input may be indexed by a sum."""
    return "a transposed convolution; a SCALE-Sim gemm topology can hold it" if loops.transposed else None
