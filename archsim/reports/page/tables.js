// The tables of a run: bars of energy and area, layers, actions, assumptions.

// rows: {name, value, low, high, cells}; the rail is as long as the largest value or bound.
function barTable(table, rows, foot) {
  const longest = Math.max(...rows.map((row) => row.high ?? row.value), Number.MIN_VALUE);
  const at = (value) => `${(100 * value) / longest}%`;
  const body = rows.map((row) => {
    const bar = el("div", { class: "bar" });
    Object.assign(bar.style, { width: at(row.value), background: colourOf(row.name) });
    const rail = el("div", { class: "rail" }, bar);
    if (row.high > row.low) {
      const whisker = el("div", { class: "whisker" });
      Object.assign(whisker.style, { left: at(row.low), width: at(row.high - row.low) });
      rail.append(whisker);
    }
    return el(
      "tr",
      null,
      el("td", null, row.name),
      el("td", { class: "track" }, rail),
      ...row.cells.map((cell) => numberCell(cell)),
    );
  });
  const last = el("tr", null, el("td", null, "total"), el("td"), ...foot.map((cell) => numberCell(cell)));
  table.replaceChildren(el("tbody", null, ...body), el("tfoot", null, last));
}

let groupedBy = "component";

function groupPicker() {
  const choices = Object.keys(run.energy.groups).map((by) => [by, by]);
  byId("group-pickers").replaceChildren(
    select("by", "pick-group", choices, groupedBy, (by) => {
      groupedBy = by;
      groupTable();
    }),
  );
}

function groupTable() {
  const groups = run.energy.groups[groupedBy];
  const total = (key) => sum(groups.map((row) => row[key]));
  const size = total("energy_pj");
  const rows = groups.map((row) => ({
    name: row[groupedBy],
    value: row.energy_pj,
    low: row.energy_pj_low,
    high: row.energy_pj_high,
    cells: [
      toldAs("energy", row.energy_pj, size),
      percent(row.share),
      span("energy", row.energy_pj_low, row.energy_pj_high, size),
    ],
  }));
  barTable(byId("group-table"), rows, [
    told("energy", size),
    "",
    span("energy", total("energy_pj_low"), total("energy_pj_high"), size),
  ]);
}

function areaTable() {
  const parts = Object.entries(run.area_mm2).sort((a, b) => b[1] - a[1]);
  const total = sum(parts.map(([, area]) => area));
  byId("section-area").hidden = !(total > 0);
  if (!(total > 0)) return;
  const rows = parts.map(([name, area]) => ({
    name,
    value: area,
    cells: [`${chosen(area)} mm²`, percent(area / total)],
  }));
  barTable(byId("area-table"), rows, [`${chosen(total)} mm²`, ""]);
}

// A bar is the share of what may be used.
function resourceTable() {
  byId("section-resources").hidden = !run.resources.length;
  const rows = run.resources.map((use) =>
    el(
      "tr",
      null,
      el("td", null, use.name),
      el("td", { class: "track" }, resourceBar(use)),
      numberCell(Number.isInteger(use.used) || use.used >= 100 ? whole(use.used) : digits(use.used)),
      numberCell(use.capacity ? `${percent(use.used / use.capacity)} of ${whole(use.capacity)}` : MISSING),
    ),
  );
  byId("resource-table").replaceChildren(el("tbody", null, ...rows));
}

function resourceBar(use) {
  const bar = el("div", { class: "bar" });
  const share = use.capacity ? Math.min(1, use.used / use.capacity) : 0;
  Object.assign(bar.style, { width: `${100 * share}%`, background: cssColour("compute") });
  return el("div", { class: "rail" }, bar);
}

function layerColumns() {
  return [
    numberColumn("#", (layer) => layer.index + 1, String),
    {
      ...textColumn("Layer", (layer) => layer.name, "name"),
      exact: (layer) => (layer.fused.length ? `fused: ${layer.fused.join(", ")}` : null),
    },
    textColumn("Operator", (layer) => layer.operator),
    unitColumn(run.layers, "MACs", "count", "macs"),
    {
      ...numberColumn("Cycles", (layer) => layer.latency_cycles, whole),
      share: shareOf(run.layers, "latency_cycles"),
    },
    ...(isPipelined ? [numberColumn("Interval", (layer) => layer.interval_cycles, whole)] : []),
    { ...numberColumn("Compute", (layer) => layer.compute_cycles, whole), screen: true },
    { ...numberColumn("Stall", (layer) => layer.stall_cycles, whole), screen: true },
    numberColumn("Utilisation", (layer) => (layer.macs ? layer.utilization : null), percent),
    textColumn("Bound by", (layer) => layer.bound_by),
    {
      ...unitColumn(run.layers, "Energy", "energy", "energy_pj"),
      share: shareOf(run.layers, "energy_pj"),
      exact: (layer) => `${digits(layer.energy_pj, 7)} pJ`,
    },
    unitColumn(run.layers, "DRAM", "traffic", "dram_bytes"),
    textColumn("Bits", (layer) => `w${layer.weight_bits}a${layer.activation_bits}`),
    {
      ...textColumn(
        "Mapping",
        (layer) => (Object.keys(layer.mapping).length ? oneLine(layer.mapping) : MISSING),
        "brief",
      ),
      screen: true,
    },
  ];
}

// What a chosen row tells of its layer.
function layerFacts(layer) {
  const place = run.energy.layers.indexOf(layer.name);
  const energies = run.energy.components
    .map((component, column) => [
      component.component,
      place < 0 ? 0 : run.energy.layer_energy_pj[place][column],
    ])
    .filter(([, energy]) => energy > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([name, energy]) => `${name} ${told("energy", energy)}`);
  return [
    ["Layer", layer.name],
    ["Energy", energies.join(", ") || MISSING],
    ...Object.entries(layer.mapping).map(([key, value]) => [`Mapping: ${key}`, oneLine(value)]),
    ["Fused", layer.fused.join(", ") || "nothing"],
    ["Runs", `cycle ${whole(layer.start_cycle)} to ${whole(layer.end_cycle)}`],
    ["MACs", whole(layer.macs)],
    ["DRAM", `${whole(layer.dram_bytes)} bytes`],
  ];
}

function actionTable() {
  const rows = run.energy.actions.map((row) =>
    el(
      "tr",
      null,
      el("td", null, row.component),
      el("td", null, row.action),
      numberCell(told("count", row.count), whole(row.count)),
      numberCell(`${chosen(row.unit_energy_pj)} pJ`),
      numberCell(told("energy", row.energy_pj)),
      numberCell(span("energy", row.energy_pj_low, row.energy_pj_high, row.energy_pj)),
      el("td", { class: "long" }, row.source),
    ),
  );
  byId("action-table").replaceChildren(
    headRow([
      ["Component"],
      ["Action"],
      ["Count", 1],
      ["Unit energy", 1],
      ["Energy", 1],
      ["Interval", 1],
      ["Source"],
    ]),
    el("tbody", null, ...rows),
  );
}

function assumptionTable() {
  byId("section-assumptions").hidden = !run.assumptions.length;
  const rows = run.assumptions.map((row) =>
    el(
      "tr",
      null,
      el("td", null, row.component),
      el("td", null, row.quantity),
      numberCell(`${chosen(row.value)} ${row.unit.replace("mm2", "mm²")}`),
      numberCell(row.uncertainty === 1 ? "as given" : `×÷ ${chosen(row.uncertainty)}`),
      el("td", { class: "long" }, row.source),
    ),
  );
  byId("assumption-table").replaceChildren(
    headRow([["Component"], ["Quantity"], ["Value", 1], ["Factor", 1], ["Source"]]),
    el("tbody", null, ...rows),
  );
}
