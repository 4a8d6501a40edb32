// Published figures beside simulated ones: how far off, system by system, and all in a table.

const figures = pageData().figures.map((row, index) => ({ ...row, index }));
const systems = [...new Set(figures.map(({ system }) => system))];
const predicted = figures.filter(({ kind }) => kind === "predicted");
const KINDS = { predicted: "circle", calibrated: "emptyCircle" };

function signed(error) {
  return `${error > 0 ? "+" : ""}${percent(error / 100)}`;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function validationCards() {
  const errors = predicted.map(({ error_percent: error }) => Math.abs(error));
  const most = predicted.reduce((a, b) => (b && Math.abs(b.error_percent) > Math.abs(a.error_percent) ? b : a), predicted[0]);
  const within = errors.filter((error) => error <= 20).length;
  const told = (error) => [errors.length ? error.toFixed(1) : MISSING, errors.length ? "%" : ""];
  byId("totals").replaceChildren(
    card("Figures", [whole(figures.length), ""], `of ${systems.length} ${systems.length === 1 ? "system" : "systems"}`),
    card("Predicted", [whole(predicted.length), ""], `${whole(figures.length - predicted.length)} others are calibrated`),
    card("Median error", told(median(errors)), "of those predicted", `${within} within 20 %`),
    card("Largest error", told(most ? most.error_percent : 0), "of those predicted", most ? most.system : ""),
  );
}

function figureTip({ system, workload, quantity, unit, published, simulated, error_percent: error, kind }) {
  return tip(system, [
    ["workload", workload],
    ["quantity", quantity],
    ["published", `${chosen(published)} ${unit}`],
    ["simulated", `${digits(simulated)} ${unit}`],
    [kind, signed(error)],
  ]);
}

function errorsOption(chart) {
  const narrow = isNarrow(chart);
  const band = { silent: true, symbol: "none", label: { show: false }, lineStyle: { color: cssColour("soft") } };
  return {
    animation: false,
    grid: { left: narrow ? 120 : 170, right: 24, top: 8, bottom: 46, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ data }) => (data && data.figure ? figureTip(data.figure) : "")),
    xAxis: {
      ...valueAxis("Error (%)", 0),
      boundaryGap: ["4%", "4%"],
      nameLocation: "middle",
      nameGap: 28,
      nameTextStyle: axisText(),
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: systems,
      axisTick: { show: false },
      splitLine: { show: true, lineStyle: { color: cssColour("rule") } },
      axisLabel: { ...axisText(), interval: 0, formatter: (name) => shorten(name, narrow ? 15 : 22) },
    },
    series: Object.entries(KINDS).map(([kind, symbol]) => ({
      type: "scatter",
      name: kind,
      symbol,
      symbolSize: 10,
      itemStyle: { color: cssColour(kind === "predicted" ? "accent" : "soft"), opacity: 0.8, borderWidth: 1.5 },
      markLine: { ...band, data: [{ xAxis: 0 }] },
      data: figures
        .filter((figure) => figure.kind === kind)
        .map((figure) => ({ value: [figure.error_percent, systems.indexOf(figure.system)], figure })),
    })),
  };
}

function errorsLegend() {
  const key = (kind) => {
    const mark = swatch(kind === "predicted" ? cssColour("accent") : "transparent");
    Object.assign(mark.style, { borderRadius: "50%", border: `1.5px solid ${cssColour(kind === "predicted" ? "accent" : "soft")}` });
    return el("span", { class: "key" }, mark, kind);
  };
  byId("errors-legend").replaceChildren(...Object.keys(KINDS).map(key));
}

function figureColumn(title, key, write) {
  return { ...numberColumn(title, (row) => row[key]), text: (row) => `${write(row[key])} ${row.unit}` };
}

function figureTable() {
  sortableTable(
    byId("figure-table"),
    [
      textColumn("System", (row) => row.system, "name"),
      textColumn("Workload", (row) => row.workload, "words"),
      textColumn("Quantity", (row) => row.quantity, "words"),
      figureColumn("Published", "published", chosen),
      figureColumn("Simulated", "simulated", digits),
      numberColumn("Error", (row) => row.error_percent, signed),
      textColumn("Kind", (row) => row.kind),
      { ...textColumn("Source", (row) => row.source, "long"), screen: true },
      textColumn("Remark", (row) => row.remark, "long"),
    ],
    figures,
  );
}

function redraw() {
  Object.values(charts).forEach(draw);
  errorsLegend();
}

function startValidation() {
  followSystemTheme(redraw);
  validationCards();
  errorsLegend();
  byId("errors-chart").style.height = `${80 + 21 * systems.length}px`;
  addChart("errors", errorsOption, null);
  figureTable();
  followPrinter();
}

startValidation();
