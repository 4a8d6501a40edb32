// One workload on several accelerators: a plane of latency and energy, energy by component, a table.

const compared = pageData();
const entries = compared.entries.filter(({ error }) => error === null).map((entry, index) => ({ ...entry, index }));
const componentNames = [...new Set(entries.flatMap((entry) => Object.keys(entry.energy_by_component_pj)))];

function comparisonTip(entry) {
  return tip(entry.accelerator, [
    ["latency", quantityText("latency_ms", entry.latency_ms)],
    ["energy", quantityText("energy_mj", entry.energy_mj)],
    ["energy from", quantityText("energy_mj", entry.energy_mj_low)],
    ["energy to", quantityText("energy_mj", entry.energy_mj_high)],
    ["area", quantityText("area_mm2", entry.area_mm2)],
    ["TOPS/W", digits(entry.tops_per_w)],
  ]);
}

function logAxis(title, isAcross) {
  const axis = { ...valueAxis(title, 0), type: "log" };
  return isAcross ? { ...axis, nameLocation: "middle", nameGap: 28, nameTextStyle: axisText() } : axis;
}

// Beside its point, or above or below where another one's label would be.
function labelPlace(entry) {
  const apart = (other, key) => Math.abs(Math.log10(other[key] / entry[key]));
  const near = entries.filter(
    (other) => other !== entry && apart(other, "latency_ms") < 0.9 && apart(other, "energy_mj") < 0.2,
  );
  if (!near.length) return "right";
  return near.some((other) => other.energy_mj > entry.energy_mj) ? "bottom" : "top";
}

function planeOption() {
  const text = { fontFamily: fontFamily(), fontSize: 12, color: cssColour("ink") };
  const [fx, ux] = quantityStep("latency_ms", entries.map((entry) => entry.latency_ms));
  const [fy, uy] = quantityStep("energy_mj", entries.map((entry) => entry.energy_mj));
  const colour = (entry) => seriesColour(entry.index);
  return {
    animation: false,
    grid: { left: 70, right: 130, top: 34, bottom: 46, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ data }) => (data && data.entry ? comparisonTip(data.entry) : "")),
    xAxis: logAxis(`Latency (${ux})`, true),
    yAxis: logAxis(`Energy (${uy})`, false),
    series: [
      ...entries.map((entry) => ({
        type: "line",
        silent: true,
        showSymbol: false,
        lineStyle: { color: colour(entry), width: 1.5, opacity: 0.6 },
        data: [entry.energy_mj_low, entry.energy_mj_high].map((mj) => [entry.latency_ms * fx, mj * fy]),
      })),
      {
        type: "scatter",
        symbolSize: 13,
        label: { ...text, show: true, position: "right", formatter: ({ data }) => shorten(data.entry.accelerator, 20) },
        data: entries.map((entry) => ({
          value: [entry.latency_ms * fx, entry.energy_mj * fy],
          entry,
          label: { position: labelPlace(entry) },
          itemStyle: { color: colour(entry) },
        })),
      },
    ],
  };
}

function componentsOption(chart) {
  const share = (entry, name) => (entry.energy_by_component_pj[name] || 0) / sum(Object.values(entry.energy_by_component_pj));
  return {
    animation: false,
    grid: { left: isNarrow(chart) ? 110 : 170, right: 24, top: 8, bottom: 28, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ seriesName, data, dataIndex }) => {
      const entry = entries[entries.length - 1 - dataIndex];
      return tip(entry.accelerator, [
        [seriesName, percent(data), told("energy", entry.energy_by_component_pj[seriesName] || 0)],
      ]);
    }),
    xAxis: {
      ...valueAxis("", 0),
      max: 1,
      interval: isNarrow(chart) ? 0.5 : 0.2,
      axisLabel: { ...axisText(), formatter: (value) => `${Math.round(100 * value)} %` },
    },
    yAxis: {
      type: "category",
      data: entries.map(({ accelerator }) => accelerator).reverse(),
      axisLabel: { ...axisText(), formatter: (name) => shorten(name, isNarrow(chart) ? 15 : 24) },
      axisTick: { show: false },
    },
    series: componentNames.map((name, index) => ({
      type: "bar",
      name,
      stack: "energy",
      barMaxWidth: 26,
      itemStyle: { color: seriesColour(index) },
      data: entries.map((entry) => share(entry, name)).reverse(),
    })),
  };
}

function comparisonTable() {
  const accuracy = entries.some((entry) => isNumber(entry.accuracy))
    ? [numberColumn("Accuracy", (entry) => entry.accuracy, (value) => digits(value))]
    : [];
  const of = (title, name) => ({
    ...numberColumn(title, (entry) => entry[name], (value) => quantityText(name, value)),
  });
  sortableTable(
    byId("figure-table"),
    [
      textColumn("Accelerator", (entry) => entry.accelerator, "name"),
      textColumn("Family", (entry) => entry.family ?? ""),
      numberColumn("Node (nm)", (entry) => entry.node_nm, chosen),
      { ...numberColumn("Clock (MHz)", (entry) => entry.clock_mhz, chosen), screen: true },
      textColumn("Precision", (entry) => entry.precision ?? ""),
      ...accuracy,
      of("Latency", "latency_ms"),
      of("Energy", "energy_mj"),
      numberColumn("Area", (entry) => entry.area_mm2 || null, (value) => (value ? quantityText("area_mm2", value) : MISSING)),
      { ...numberColumn("EDP (mJ·ms)", (entry) => entry.edp_mj_ms, (value) => digits(value)), screen: true },
      { ...numberColumn("Frames/s", (entry) => entry.frames_per_s, (value) => digits(value)), screen: true },
      { ...numberColumn("TOPS", (entry) => entry.tops, (value) => digits(value)), screen: true },
      numberColumn("TOPS/W", (entry) => entry.tops_per_w, (value) => digits(value)),
      numberColumn("DRAM", (entry) => entry.dram_bytes, (value) => told("traffic", value)),
      textColumn("Resources used", (entry) =>
        entry.resources.map(({ name, used, capacity }) => `${name} ${percent(used / capacity)}`).join(", "),
      ),
      { ...textColumn("Settings", (entry) => oneLine(entry.settings), "brief"), screen: true },
    ],
    entries,
  );
}

function redraw() {
  Object.values(charts).forEach(draw);
  componentsLegend();
}

function componentsLegend() {
  byId("components-legend").replaceChildren(
    ...componentNames.map((name, index) => el("span", { class: "key" }, swatch(seriesColour(index)), name)),
  );
}

// Who is best at what: "least energy lowvolt-npu (26.88 µJ)".
function bestSentence() {
  const best = (name) => entries.reduce((a, b) => (b[name] < a[name] ? b : a));
  const told = [["Least latency", "latency_ms"], ["least energy", "energy_mj"], ["least energy-delay product", "edp_mj_ms"]];
  const write = (name, value) => (name === "edp_mj_ms" ? edpParts(value).join(NO_BREAK) : quantityText(name, value));
  return told
    .map(([words, name]) => [words, best(name), name])
    .map(([words, entry, name]) => `${words}: ${entry.accelerator} (${write(name, entry[name])})`)
    .join("; ");
}

function startComparison() {
  followSystemTheme(() => redraw());
  const macs = entries[0].macs;
  byId("settings").replaceChildren(
    el("div", null, el("dt", null, "accelerators"), el("dd", null, String(entries.length))),
    el("div", null, el("dt", null, "MACs"), el("dd", null, told("count", macs))),
  );
  byId("best").textContent = `${bestSentence()}.`;
  const failed = compared.entries.filter(({ error }) => error !== null);
  byId("section-errors").hidden = !failed.length;
  byId("error-table").replaceChildren(
    headRow([["Accelerator", false], ["Why", false]]),
    el(
      "tbody",
      null,
      ...failed.map(({ accelerator, error }) =>
        el("tr", null, el("td", null, accelerator), el("td", { class: "long" }, error)),
      ),
    ),
  );
  componentsLegend();
  addChart("plane", planeOption, null);
  addChart("components", componentsOption, null);
  comparisonTable();
  followPrinter();
}

startComparison();
