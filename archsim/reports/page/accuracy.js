// Accuracy of a model on an accelerator: totals, over ADC bits, by cause, layer by layer.

const measured = pageData();
const told100 = (share) => (isNumber(share) ? `${(100 * share).toFixed(2)}${NO_BREAK}%` : MISSING);

function accuracyCard(title, share, note) {
  return el(
    "div",
    null,
    el("dt", null, title),
    el("dd", { class: "figure" }, told100(share)),
    el("dd", { class: "note" }, note),
  );
}

function accuracyCards() {
  const { mean, std, worst } = measured.hardware;
  const chips = `${measured.chips} ${measured.chips === 1 ? "chip" : "chips"}`;
  byId("totals").replaceChildren(
    accuracyCard("Float", measured.float, `${measured.images} images`),
    accuracyCard("Whole numbers", measured.quantized, "exact products"),
    accuracyCard("Hardware", mean, `± ${(100 * std).toFixed(2)} over ${chips}, worst ${told100(worst)}`),
  );
}

function adcOption() {
  const sweep = measured.adc_sweep;
  const colour = cssColour("accent");
  const line = (name, yAxis) => ({
    yAxis: 100 * yAxis,
    label: { formatter: name, position: "insideEndBottom", color: cssColour("soft") },
  });
  return {
    animation: false,
    grid: { left: 56, right: 24, top: 34, bottom: 46, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ data }) =>
      data && data.point
        ? tip(`${data.point.adc_bits} bits`, [
            ["mean", told100(data.point.hardware.mean)],
            ["standard deviation", told100(data.point.hardware.std)],
            ["worst chip", told100(data.point.hardware.worst)],
          ])
        : "",
    ),
    xAxis: {
      ...valueAxis("ADC bits", 0),
      min: Math.min(...sweep.map((point) => point.adc_bits)) - 1,
      max: Math.max(...sweep.map((point) => point.adc_bits)) + 1,
      interval: 1,
      nameLocation: "middle",
      nameGap: 28,
      nameTextStyle: axisText(),
      axisLabel: { ...axisText(), showMinLabel: false, showMaxLabel: false },
    },
    yAxis: { ...valueAxis("Accuracy (%)", 0), min: 0, max: 100 },
    series: [
      ...sweep.map(({ adc_bits: bits, hardware }) => ({
        type: "line",
        silent: true,
        showSymbol: false,
        lineStyle: { color: colour, width: 1.5, opacity: 0.7 },
        data: [-1, 1].map((side) => [bits, Math.min(100, 100 * (hardware.mean + side * hardware.std))]),
      })),
      {
        type: "line",
        name: "accuracy",
        symbol: "circle",
        symbolSize: 8,
        lineStyle: { color: colour, width: 2 },
        itemStyle: { color: colour },
        data: sweep.map((point) => ({ value: [point.adc_bits, 100 * point.hardware.mean], point })),
        markLine: {
          silent: true,
          symbol: "none",
          lineStyle: { color: cssColour("soft"), type: "dashed", width: 1 },
          data: [line("whole numbers", measured.quantized)],
        },
      },
    ],
  };
}

function causeTable() {
  byId("section-causes").hidden = !measured.causes.length;
  sortableTable(
    byId("cause-table"),
    [
      textColumn("Cause", (row) => row.cause.replaceAll("_", " ")),
      numberColumn("Accuracy", (row) => row.accuracy.mean, told100),
      numberColumn("Deviation", (row) => row.accuracy.std, told100),
      numberColumn("Worst chip", (row) => row.accuracy.worst, told100),
      numberColumn("Loss", (row) => row.loss, told100),
    ],
    measured.causes.map((row, index) => ({ ...row, index })),
  );
}

function sqnrTable() {
  const db = (value) => (isNumber(value) ? value.toFixed(1) : MISSING);
  const arrays = (title, key, write) => numberColumn(title, (row) => row.arrays && row.arrays[key], write);
  byId("section-layers").hidden = !measured.layers.length;
  sortableTable(
    byId("layer-sqnr-table"),
    [
      textColumn("Layer", (row) => row.name, "name"),
      textColumn("Bits", (row) => `w${row.weight_bits}a${row.activation_bits}`),
      numberColumn("Whole numbers (dB)", (row) => row.quantized_sqnr_db, db),
      numberColumn("Hardware (dB)", (row) => row.hardware_sqnr_db, db),
      arrays("Arrays alone (dB)", "sqnr_db", db),
      arrays("Row groups", "row_groups", whole),
      arrays("Conversions an output", "conversions_per_output", whole),
      arrays("Clipped", "clipped", told100),
    ],
    measured.layers.map((row, index) => ({ ...row, index })),
  );
}

function redraw() {
  Object.values(charts).forEach(draw);
}

function startAccuracy() {
  followSystemTheme(() => redraw());
  byId("settings").replaceChildren(
    pair("images", String(measured.images)),
    pair("calibration images", String(measured.calibration_images)),
    pair("chips", String(measured.chips)),
    pair("seed", String(measured.seed)),
  );
  showWarnings(measured.warnings);
  accuracyCards();
  causeTable();
  sqnrTable();
  byId("section-adc").hidden = !measured.adc_sweep.length;
  if (measured.adc_sweep.length) addChart("adc", adcOption, null);
  followPrinter();
}

startAccuracy();
