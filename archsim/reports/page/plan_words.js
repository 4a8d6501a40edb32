// The words of a plan: what was asked, the proof, totals beside the baseline, sizes, the search.

function planMasthead() {
  const dims = Object.entries(plan.dims).map(([name, size]) => `${name} = ${size}`);
  const second = Object.keys(plan.then).map((name) => quantity(name).label);
  byId("settings").replaceChildren(
    ...[
      ["study", plan.study],
      ["minimised", [plan.goal, ...second].filter(Boolean).join(", then ")],
      ["status", plan.status],
      ["dimensions", dims.join(", ")],
      ["layers", `${plan.layers.length}`],
      ["wall time", isNumber(plan.wall_s) ? `${digits(plan.wall_s, 3)} s` : ""],
    ]
      .filter(([, value]) => value)
      .map(([key, value]) => pair(key, value)),
  );
}

function proofWords() {
  byId("proof").replaceChildren(
    ...plan.proof.map((text, place) => el(place ? "span" : "b", null, `${text} `)),
  );
  showWarnings(plan.warnings);
}

// Of a pipeline, whose results follow sooner than one takes: what is minimised is the interval between them.
const FRAMES = {
  title: "Frames per second",
  key: "frames_per_s",
  parts: (value) => [digits(value), ""],
  moreIsBetter: true,
};

function totalCards() {
  const isPipelined = plan.totals.interval_cycles < plan.totals.latency_cycles;
  const said = ({ key }) => isNumber(plan.totals[key]) && (key !== "area_mm2" || plan.totals[key] > 0);
  const known = [...(isPipelined ? [FRAMES] : []), ...TOTALS].filter(said);
  byId("section-totals").hidden = !known.length;
  byId("totals").replaceChildren(...known.map((total) => totalCard(total, plan.totals, plan.baseline)));
  const from = plan.baseline
    ? `Baseline: every layer at ${plan.baseline.bits ?? "one precision"}, the accelerator at its own sizes, ` +
      "the best tilings, no budgets. The bar is the plan, the mark the baseline. "
    : "No baseline is known. ";
  byId("totals-caption").textContent =
    `${from}Totals are those of the whole plan, in which a layer's first weights are fetched while the one ` +
    "before it still runs; the proof counts the layers one by one.";
}

function hardwareFacts() {
  const sizes = Object.entries(plan.hardware);
  byId("section-hardware").hidden = !sizes.length;
  byId("hardware").replaceChildren(...sizes.map(([path, value]) => pair(path, oneLine(value))));
}

function bitsWords() {
  byId("bits-caption").textContent =
    `Weights: ${bitsSentence(plan.layers, "weight_bits")}. ` +
    `Activations: ${bitsSentence(plan.layers, "activation_bits")}.`;
  byId("latency-caption").textContent = halfText("latency_cycles", "time");
  byId("energy-caption").textContent = halfText("energy_pj", "energy");
}

function halfText(key, word) {
  if (!hasNumbers(key) || plan.layers.length < 2) return "";
  const values = plan.layers.map((layer) => layer[key] || 0);
  const most = values.indexOf(Math.max(...values));
  return (
    `Half of the ${word} goes into ${halfIn(values)} of ${plan.layers.length} layers. The most: ` +
    `${plan.layers[most].name}, ${percent(values[most] / sum(values))}.`
  );
}

const SEARCH_WORDS = {
  points: "hardware points",
  refused: "refused",
  dropped: "dropped",
  solved: "points solved",
  mappings_priced: "mappings priced",
  rows_kept: "options kept",
  rows_executed: "options executed",
};

// Counts by name; a table of counts becomes a line for each reason.
function searchFacts() {
  const facts = [];
  for (const [key, value] of Object.entries(plan.search)) {
    const word = Object.hasOwn(SEARCH_WORDS, key) ? SEARCH_WORDS[key] : key.replaceAll("_", " ");
    if (isTable(value))
      for (const [reason, count] of Object.entries(value)) facts.push([`${word}: ${reason}`, count]);
    else facts.push([word, value]);
  }
  const told = facts.map(([key, value]) => [key, Number.isInteger(value) ? whole(value) : oneLine(value)]);
  if (isNumber(plan.wall_s)) told.push(["wall time", `${digits(plan.wall_s, 3)} s`]);
  byId("section-search").hidden = !told.length;
  byId("search-facts").replaceChildren(...told.map(([key, value]) => pair(capital(key), value)));
}
