"""FPGA pipelines: the estimate of CNV from ONNX with its published folding, and proven searches of foldings.

FINN's own estimate of this network takes 31 s (finn-plus 1.6.1 on the same machine, 23 of them streamlining).

Run: python benchmarks/dataflow.py   (about 20 s)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from timing import BUILD, HEADING, in_fresh_process, verdict

ESTIMATE_GOAL_S, SEARCH_GOAL_S = 0.5, 10.0
FOLDED = "finn-cnv-pynq-z1"
SEARCHES = {
    "CNV on Pynq-Z1, least interval": {"accelerator": "pynq-z1", "workload": "cnv-w1a1"},
    "CNV on ZCU102, least interval": {"accelerator": "zcu102", "workload": "cnv-w1a1"},
    "VGG10 on ZCU104, least LUTs at 200k frames/s": {
        "accelerator": "zcu104",
        "workload": "vgg10-w4a4",
        "clock_mhz": 250.0,
        "minimize": "resource.lut",
        "budgets": {"frames_per_s": 200_000},
        "bits": {"weights": [4], "activations": [4], "layers": {"first": {"activations": [8]}}},
        "baseline_bits": "w4a4",
    },
    "ResNet-18 on U250, least interval": {
        "accelerator": "u250",
        "workload": "resnet18",
        "clock_mhz": 200.0,
        "bits": {"weights": [4], "activations": [4], "layers": {"first": {"activations": [8]}}},
        "baseline_bits": "w4a4",
    },
}


def write_cnv(path: Path) -> None:
    """CNV as a plain ONNX model of fp32 weights; its layers are named as in the library's trace."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights, name = [], [], "input"

    def weight(key: str, shape: tuple[int, ...]) -> str:
        values = np.sign(np.random.default_rng(len(weights)).normal(size=shape)).astype(np.float32)
        weights.append(numpy_helper.from_array(values, key))
        return key

    channels = 3
    for index, width in enumerate((64, 64, 128, 128, 256, 256)):
        made = weight(f"conv{index}.weight", (width, channels, 3, 3))
        nodes.append(helper.make_node("Conv", [name, made], [f"c{index}"], name=f"conv{index}"))
        nodes.append(helper.make_node("Relu", [f"c{index}"], [f"r{index}"], name=f"relu{index}"))
        name, channels = f"r{index}", width
        if index in (1, 3):
            node = helper.make_node("MaxPool", [name], [f"p{index}"], name=f"pool{index}")
            node.attribute.append(helper.make_attribute("kernel_shape", [2, 2]))
            node.attribute.append(helper.make_attribute("strides", [2, 2]))
            nodes.append(node)
            name = f"p{index}"
    nodes.append(helper.make_node("Flatten", [name], ["flat"], name="flatten"))
    name, width_in = "flat", 256
    for index, width in enumerate((512, 512, 10)):
        made = weight(f"fc{index}.weight", (width, width_in))
        nodes.append(helper.make_node("Gemm", [name, made], [f"f{index}"], name=f"fc{index}", transB=1))
        name, width_in = f"f{index}", width
        if index < 2:
            nodes.append(helper.make_node("Relu", [name], [f"fr{index}"], name=f"fr{index}"))
            name = f"fr{index}"
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, 32, 32])
    classes = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 10])
    graph = helper.make_graph(nodes, "cnv", [image], [classes], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)


def estimate(path: str) -> dict[str, Any]:
    """CPU seconds of reading, folding, sizing FIFOs and executing, with the modules loaded."""
    import time

    from archsim.simulation import simulate
    from archsim.workloads.library import load_workload

    def once() -> tuple[float, float]:
        start = time.process_time()
        run = simulate(load_workload(path), FOLDED, precision="w1a1")
        return time.process_time() - start, run.totals.interval_cycles

    once()  # loads what is imported when first used
    cpu_s, interval = min(once() for _ in range(3))
    return {"cpu_s": cpu_s, "interval": interval}


def folding_search(name: str) -> dict[str, Any]:
    import time

    from archsim.dse.search import search
    from archsim.dse.study import Study

    asked = dict(SEARCHES[name])
    device = asked.pop("accelerator")
    spec = {
        "family": "dataflow", "name": device, "device": device, "clock_mhz": asked.pop("clock_mhz", 100.0)
    }  # fmt: skip
    given = {
        "bits": {"weights": [1], "activations": [1], "layers": {"first": {"activations": [8]}}},
        "minimize": "interval",
        "baseline_bits": "w1a1",
        "marginals": False,
    }
    start = time.process_time()
    outcome = search(Study.model_validate({**given, **asked, "accelerator": spec}), workers=1)
    taken = time.process_time() - start
    if outcome.plan is None:
        return {"cpu_s": taken, "status": outcome.status, "frames": 0.0}
    return {"cpu_s": taken, "status": outcome.plan.status, "frames": outcome.plan.totals["frames_per_s"]}


def main() -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / "cnv.onnx"
    write_cnv(path)
    found, used = in_fresh_process(estimate, str(path))
    print(f"{'':48s} {HEADING}")
    print(
        f"{'CNV from ONNX, published folding':48s} {used}  best of 3: {found['cpu_s']:.3f} CPU s, "
        f"{found['interval']:,.0f} cycles; {verdict(found['cpu_s'] < ESTIMATE_GOAL_S)}"
    )
    for name in SEARCHES:
        found, used = in_fresh_process(folding_search, name)
        kept = verdict(found["status"] == "OPTIMAL" and found["cpu_s"] < SEARCH_GOAL_S)
        print(f"{name:48s} {used}  {found['status']}, {found['frames']:,.0f} frames/s; {kept}", flush=True)


if __name__ == "__main__":
    main()
