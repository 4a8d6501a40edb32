"""What the reports of a search read: documents with every key, and the words and units of quantities."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

from archsim.reports import units

_EMPTY: Mapping[str, Any] = {
    "study": "",
    "dims": {},
    "patches": None,
    "hardware": {},
    "minimize": "",
    "status": "UNKNOWN",
    "objective": None,
    "best_bound": None,
    "gap": None,
    "then": {},
    "schedule": [],
    "wall_s": None,
    "totals": {},
    "budgets": [],
    "accuracy": None,
    "baseline": None,
    "buys": [],
    "search": {},
    "warnings": [],
}
_EMPTY_LAYER: Mapping[str, Any] = {
    "output_bits": None,
    "mapping": {},
    "latency_cycles": None,
    "energy_pj": None,
}


def complete(document: Mapping[str, Any]) -> dict[str, Any]:
    """A plan (JSON `archsim.plan/1`) with every key; its accelerator is a name."""
    plan = {**_EMPTY, **{key: value for key, value in document.items() if value is not None}}
    plan["accelerator"] = _accelerator_name(plan["accelerator"])
    plan["layers"] = [_EMPTY_LAYER | layer for layer in plan["layers"]]
    return plan


def plan_subject(plan: Mapping[str, Any]) -> tuple[str, str]:
    """The workload and what it runs on, by name."""
    return str(plan["workload"]), _accelerator_name(plan["accelerator"])


def _accelerator_name(accelerator: str | Mapping[str, Any]) -> str:
    if isinstance(accelerator, str):
        return accelerator
    return str(accelerator.get("name") or "an accelerator of its own")


def label(quantity: str) -> str:
    """`energy_mj` -> 'energy'; `held_kib.buffer` -> 'held in buffer'."""
    if quantity in _LABELS:
        return _LABELS[quantity]
    if quantity.startswith("held_kib."):
        return f"held in {quantity.removeprefix('held_kib.')}"
    return quantity.removeprefix("resource.").replace("_", " ")


_LABELS: Mapping[str, str] = {
    "latency_ms": "latency",
    "energy_mj": "energy",
    "area_mm2": "area",
    "sensitivity": "sensitivity",
    "top1_error": "top-1 error",
    "dram_mb": "DRAM traffic",
    "weight_kib": "weights",
    "power_mw": "power",
    "peak_activation_kib": "peak activations",
}


def told(quantity: str, value: float | None) -> str:
    """A value of a quantity, which is in the unit of its name, as people read it."""
    if value is None:
        return units.MISSING
    if quantity == "latency_ms":
        return units.duration(value)
    if quantity == "energy_mj":
        return units.energy(value * 1e9)
    if quantity == "dram_mb":
        return units.traffic(value * 1e6)
    if quantity in ("weight_kib", "peak_activation_kib") or quantity.startswith("held_kib."):
        return units.memory(value * 1024)
    if quantity == "top1_error":
        return units.percent(value)
    unit = {"area_mm2": " mm²", "power_mw": " mW"}.get(quantity, "")
    return f"{units.digits(value)}{unit}"


def goal_label(minimize: str) -> str:
    """`energy_mj x latency_ms` -> 'energy × latency'; `0.5 energy_mj + latency_ms` keeps its weights."""
    if " x " in minimize:
        return " × ".join(map(label, minimize.split(" x ")))
    terms = (term.rpartition(" ") for term in minimize.split(" + "))
    return " + ".join(f"{weight} {label(name)}".strip() for weight, _, name in terms)


def is_pipelined(plan: Mapping[str, Any]) -> bool:
    """Whether results follow sooner than one takes: what is minimised is then the interval between them."""
    totals = plan["totals"]
    return totals.get("interval_cycles", inf) < totals.get("latency_cycles", 0)


def plan_goal(plan: Mapping[str, Any]) -> str:
    """What was minimised; of a pipeline the interval takes the place of latency."""
    goal = goal_label(plan["minimize"])
    return goal.replace("latency", "interval") if is_pipelined(plan) else goal


def goal_told(minimize: str, value: float | None) -> str:
    """The value of a goal: with its unit where it has one; a weighted sum has none."""
    if minimize == "energy_mj x latency_ms":
        return f"{units.digits(value)} mJ·ms"
    return told(minimize, value) if " " not in minimize else units.digits(value)


def proof(plan: Mapping[str, Any], front: Iterable[str] = ()) -> list[str]:
    """What is known of a plan in sentences.

    `plan` is complete. `front`: the quantities of the front on which it lies; its goal was then minimised
    under limits of the others, so that plans with more of these may well have less of the goal.
    """
    return [
        *_proof(plan, front),
        *_with_fifos(plan),
        *_in_patches(plan),
        *_made_again(plan),
        *_verified(plan),
    ]


def mean_accuracy(plan: Mapping[str, Any]) -> str:
    """`91.2 ± 0.4 %`: mean and deviation over chips; empty where it was not measured."""
    if plan.get("accuracy") is None:
        return ""
    hardware = plan["accuracy"]["hardware"]
    spread = f" ± {100 * hardware['std']:.2g}" if plan["accuracy"]["chips"] > 1 else ""
    return f"{100 * hardware['mean']:.4g}{spread} %"


def bit_errors(plan: Mapping[str, Any]) -> tuple[float, float] | None:
    """Accuracy without the bit errors of SRAMs, and what these cost; None where there are none."""
    measured = plan.get("accuracy") or {}
    loss, without = measured.get("fault_loss"), measured.get("without_faults")
    if loss is None or without is None or not (loss or _rounds(measured, "fault_loss")):
        return None
    return without, loss


def in_points(share: float | None) -> str:
    """0.0042 -> '0.42 points' of accuracy."""
    return units.MISSING if share is None else f"{100 * share:.3g} points"


def _rounds(measured: Mapping[str, Any], quantity: str) -> list[dict[str, Any]]:
    return [each for each in measured["rounds"] if each.get("quantity", "top1_error") == quantity]


def _verified(plan: Mapping[str, Any]) -> list[str]:
    measured = plan.get("accuracy")
    if measured is None:
        return []
    errors, losses = _rounds(measured, "top1_error"), _rounds(measured, "fault_loss")
    chips = f"{measured['chips']} chip{'' if measured['chips'] == 1 else 's'}"
    images = f"{measured['images']} images"
    new = (
        f"{chips} and {images} that the search did not use"
        if errors
        else f"{chips} not used before, {images}"
    )
    counted = f"; the search counted with {units.percent(1 - errors[-1]['searched'])}" if errors else ""
    told = [
        f"Accuracy {mean_accuracy(plan)} on {new} (worst {units.percent(measured['hardware']['worst'])}; "
        f"float model {units.percent(measured['float'])}){counted}."
    ]
    if (of_bits := bit_errors(plan)) is not None:
        without, loss = of_bits
        expected = f"; the search expected {in_points(losses[-1]['searched'])}" if losses else ""
        told.append(f"Bit errors cost {in_points(loss)} of {units.percent(without)}{expected}.")
    for name, rounds, write in (("top1_error", errors, units.percent), ("fault_loss", losses, in_points)):
        if len(rounds) > 1:
            limits = ", ".join(write(each["limit"]) for each in rounds)
            told.append(f"Plans before broke a limit when verified; searched under {label(name)}: {limits}.")
    verified = {"top1_error": errors, "fault_loss": losses}
    broken = [label(use["name"]) for use in plan["budgets"] if use["slack"] < 0 and verified.get(use["name"])]
    if broken:
        told.append(f"No plan was verified to meet the limit of {' and '.join(broken)}; this is the nearest.")
    return told


def _proof(plan: Mapping[str, Any], front: Iterable[str]) -> list[str]:
    others = [label(name) for name in front if name != plan["minimize"]]
    without = f" without more {' or '.join(others)}" if others else ""
    none = "no choice within the budgets" if plan["budgets"] else "no choice of sizes, bits and tilings"
    goal, value = plan_goal(plan), goal_told(plan["minimize"], plan["objective"])
    if plan["objective"] is None:
        return ["Not from a search: nothing is proven of this plan."]
    if plan["status"] == "OPTIMAL":
        sentences = [f"Proven optimal: {goal} {value}; {none} has less{without}."]
    elif plan["status"] == "UNKNOWN":
        sentences = [f"Beyond its limits: {goal} {value}."]
    elif plan["best_bound"] is not None:
        bound = goal_told(plan["minimize"], plan["best_bound"])
        gap = "" if plan["gap"] is None else f", a gap of {100 * plan['gap']:.3g} %"
        least = f"{none} has less than {bound}{without}{gap}"
        sentences = [f"Feasible, not proven optimal: {goal} {value}; {least}."]
    else:
        sentences = [f"Feasible, not proven optimal: {goal} {value}; no bound is known."]
    for name, second in plan["then"].items():
        if second is not None:
            sentences.append(f"Among equals, {label(name)} was minimised second: {told(name, second)}.")
    return sentences


def _with_fifos(plan: Mapping[str, Any]) -> list[str]:
    """Of a pipeline what stands between its stages."""
    search = plan.get("search", {})
    between = search.get("between_stages")
    if not between:
        return []
    taken = ", ".join(f"{count:,.0f} {name}" for name, count in between.items())
    told = [f"FIFOs between the stages take {taken}, which is counted."]
    if plan["status"] == "UNKNOWN":
        told.append("No plan was found that fits with its FIFOs; this is the nearest.")
    elif plan["status"] == "FEASIBLE":
        told.append("The bound may be one of the stages without them.")
    if (times := search.get("times_solved", 1)) > 1:
        told.append(f"It took {times} selection problems.")
    return told


def _in_patches(plan: Mapping[str, Any]) -> list[str]:
    if plan.get("patches") is None:
        return []
    down, across = plan["patches"]["grid"]
    stage = plan["patches"]["stage"]
    return [f"The layers up to {stage} run in {down}×{across} patches; what these do twice is counted."]


def gathered(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The layers of a complete plan, those of all patches (`conv@0,3`) as one: costs are sums."""
    if plan["patches"] is None:
        return plan["layers"]
    groups: dict[str, list[dict[str, Any]]] = {}
    for layer in plan["layers"]:
        groups.setdefault(layer["name"].rpartition("@")[0] or layer["name"], []).append(layer)
    return [group[0] if len(group) == 1 else _together(name, group) for name, group in groups.items()]


def _together(name: str, patches: list[dict[str, Any]]) -> dict[str, Any]:
    """Bits and mapping are those of the patch that takes the longest."""
    longest = max(patches, key=lambda layer: layer["latency_cycles"] or 0)
    sums = {
        key: None if any(patch[key] is None for patch in patches) else sum(patch[key] for patch in patches)
        for key in ("latency_cycles", "energy_pj")
    }
    return {**longest, **sums, "name": f"{name} ({len(patches)} patches)"}


def _made_again(plan: Mapping[str, Any]) -> list[str]:
    times = Counter(step["layer"] for step in plan.get("schedule", ()))
    again = [name for name, count in times.items() if count > 1]
    if not again:
        return []
    layers = "1 layer is" if len(again) == 1 else f"{len(again)} layers are"
    return [f"To keep to the memory {layers} executed again, which the totals count: {', '.join(again)}."]


def comparison(value: float | None, baseline: float | None) -> str:
    """'19.9 % less' than the baseline; empty where either is missing."""
    if value is None or not baseline:
        return ""
    change = value / baseline - 1
    if abs(change) < 0.0005:
        return "same"
    return f"{abs(change):.1%} {'less' if change < 0 else 'more'}".replace("%", " %")
