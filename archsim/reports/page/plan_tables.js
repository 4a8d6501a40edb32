// The tables of a plan: budgets and layers.

const MOST_DIMS = 8; // more dimensions than this share one column

function budgetTable() {
  byId("section-budgets").hidden = !plan.budgets.length;
  if (!plan.budgets.length) return;
  const buys = new Map(plan.buys.map((row) => [row.budget, row]));
  const rows = plan.budgets.map((budget) => budgetRow(budget, buys.get(budget.name)));
  const columns = [["Budget"], [""], ["Used", 1], ["Limit", 1], ["Left", 1]];
  if (buys.size) columns.push(["If it were wider"]);
  byId("budget-table").replaceChildren(headRow(columns), el("tbody", null, ...rows));
  byId("budget-caption").textContent = budgetCaption(buys.size > 0);
}

function budgetRow({ name, limit, used, slack }, wider) {
  const share = limit > 0 ? used / limit : used > 0 ? Infinity : 1;
  const bar = el("div", { class: slack < 0 ? "bar over" : "bar" });
  bar.style.width = `${100 * Math.min(share, 1)}%`;
  const left = Number.isFinite(share) && limit > 0 ? `${quantityText(name, Math.max(slack, 0))}` : MISSING;
  const cells = [
    el("td", { class: "name" }, capital(quantity(name).label)),
    el("td", { class: "track" }, el("div", { class: "rail framed" }, bar)),
    numberCell(quantityText(name, used)),
    numberCell(quantityText(name, limit)),
    numberCell(slack < 0 ? `exceeded by ${quantityText(name, -slack)}` : `${left} (${percent(1 - share)})`),
  ];
  if (plan.buys.length) cells.push(el("td", null, wider ? gainText(wider, limit) : MISSING));
  return el("tr", null, ...cells);
}

function gainText({ limit: wider, gain_percent: gain }, limit) {
  const more = limit > 0 ? `${chosen(100 * (wider / limit - 1))}${NO_BREAK}% more` : "more";
  const bought = gain >= 0.005 ? `${digits(gain, 3)}${NO_BREAK}% less ${plan.goal}` : "nothing";
  return `${more} buys ${bought}`;
}

function budgetCaption(hasBuys) {
  const bar = "A full bar is a budget used up.";
  return hasBuys ? `${bar} The last column is the best ${plan.goal} when that budget alone is wider.` : bar;
}

function tileColumns() {
  const dims = tiledDims();
  if (dims.length > MOST_DIMS) return [textColumn("Tile", tileText, "brief")];
  return dims.map((dim) => ({
    title: dim,
    number: true,
    value: (layer) => tileSizes(layer, dim)[0] ?? null,
    text: (layer) => tileSizes(layer, dim).join(" › ") || MISSING,
  }));
}

// What a mapping says besides tile, order and split, whatever the accelerator's family calls it.
function otherMapping({ mapping }) {
  const { tile, order, split, ...rest } = mapping;
  if (!isTable(tile) && tile !== undefined) rest.tile = tile;
  return Object.keys(rest).length ? oneLine(rest) : MISSING;
}

function planColumns() {
  const { layers } = plan;
  const has = (key) => layers.some((layer) => layer.mapping[key] !== undefined);
  const columns = [
    numberColumn("#", (layer) => layer.index + 1, String),
    {
      ...textColumn("Layer", (layer) => layer.name, "ends"),
      text: (layer) => shorten(layer.name, 36),
      exact: (layer) => layer.name,
    },
    textColumn("Bits", precisionText, "bits"),
    ...tileColumns(),
  ];
  if (has("order")) columns.push(textColumn("Order", (layer) => oneLine(layer.mapping.order)));
  if (has("split")) columns.push(textColumn("Split", (layer) => oneLine(layer.mapping.split)));
  if (layers.some((layer) => otherMapping(layer) !== MISSING))
    columns.push({ ...textColumn("Mapping", otherMapping, "brief"), screen: true, exact: otherMapping });
  if (hasNumbers("latency_cycles"))
    columns.push({
      ...numberColumn("Cycles", (layer) => layer.latency_cycles, whole),
      share: shareOf(layers, "latency_cycles"),
    });
  if (hasNumbers("energy_pj"))
    columns.push({
      ...unitColumn(layers, "Energy", "energy", "energy_pj"),
      share: shareOf(layers, "energy_pj"),
      exact: (layer) => `${digits(layer.energy_pj, 7)} pJ`,
    });
  return columns;
}

function planFacts(layer) {
  return [
    ["Layer", layer.name],
    ["Weights", bitsText(layer.weight_bits)],
    ["Activations", bitsText(layer.activation_bits)],
    ["Written as", isNumber(layer.output_bits) ? bitsText(layer.output_bits) : "as the activations"],
    ...Object.entries(layer.mapping).map(([key, value]) => [`Mapping: ${key}`, oneLine(value)]),
    ["Latency", isNumber(layer.latency_cycles) ? `${whole(layer.latency_cycles)} cycles` : MISSING],
    ["Energy", told("energy", layer.energy_pj)],
  ];
}

function planLayerTable() {
  const wordsOf = (layer) => `${layer.name} ${precisionText(layer)}`;
  linkedLayerTable(planColumns(), plan.layers, { factsOf: planFacts, wordsOf });
  const levels = Math.max(
    0,
    ...tiledDims().flatMap((dim) => plan.layers.map((l) => tileSizes(l, dim).length)),
  );
  const sizes = levels > 1 ? "Tile sizes stand from the outermost buffer in. " : "";
  byId("layers-caption").textContent =
    `${sizes}Choose a column head to sort, a row to see its whole mapping. ` +
    "An arrow in the bits: what the layer writes has another width than what it reads.";
}
