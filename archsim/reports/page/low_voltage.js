// Accuracy of chips and energy of an inference over the voltage of memories, or over their bit error rate.

const measured = pageData();
const low = measured.low_voltage;
const points = low.points.map((point, index) => ({ ...point, index, rate: Math.max(...Object.values(point.ber)) }));
const byVolts = points.every(({ vdd_v }) => isNumber(vdd_v));
const withEnergy = low.safe !== null;
const across = (point) => (byVolts ? point.vdd_v : point.rate);
const told100 = (share) => (100 * share).toFixed(2);

const ENCODINGS = { twos_complement: "two's complement", sign_magnitude: "sign-magnitude", offset: "offset" };
const LINES = [
  { name: "accuracy", colour: 0, shown: true },
  { name: "energy", colour: 1, shown: withEnergy, of: (energy) => energy.total_mj },
  { name: "energy of these memories", colour: 2, shown: withEnergy, of: (energy) => energy.memories_mj },
].filter(({ shown }) => shown);

function acrossText(point) {
  return byVolts ? `${chosen(point.vdd_v)}${NO_BREAK}V` : `BER ${point.rate.toPrecision(3)}`;
}

function pointTip(point) {
  const rows = [
    ["mean", `${told100(point.hardware.mean)}${NO_BREAK}%`],
    ["standard deviation", told100(point.hardware.std)],
    ["worst chip", `${told100(point.hardware.worst)}${NO_BREAK}%`],
    ["faulty cells", `${(100 * point.rate).toPrecision(3)}${NO_BREAK}%`],
    ["bits read wrong", `${(100 * point.flip_rate).toPrecision(3)}${NO_BREAK}%`],
  ];
  if (point.energy) rows.push(["energy", quantityText("energy_mj", point.energy.total_mj)]);
  return tip(acrossText(point), rows);
}

function acrossAxis() {
  const axis = {
    ...valueAxis(byVolts ? "Voltage of the memories (V)" : "Share of faulty cells", 0),
    nameLocation: "middle",
    nameGap: 30,
    nameTextStyle: axisText(),
    splitLine: { show: false },
  };
  if (byVolts) return { ...axis, scale: true, axisLabel: { ...axisText(), formatter: (v) => v.toFixed(2) } };
  const rates = points.map(across).filter((rate) => rate > 0);
  return {
    ...axis,
    type: "log",
    min: Math.min(...rates) / 1.5,
    max: Math.max(...rates) * 1.5,
    axisLabel: { ...axisText(), formatter: (rate) => rate.toExponential(0) },
  };
}

function line(name, colour, data, more) {
  return {
    type: "line",
    name,
    data,
    symbol: "circle",
    symbolSize: 7,
    lineStyle: { color: colour, width: 2 },
    itemStyle: { color: colour },
    ...more,
  };
}

function accuracySeries() {
  const colour = seriesColour(0);
  const knee = low.knee && points.find(({ vdd_v, ber }) => vdd_v === low.knee.vdd_v && oneLine(ber) === oneLine(low.knee.ber));
  const exact = {
    name: "without faults",
    yAxis: 100 * measured.quantized,
    label: { formatter: "without faults", position: "insideEndBottom", color: cssColour("soft") },
  };
  const marks = knee ? [exact, { xAxis: across(knee), label: { formatter: "knee", color: cssColour("soft") } }] : [exact];
  return [
    ...points.map((point) => ({
      type: "line",
      silent: true,
      showSymbol: false,
      lineStyle: { color: colour, width: 1.5, opacity: 0.7 },
      data: [-1, 1].map((side) => [
        across(point),
        Math.min(100, 100 * (point.hardware.mean + side * point.hardware.std)),
      ]),
    })),
    {
      type: "scatter",
      symbolSize: 4,
      itemStyle: { color: colour, opacity: 0.35 },
      data: points.flatMap((point) => point.per_chip.map((share) => ({ value: [across(point), 100 * share], point }))),
    },
    line("accuracy", colour, points.map((point) => ({ value: [across(point), 100 * point.hardware.mean], point })), {
      markLine: {
        silent: true,
        symbol: "none",
        lineStyle: { color: cssColour("soft"), type: "dashed", width: 1 },
        data: marks,
      },
    }),
  ];
}

function supplyOption(chart) {
  const percentAxis = (title, align) => ({
    ...valueAxis(title, 0),
    min: 0,
    max: 100,
    nameTextStyle: { ...axisText(), align, padding: 0 },
  });
  const energies = LINES.filter(({ of }) => of).map(({ name, colour, of }) =>
    line(
      name,
      seriesColour(colour),
      points.map((point) => ({ value: [across(point), (100 * of(point.energy)) / of(low.safe)], point })),
      { yAxisIndex: 1, symbol: "rect", lineStyle: { color: seriesColour(colour), width: 2, type: "solid" } },
    ),
  );
  const right = { ...percentAxis(isNarrow(chart) ? "Energy (%)" : "Energy (% of the safe voltage's)", "right"), splitLine: { show: false } };
  return {
    animation: false,
    grid: { left: 56, right: withEnergy ? 56 : 24, top: 40, bottom: 52, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ data }) => (data && data.point ? pointTip(data.point) : "")),
    xAxis: acrossAxis(),
    yAxis: withEnergy ? [percentAxis("Accuracy (%)", "left"), right] : [percentAxis("Accuracy (%)", "left")],
    series: [...accuracySeries(), ...energies],
  };
}

function kneeText() {
  if (!low.knee) return "The first point already loses more than is allowed: there is no knee.";
  const allowed = `that loses at most ${chosen(100 * low.knee.within)} % of the images`;
  const where = byVolts ? `${chosen(low.knee.vdd_v)} V` : `a bit error rate of ${Math.max(...Object.values(low.knee.ber))}`;
  const saved = isNumber(low.knee.energy_saving) ? `, with ${percent(low.knee.energy_saving)} less energy` : "";
  return `The knee, the last point ${allowed} (without faults ${told100(measured.quantized)} % are right), is at ${where}: ${told100(low.knee.accuracy)} %${saved}.`;
}

function supplyTable() {
  const share = (title, of) => numberColumn(title, of, told100);
  const energy = (title, of) => numberColumn(title, (point) => of(point.energy), (mj) => quantityText("energy_mj", mj));
  sortableTable(
    byId("supply-table"),
    [
      byVolts
        ? numberColumn("Voltage (V)", across, chosen)
        : numberColumn("Bit error rate", across, (rate) => rate.toPrecision(3)),
      numberColumn("Faulty cells (%)", (point) => 100 * point.rate, (value) => digits(value, 3)),
      numberColumn("Bits read wrong (%)", (point) => 100 * point.flip_rate, (value) => digits(value, 3)),
      numberColumn("Words corrected", (point) => point.corrected_words, (value) => digits(value, 3)),
      share("Mean (%)", (point) => point.hardware.mean),
      share("Std", (point) => point.hardware.std),
      share("Worst (%)", (point) => point.hardware.worst),
      share("Best (%)", (point) => point.hardware.best),
      ...(withEnergy
        ? [
            energy("Energy", ({ total_mj }) => total_mj),
            energy("Energy of these memories", ({ memories_mj }) => memories_mj),
            numberColumn("Latency", ({ energy: { latency_ms } }) => latency_ms, (ms) => quantityText("latency_ms", ms)),
          ]
        : []),
    ],
    points,
  );
}

function memoryTable() {
  sortableTable(
    byId("memory-table"),
    [
      textColumn("Memory", ({ name }) => name),
      numberColumn("Words", ({ words }) => words, whole),
      numberColumn("Bits a word", ({ word_bits }) => word_bits, whole),
      textColumn("ECC", ({ ecc }) => (ecc ? "SECDED" : "none")),
      textColumn("Weights of", ({ weights_of }) => weights_of.join(", ") || MISSING, "brief"),
      textColumn("Inputs of", ({ activations_of }) => activations_of.join(", ") || MISSING, "brief"),
    ],
    low.memories.map((memory, index) => ({ ...memory, index })),
  );
}

function supplyLegend() {
  byId("supply-legend").replaceChildren(
    ...LINES.map(({ name, colour }) => el("span", { class: "key" }, swatch(seriesColour(colour)), name)),
  );
}

function redraw() {
  Object.values(charts).forEach(draw);
  supplyLegend();
}

function startLowVoltage() {
  followSystemTheme(redraw);
  const settings = {
    images: measured.images,
    chips: low.fault_map || low.chips,
    seed: low.seed,
    "faulty cells": low.kind === "stuck" ? "stuck at 0 or 1" : "flip",
    "column share": low.column_share,
    encoding: ENCODINGS[low.encoding],
  };
  byId("settings").replaceChildren(
    ...Object.entries(settings).map(([name, value]) => el("div", null, el("dt", null, name), el("dd", null, String(value)))),
  );
  byId("knee").textContent = kneeText();
  byId("rate-caption").textContent =
    low.kind === "stuck"
      ? "A cell stuck at the value that it should hold is read right: about half of the faulty cells."
      : "Every faulty cell is read wrong.";
  supplyLegend();
  addChart("supply", supplyOption, null);
  supplyTable();
  memoryTable();
  followPrinter();
}

startLowVoltage();
