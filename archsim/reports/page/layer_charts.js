// The three charts over the axis of layers: energy, latency, memory.

function energyOption(chart) {
  const { components, layers, layer_energy_pj: table } = run.energy;
  const totals = table.map(sum);
  const [factor, unit] = step("energy", Math.max(...totals));
  const series = components.map((row, column) => ({
    type: "bar",
    name: row.component,
    stack: "energy",
    barMaxWidth: 72,
    barCategoryGap: layers.length > 120 ? "0%" : "22%",
    itemStyle: { color: colourOf(row.component) },
    emphasis: { disabled: true },
    data: table.map((energies) => energies[column] / factor),
  }));
  const all = sum(totals);
  return layerChart(chart, layers, `Energy (${unit})`, series, (index) => {
    const rows = components
      .map((row, column) => [row.component, table[index][column]])
      .filter(([, energy]) => energy > 0)
      .sort((a, b) => b[1] - a[1])
      .map(([name, energy]) => [
        labelled(colourOf(name), name),
        told("energy", energy),
        percent(energy / totals[index]),
      ]);
    const total = ["all", told("energy", totals[index]), `${percent(totals[index] / all)} of run`];
    return tip(`${index + 1}  ${layers[index]}`, [...rows, total]);
  });
}

// Each bar is whole latency; its fainter upper part is the time that compute does not cover. Of a pipeline's
// stages it is the interval that each could keep alone.
function latencyOption(chart) {
  const [factor, unit] = step("count", Math.max(1, ...run.layers.map(paceCycles)));
  const gap = run.layers.length > 120 ? "0%" : "22%";
  const part = (name, stalled) => ({
    type: "bar",
    name,
    stack: "latency",
    barMaxWidth: 72,
    barCategoryGap: gap,
    emphasis: { disabled: true },
    itemStyle: { color: colourOf(name), opacity: stalled ? 0.5 : 1 },
    data: run.layers.map((layer) => {
      if (layer.bound_by !== name) return null;
      const stall = Math.max(0, paceCycles(layer) - layer.compute_cycles);
      return (stalled ? stall : paceCycles(layer) - stall) / factor;
    }),
  });
  const series = boundKinds().flatMap((name) => [part(name, false), part(name, true)]);
  const names = run.layers.map((layer) => layer.name);
  const what = isPipelined ? "Interval" : "Latency";
  return layerChart(chart, names, `${what} (${unit ? unit + " " : ""}cycles)`, series, (index) => {
    const layer = run.layers[index];
    return tip(`${index + 1}  ${layer.name}`, [
      ...(isPipelined ? [["interval", `${whole(layer.interval_cycles)} cycles`]] : []),
      ["latency", `${whole(layer.latency_cycles)} cycles`],
      ["", told("duration", layer.latency_cycles / (run.roofline.clock_mhz * 1e3))],
      ["stalled", percent(layer.latency_cycles ? layer.stall_cycles / layer.latency_cycles : 0)],
      ["utilisation", percent(layer.utilization)],
      ["bound by", labelled(colourOf(layer.bound_by), layer.bound_by)],
    ]);
  });
}

function memoryOption(chart) {
  const sizes = run.memory.map((row) => row.live_bytes);
  const names = run.memory.map((row) => row.layer);
  const [factor, unit] = step("memory", Math.max(1, ...sizes));
  const peak = peakMemoryIndex();
  const series = [
    {
      type: "line",
      name: "live",
      step: "middle",
      showSymbol: false,
      emphasis: { disabled: true },
      lineStyle: { color: cssColour("accent"), width: 1.5 },
      areaStyle: { color: cssColour("accent"), opacity: 0.16 },
      itemStyle: { color: cssColour("accent") },
      data: sizes.map((size) => size / factor),
      markPoint:
        peak < 0
          ? undefined
          : {
              symbol: "circle",
              symbolSize: 8,
              itemStyle: { color: cssColour("ink") },
              label: {
                formatter: () => `peak ${told("memory", sizes[peak])}`,
                color: cssColour("ink"),
                fontFamily: fontFamily(),
                position: "top",
                align: peak > names.length / 2 ? "right" : "left",
                distance: 6,
              },
              data: [{ coord: [peak, sizes[peak] / factor] }],
            },
    },
  ];
  return layerChart(
    chart,
    names,
    `Activations alive (${unit})`,
    series,
    (index) => tip(`${index + 1}  ${names[index]}`, [["alive", told("memory", sizes[index])]]),
    { headroom: "12%" },
  );
}

function peakMemoryIndex() {
  const sizes = run.memory.map((row) => row.live_bytes);
  const named = run.memory.findIndex((row) => row.layer === run.peak_memory_layer);
  return named >= 0 ? named : sizes.indexOf(Math.max(...sizes));
}

// What sets the pace anywhere in the run, the one that costs most cycles first.
function boundKinds() {
  const cycles = new Map();
  for (const layer of run.layers)
    cycles.set(layer.bound_by, (cycles.get(layer.bound_by) || 0) + paceCycles(layer));
  return [...cycles].sort((a, b) => b[1] - a[1]).map(([name]) => name);
}
