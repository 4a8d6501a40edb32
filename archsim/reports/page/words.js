// The words of the page: masthead, cards of totals, captions.

function masthead() {
  byId("settings").replaceChildren(
    ...Object.entries(run.settings).map(([key, value]) => pair(settingName(key), settingText(key, value))),
  );
  showWarnings(run.warnings);
}

function cards() {
  const totals = run.totals;
  const { peak_macs_per_cycle: peak } = run.roofline;
  const used = totals.interval_cycles > 0 ? totals.macs / (totals.interval_cycles * peak) : null;
  byId("totals").replaceChildren(
    card(
      "Latency",
      parts("duration", totals.latency_ms),
      `${whole(totals.latency_cycles)} cycles at ${chosen(run.roofline.clock_mhz)} MHz`,
    ),
    ...(isPipelined
      ? [
          card(
            "Frame rate",
            [digits(totals.frames_per_s), "/s"],
            `one every ${whole(totals.interval_cycles)} cycles`,
            `slowest stage: ${shorten(slowestStage().name, 36)}`,
          ),
        ]
      : []),
    card(
      "Energy",
      parts("energy", totals.energy_mj * 1e9),
      span("energy", totals.energy_mj_low * 1e9, totals.energy_mj_high * 1e9, totals.energy_mj * 1e9),
    ),
    card("Throughput", parts("rate", totals.tops), `${percent(used)} of peak`),
    card("Efficiency", [digits(totals.tops_per_w), "TOPS/W"], `${told("count", totals.macs)} MACs`),
    card("Area", totals.area_mm2 > 0 ? [digits(totals.area_mm2), "mm²"] : [MISSING, ""], largestArea()),
    card("Energy-delay product", edpParts(totals.edp_mj_ms), "energy × latency"),
    card(
      "Peak memory",
      parts("memory", totals.peak_memory_bytes),
      `${isPipelined ? "all stages; most " : ""}in ${shorten(run.peak_memory_layer, 44)}`,
    ),
    card(
      "DRAM traffic",
      parts("traffic", totals.dram_bytes),
      totals.dram_bytes > 0 && totals.macs > 0
        ? `${digits(totals.macs / totals.dram_bytes)} MACs per byte`
        : "none",
    ),
  );
}

function largestArea() {
  const [name, area] = Object.entries(run.area_mm2).sort((a, b) => b[1] - a[1])[0] || [];
  return area > 0 ? `${name} ${percent(area / run.totals.area_mm2)}` : "none stated";
}

function captions() {
  const count = run.layers.length;
  const energies = run.energy.layer_energy_pj.map(sum);
  const most = energies.indexOf(Math.max(...energies));
  byId("energy-caption").textContent =
    `Half of the energy is spent in ${halfIn(energies)} of ${count} layers. ` +
    `The most: ${run.energy.layers[most]}, ${percent(energies[most] / sum(energies))}.`;
  byId("memory-caption").textContent = memoryCaption();
  byId("roofline-caption").textContent = rooflineCaption();
  byId("latency-caption").textContent = isPipelined ? pipelineCaption() : latencyCaption();
}

function pipelineCaption() {
  const slowest = slowestStage();
  byId("section-latency").querySelector("h2").textContent = "Interval by stage";
  return (
    `All stages work at once. The slowest, ${slowest.name}, needs ${whole(slowest.interval_cycles)} cycles an ` +
    `input; results follow every ${whole(run.totals.interval_cycles)} cycles, the first after ` +
    `${whole(run.totals.latency_cycles)}. The fainter part of a bar is time that compute does not cover.`
  );
}

function memoryCaption() {
  return isPipelined
    ? `Activation bytes that each stage holds. The most are in ${run.peak_memory_layer}.`
    : `Activation bytes alive while each layer runs. The peak is in ${run.peak_memory_layer}.`;
}

function latencyCaption() {
  const cycles = sum(run.layers.map((layer) => layer.latency_cycles));
  const stalls = sum(run.layers.map((layer) => layer.stall_cycles));
  const bound = boundKinds().map((name) => {
    const share =
      sum(run.layers.filter((layer) => layer.bound_by === name).map((layer) => layer.latency_cycles)) /
      cycles;
    return `${name} ${percent(share)}`;
  });
  return (
    `Cycles by what sets the pace: ${bound.join(", ")}. The fainter part of a bar is time ` +
    `that compute does not cover: ${percent(stalls / cycles)} of the run.`
  );
}

function rooflineCaption() {
  const points = rooflinePoints();
  const edge = points.filter((point) => !Number.isFinite(point.intensity)).length;
  const sentences = [`${points.length} layers; the area of a point grows with its latency.`];
  if (edge) sentences.push(`Triangles at the right edge: ${edge} without DRAM traffic.`);
  if (points.length < run.layers.length)
    sentences.push(`Left out: ${run.layers.length - points.length} without MACs.`);
  if (!run.roofline.dram_bytes_per_cycle)
    sentences.push("DRAM bandwidth is unlimited here, so there is no slanted ceiling.");
  return sentences.join(" ");
}
