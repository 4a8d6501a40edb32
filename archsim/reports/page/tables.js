// The tables: bars of energy and area, layers (sortable), actions, assumptions.

function numberCell(text, title) {
  return el("td", { class: "number", title }, text);
}

function headRow(columns) {
  return el(
    "thead",
    null,
    el(
      "tr",
      null,
      ...columns.map(([text, number]) => el("th", { scope: "col", class: number ? "number" : null }, text)),
    ),
  );
}

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

function interval(low, high) {
  return `${told("energy", low)} – ${told("energy", high)}`;
}

function componentTable() {
  const rows = run.energy.components.map((row) => ({
    name: row.component,
    value: row.energy_pj,
    low: row.energy_pj_low,
    high: row.energy_pj_high,
    cells: [
      told("energy", row.energy_pj),
      percent(row.share),
      interval(row.energy_pj_low, row.energy_pj_high),
    ],
  }));
  const total = (key) => sum(run.energy.components.map((row) => row[key]));
  barTable(byId("component-table"), rows, [
    told("energy", total("energy_pj")),
    "",
    interval(total("energy_pj_low"), total("energy_pj_high")),
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

// A column is told in one unit, so that its numbers compare at a glance.
function unitColumn(title, kind, key, base = "") {
  const [factor, prefix] = step(kind, Math.max(0, ...run.layers.map((layer) => layer[key])));
  return {
    title,
    unit: (prefix + base).trim(),
    number: true,
    value: (layer) => layer[key],
    text: (layer) => (layer[key] ? digits(layer[key] / factor, 3) : "0"),
    exact: (layer) => whole(layer[key]),
  };
}

function layerColumns() {
  const share = (key) => {
    const largest = Math.max(...run.layers.map((layer) => layer[key]), Number.MIN_VALUE);
    return (layer) => layer[key] / largest;
  };
  const text = (title, value, kind = "") => ({ title, value, text: value, kind });
  const number = (title, value, write) => ({
    title,
    value,
    text: (layer) => write(value(layer)),
    number: true,
  });
  return [
    number("#", (layer) => layer.index + 1, String),
    text("Layer", (layer) => layer.name, "name"),
    text("Operator", (layer) => layer.operator),
    unitColumn("MACs", "count", "macs"),
    { ...number("Cycles", (layer) => layer.latency_cycles, whole), share: share("latency_cycles") },
    { ...number("Compute", (layer) => layer.compute_cycles, whole), screen: true },
    { ...number("Stall", (layer) => layer.stall_cycles, whole), screen: true },
    number("Utilisation", (layer) => layer.utilization, percent),
    text("Bound by", (layer) => layer.bound_by),
    {
      ...unitColumn("Energy", "energy", "energy_pj"),
      share: share("energy_pj"),
      exact: (layer) => `${digits(layer.energy_pj, 7)} pJ`,
    },
    unitColumn("DRAM", "traffic", "dram_bytes"),
    text("Bits", (layer) => `w${layer.weight_bits}a${layer.activation_bits}`),
    {
      ...text(
        "Mapping",
        (layer) => (Object.keys(layer.mapping).length ? oneLine(layer.mapping) : MISSING),
        "brief",
      ),
      screen: true,
    },
  ];
}

// Paper is too narrow for every column: some are for the screen only.
function columnClass(column) {
  return `${column.number ? "number" : column.kind || ""} ${column.screen ? "screen" : ""}`.trim() || null;
}

function layerCell(column, layer) {
  const cell = el(
    "td",
    { class: columnClass(column), title: column.exact ? column.exact(layer) : null },
    String(column.text(layer)),
  );
  if (column.title === "Layer" && layer.fused.length)
    cell.setAttribute("title", `fused: ${layer.fused.join(", ")}`);
  if (column.share) {
    const bar = el("i");
    bar.style.width = `${100 * column.share(layer)}%`;
    cell.classList.add("share");
    cell.append(bar);
  }
  return cell;
}

function layerTable(onFocus) {
  const columns = layerColumns();
  const rows = run.layers.map((layer) => {
    const row = el(
      "tr",
      { class: "row", "data-index": layer.index, tabindex: "0" },
      ...columns.map((column) => layerCell(column, layer)),
    );
    return { layer, row };
  });
  const body = el("tbody", null, ...rows.map(({ row }) => row));
  const heads = columns.map((column) => {
    const button = el(
      "button",
      { type: "button" },
      column.title,
      column.unit ? el("span", { class: "unit" }, ` (${column.unit})`) : null,
    );
    const head = el("th", { scope: "col", class: columnClass(column) }, button);
    button.addEventListener("click", () => sortRows(body, rows, column, head));
    return head;
  });
  byId("layer-table").replaceChildren(el("thead", null, el("tr", null, ...heads)), body);
  const rowOf = (event) => event.target.closest("tr.row");
  body.addEventListener("mouseover", (event) => {
    if (rowOf(event)) onFocus(Number(rowOf(event).dataset.index));
  });
  body.addEventListener("mouseleave", () => onFocus(-1));
  body.addEventListener("click", (event) => {
    if (rowOf(event)) toggleDetail(rowOf(event));
  });
  body.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && rowOf(event)) toggleDetail(rowOf(event));
  });
  byId("filter").addEventListener("input", (event) =>
    filterRows(rows, event.target.value.trim().toLowerCase()),
  );
}

// The first click on a number sorts largest first, on a text from a to z; the next turns the order.
function sortRows(body, rows, column, head) {
  const was = head.getAttribute("aria-sort");
  const up = was ? was === "descending" : !column.number || column.title === "#";
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const order = (a, b) =>
    column.number ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  closeDetails();
  rows.sort(
    (a, b) =>
      (up ? 1 : -1) * order(column.value(a.layer), column.value(b.layer)) || a.layer.index - b.layer.index,
  );
  body.append(...rows.map(({ row }) => row));
}

function filterRows(rows, wanted) {
  closeDetails();
  for (const { layer, row } of rows)
    row.hidden = !`${layer.name} ${layer.operator}`.toLowerCase().includes(wanted);
}

function closeDetails() {
  for (const detail of document.querySelectorAll("#layer-table tr.detail")) detail.remove();
}

function toggleDetail(row) {
  if (row.nextSibling && row.nextSibling.className === "detail") return row.nextSibling.remove();
  const layer = run.layers[Number(row.dataset.index)];
  const place = run.energy.layers.indexOf(layer.name);
  const energies = run.energy.components
    .map((component, column) => [
      component.component,
      place < 0 ? 0 : run.energy.layer_energy_pj[place][column],
    ])
    .filter(([, energy]) => energy > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([name, energy]) => `${name} ${told("energy", energy)}`);
  const facts = [
    ["Layer", layer.name],
    ["Energy", energies.join(", ") || MISSING],
    ...Object.entries(layer.mapping).map(([key, value]) => [`Mapping: ${key}`, oneLine(value)]),
    ["Fused", layer.fused.join(", ") || "nothing"],
    ["Runs", `cycle ${whole(layer.start_cycle)} to ${whole(layer.end_cycle)}`],
    ["MACs", whole(layer.macs)],
    ["DRAM", `${whole(layer.dram_bytes)} bytes`],
  ];
  const list = el(
    "dl",
    null,
    ...facts.flatMap(([key, value]) => [el("dt", null, key), el("dd", null, value)]),
  );
  row.after(el("tr", { class: "detail" }, el("td", { colspan: row.children.length }, list)));
}

function showRow(index) {
  const row = byId("layer-table").querySelector(`tr.row[data-index="${index}"]`);
  if (!row) return;
  row.hidden = false;
  closeDetails();
  toggleDetail(row);
  row.scrollIntoView({ block: "center", behavior: "smooth" });
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
      numberCell(interval(row.energy_pj_low, row.energy_pj_high)),
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
      numberCell(`${chosen(row.value)} ${row.unit}`),
      numberCell(`×÷ ${chosen(row.uncertainty)}`),
      el("td", { class: "long" }, row.source),
    ),
  );
  byId("assumption-table").replaceChildren(
    headRow([["Component"], ["Quantity"], ["Value", 1], ["Factor", 1], ["Source"]]),
    el("tbody", null, ...rows),
  );
}
