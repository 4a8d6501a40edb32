// The strip of bits, and under it latency and energy, all three over one axis of layers.

const LABEL_ROOM = 17; // pixels a layer must have on the axis for its bits to be written in the strip

function layerNames() {
  return plan.layers.map((layer) => layer.name);
}

function layerTip(index) {
  const layer = plan.layers[index];
  const bits = (width) => labelled(bitsColour(width), bitsText(width));
  const rows = [
    ["weights", bits(layer.weight_bits)],
    ["activations", bits(layer.activation_bits)],
  ];
  if (isNumber(layer.output_bits)) rows.push(["written as", bits(layer.output_bits)]);
  if (isNumber(layer.latency_cycles)) rows.push(["latency", `${whole(layer.latency_cycles)} cycles`]);
  if (isNumber(layer.energy_pj)) rows.push(["energy", told("energy", layer.energy_pj)]);
  const tile = tileText(layer);
  if (tile) rows.push(["tile", tile]);
  return tip(`${index + 1}  ${layer.name}`, rows);
}

// Cells of the strip are bars of height 1: activations, then a gap, then weights.
function stripSeries(name, key, isLabelled) {
  return {
    type: "bar",
    name,
    stack: "bits",
    barCategoryGap: "0%",
    emphasis: { disabled: true },
    label: {
      show: isLabelled,
      fontFamily: fontFamily(),
      fontSize: 11,
      formatter: (item) => `${item.data.bits}`,
    },
    data: plan.layers.map((layer) => {
      const colour = bitsColour(layer[key]);
      return {
        value: 1,
        bits: layer[key],
        label: { color: inkOn(colour) },
        itemStyle: {
          color: colour,
          borderColor: cssColour("paper"),
          borderWidth: plan.layers.length > 120 ? 0 : 1,
        },
      };
    }),
  };
}

function hasLabelRoom(chart) {
  const shown = (plan.layers.length * (zoom.end - zoom.start)) / 100;
  return (chart.getWidth() - 100) / shown >= LABEL_ROOM;
}

function zoomedStrip(chart) {
  const label = { show: hasLabelRoom(chart) };
  return { series: [{ label }, {}, { label }] };
}

function bitsOption(chart) {
  const isLabelled = hasLabelRoom(chart);
  const gap = {
    type: "bar",
    name: "gap",
    stack: "bits",
    silent: true,
    itemStyle: { color: "transparent" },
    data: plan.layers.map(() => 0.12),
  };
  const series = [
    stripSeries("activations", "activation_bits", isLabelled),
    gap,
    stripSeries("weights", "weight_bits", isLabelled),
  ];
  const option = layerChart(chart, layerNames(), "Bits: weights above activations", series, layerTip, {
    bare: charts.bits.bare,
  });
  Object.assign(option.yAxis, { min: 0, max: 2.12, axisLabel: { show: false }, splitLine: { show: false } });
  return option;
}

function barOption(chart, entry, title, colour, values) {
  const series = {
    type: "bar",
    name: title,
    barMaxWidth: 72,
    barCategoryGap: values.length > 120 ? "0%" : "22%",
    itemStyle: { color: colour },
    emphasis: { disabled: true },
    data: values,
  };
  return layerChart(chart, layerNames(), title, [series], layerTip, { bare: entry.bare });
}

function latencyOption(chart) {
  const cycles = plan.layers.map((layer) => layer.latency_cycles);
  const [factor, prefix] = step("count", Math.max(1, ...cycles));
  const title = `Latency (${prefix ? prefix + " " : ""}cycles)`;
  const values = cycles.map((value) => (isNumber(value) ? value / factor : null));
  return barOption(chart, charts.latency, title, cssColour("series").split(" ")[0], values);
}

function energyOption(chart) {
  const energies = plan.layers.map((layer) => layer.energy_pj);
  const [factor, unit] = step("energy", Math.max(0, ...energies));
  const values = energies.map((value) => (isNumber(value) ? value / factor : null));
  return barOption(chart, charts.energy, `Energy (${unit})`, cssColour("series").split(" ")[1], values);
}

const PLAN_CHARTS = { bits: bitsOption, latency: latencyOption, energy: energyOption };

// Makes the charts that the plan has numbers for, or draws them anew. The lowest has the names of the layers.
function planCharts() {
  const known = { bits: true, latency: hasNumbers("latency_cycles"), energy: hasNumbers("energy_pj") };
  const shown = Object.keys(PLAN_CHARTS).filter((name) => known[name]);
  const indices = plan.layers.map((layer) => layer.index);
  for (const name of Object.keys(PLAN_CHARTS)) {
    const bare = name !== shown[shown.length - 1];
    byId(`${name}-chart`).hidden = !known[name];
    byId(`${name}-chart`).classList.toggle("last", !bare);
    if (!known[name]) continue;
    if (!charts[name]) {
      addChart(name, PLAN_CHARTS[name], indices, { bare, zoomed: name === "bits" ? zoomedStrip : null });
      linkLayerChart(name);
    } else {
      Object.assign(charts[name], { layers: indices, bare });
      charts[name].chart.resize();
      draw(charts[name]);
    }
  }
}
