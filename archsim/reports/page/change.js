// What changed from a baseline run: totals, settings, and the energy as a waterfall.

const report = pageData();
const STEPS_SHOWN = 16; // groups with a bar of their own
let groupedBy = "component";

function groupRows() {
  return report.groups[groupedBy].map((row, index) => ({ ...row, name: row[groupedBy], index }));
}

// {name, from, to, change}: the baseline's total, the largest changes, the others together, the new total.
function waterfallSteps() {
  const rows = groupRows();
  const before = sum(rows.map((row) => row.baseline_energy_pj));
  const shown = rows.slice(0, STEPS_SHOWN).filter((row) => row.change_pj !== 0);
  const others = rows.slice(STEPS_SHOWN).filter((row) => row.change_pj !== 0);
  const changes = shown.map((row) => [row.name, row.change_pj]);
  if (others.length) changes.push([`${others.length} others`, sum(others.map((row) => row.change_pj))]);
  const steps = [{ name: "baseline", from: 0, to: before }];
  let at = before;
  for (const [name, change] of changes) {
    steps.push({ name, from: at, to: at + change, change });
    at += change;
  }
  return [...steps, { name: "this run", from: 0, to: sum(rows.map((row) => row.energy_pj)) }];
}

function waterfallTip({ name, from, to, change }) {
  return tip(
    name,
    change === undefined
      ? [["energy", told("energy", to)]]
      : [
          [change < 0 ? "saves" : "adds", told("energy", Math.abs(change))],
          ["energy so far", told("energy", to)],
          ["of the baseline", percent(change / waterfallSteps()[0].to)],
        ],
  );
}

function waterfallOption(chart) {
  const steps = waterfallSteps();
  const [factor, unit] = step("energy", Math.max(...steps.map(({ to }) => to)));
  const colour = ({ change }) => cssColour(change === undefined ? "compute" : change < 0 ? "better" : "worse");
  const bar = { type: "bar", stack: "energy", barMaxWidth: 56 };
  const turn = nameTurn(steps.map(({ name }) => name), (chart.getWidth() - 72) / steps.length);
  return {
    animation: false,
    grid: { left: 60, right: 12, top: 34, bottom: turn ? 96 : 30, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ dataIndex }) => waterfallTip(steps[dataIndex])),
    xAxis: {
      type: "category",
      data: steps.map(({ name }) => name),
      axisTick: { show: false },
      axisLabel: { ...axisText(), interval: 0, rotate: turn, formatter: (name) => shorten(name, isNarrow(chart) ? 12 : 22) },
    },
    yAxis: valueAxis(`Energy (${unit})`, 0),
    series: [
      { ...bar, silent: true, itemStyle: { color: "transparent" }, data: steps.map(({ from, to }) => Math.min(from, to) / factor) },
      {
        ...bar,
        data: steps.map((each) => ({
          value: Math.abs(each.to - each.from) / factor,
          itemStyle: { color: colour(each) },
        })),
      },
    ],
  };
}

function changeTable() {
  const rows = groupRows();
  const size = Math.max(...rows.map((row) => Math.max(row.energy_pj, row.baseline_energy_pj)));
  const write = (value) => toldAs("energy", value, size);
  const energy = (title, key) => numberColumn(title, (row) => row[key], write);
  sortableTable(
    byId("group-table"),
    [
      textColumn(capital(groupedBy), (row) => row.name, "name"),
      energy("Baseline", "baseline_energy_pj"),
      energy("This run", "energy_pj"),
      numberColumn("Change", (row) => row.change_pj, (value) => (value > 0 ? "+" : "") + write(value)),
      numberColumn(
        "Relative",
        (row) => (row.baseline_energy_pj ? row.change_pj / row.baseline_energy_pj : null),
        (value) => (value > 0 ? "+" : "") + percent(value),
      ),
    ],
    rows,
  );
}

function groupPicker() {
  byId("group-pickers").replaceChildren(
    select("by", "pick-group", Object.keys(report.groups).map((by) => [by, by]), groupedBy, (by) => {
      groupedBy = by;
      draw(charts.waterfall);
      changeTable();
    }),
  );
}

// Settings of which one run has another value than the other.
function differenceTable() {
  const [now, before] = [report.settings, report.baseline.settings];
  const differ = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (key) => JSON.stringify(now[key]) !== JSON.stringify(before[key]),
  );
  byId("section-differences").hidden = !differ.length;
  byId("difference-table").replaceChildren(
    headRow([["Setting"], ["Baseline"], ["This run"]]),
    el(
      "tbody",
      null,
      ...differ.map((key) =>
        el(
          "tr",
          null,
          el("td", null, settingName(key)),
          el("td", { class: "long" }, settingText(key, before[key])),
          el("td", { class: "long" }, settingText(key, now[key])),
        ),
      ),
    ),
  );
}

function redraw() {
  Object.values(charts).forEach(draw);
}

function startChange() {
  followSystemTheme(() => redraw());
  const totals = (column) => Object.fromEntries(report.totals.map((row) => [row.quantity, row[column]]));
  const [now, before] = [totals("value"), totals("baseline")];
  byId("totals").replaceChildren(...TOTALS.map((total) => totalCard(total, now, before)));
  byId("settings").replaceChildren(
    ...Object.entries(report.settings).map(([key, value]) => pair(settingName(key), settingText(key, value))),
  );
  byId("baseline").textContent = `${report.baseline.workload} on ${report.baseline.accelerator}`;
  showWarnings(report.warnings);
  differenceTable();
  groupPicker();
  addChart("waterfall", waterfallOption, null);
  changeTable();
  followPrinter();
}

startChange();
