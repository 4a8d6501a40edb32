// The page of a sweep: pickers and filters, charts, the table.

const ROWS = 500; // of the table

function count(value) {
  return value.toLocaleString("en-US");
}

// "a, b and c".
function listed(words) {
  return [words.slice(0, -1).join(", "), words.slice(-1)[0]].filter(Boolean).join(" and ");
}

function sweepMasthead() {
  const told = [
    ...Object.entries(sweep.constants).map(([name, value]) => [name, oneLine(value)]),
    ["mappings for", sweep.minimize],
    ["goals", sweep.goals.map((name) => quantity(name).label).join(", ")],
    [
      "budgets",
      Object.entries(sweep.budgets)
        .map(([name, limit]) => `${quantity(name).label} ≤ ${quantityText(name, limit)}`)
        .join(", "),
    ],
  ];
  byId("settings").replaceChildren(...told.filter(([, value]) => value).map(([key, value]) => pair(key, value)));
  const failed = sweep.points - sweep.ran;
  byId("summary").textContent =
    `${count(sweep.points)} points: ${count(sweep.feasible)} feasible, ` +
    `${count(sweep.ran - sweep.feasible)} over a budget, ${count(failed)} failed. ` +
    `${count(sweep.front.length)} of them on the front of ${listed(sweep.goals.map((name) => quantity(name).label))}.`;
}

// The best feasible point in every goal, where there is one workload to be best at.
function bestPoints() {
  const feasible = points.filter((point) => point.feasible);
  const workloads = new Set(points.map(({ workload }) => workload));
  const cards = workloads.size > 1 || !feasible.length ? [] : sweep.goals.map((goal) => bestCard(goal, feasible));
  byId("best").replaceChildren(...cards);
  byId("best").parentNode.hidden = !cards.length;
}

function bestCard(goal, feasible) {
  const best = feasible.reduce((a, b) => (better(goal) * b[goal] < better(goal) * a[goal] ? b : a));
  const told = sweep.parameters.map(({ name }) => `${name} ${oneLine(best[name])}`).join(", ");
  const title = `${better(goal) > 0 ? "Least" : "Most"} ${quantity(goal).label}`;
  return card(title, columnText(goal, best[goal]).split(NO_BREAK), told, `point ${best.point}`);
}

function sweepPickers() {
  const named = (names) => names.map((name) => [name, columnLabel(name)]);
  const numbers = sweep.parameters.filter(({ number }) => number).map(({ name }) => name);
  const measures = named([...sweep.quantities, ...numbers]);
  const pick = (axis) => (name) => {
    shownAxes[axis] = name || null;
    showPoints();
  };
  const colours = [["", "front"], ...named([...sweep.parameters.map(({ name }) => name), ...sweep.quantities])];
  byId("pickers").replaceChildren(
    select("across", "pick-x", measures, shownAxes.x, pick("x")),
    select("up", "pick-y", measures, shownAxes.y, pick("y")),
    select("colour", "pick-colour", colours, shownAxes.colour, pick("colour")),
  );
  byId("filters").replaceChildren(
    ...sweep.parameters.map(({ name, values }) =>
      select(name, `filter-${name}`, [["", "all"], ...values.map((value) => [String(value), oneLine(value)])], "", (value) => {
        if (value) kept[name] = value;
        else delete kept[name];
        showPoints();
      }),
    ),
  );
  byId("effect-pickers").replaceChildren(
    select("of", "pick-effect", named(sweep.goals), effectGoal, (name) => {
      effectGoal = name;
      draw(charts.effects);
      draw(charts.levels);
    }),
  );
}

function tableColumns() {
  const names = sweep.columns.filter((name) => name !== "point");
  return [
    numberColumn("#", (point) => point.point, String),
    {
      ...textColumn("Energy report", (point) => sweep.links[point.point] ?? ""),
      text: (point) => (sweep.links[point.point] ? "open" : ""),
    },
    ...names.map((name) => ({
      title: columnLabel(name),
      number: isNumber(points[0]?.[name]),
      value: (point) => point[name],
      text: (point) => columnText(name, point[name]),
      screen: sweep.quantities.includes(name) && !told_in_tip.has(name),
    })),
  ];
}

// The front first, then the others by the first goal.
function pointTable() {
  const shown = points.filter(isShown);
  const front = new Set(frontOf(shown, shownAxes.x, shownAxes.y).flat());
  const goal = sweep.goals[0];
  const others = shown.filter((point) => !front.has(point)).sort((a, b) => better(goal) * (a[goal] - b[goal]));
  const listed = [...front, ...others].slice(0, ROWS);
  const table = byId("point-table");
  const rows = sortableTable(table, tableColumns(), listed);
  for (const { item, row } of rows) {
    row.classList.toggle("lit", front.has(item));
    const link = sweep.links[item.point];
    if (link) row.children[1].replaceChildren(el("a", { href: link }, "open"));
  }
  byId("table-title").textContent = `The table: ${count(listed.length)} of ${count(shown.length)} points shown`;
  byId("table-caption").textContent =
    "Points of the front come first and are marked. The energy report of any other point: " +
    "archsim sweep SWEEP --point NUMBER --report FILE.";
}

function errorTable() {
  byId("section-errors").hidden = !sweep.errors.length;
  byId("error-table").replaceChildren(
    headRow([["Points", true], ["Error", false]]),
    el(
      "tbody",
      null,
      ...sweep.errors.map(({ error, points: many }) =>
        el("tr", null, numberCell(count(many)), el("td", { class: "long" }, error)),
      ),
    ),
  );
}

function showPoints() {
  pointsLegend();
  pointsCaption();
  pointTable();
  draw(charts.points);
  draw(charts.parallel);
}

function redraw() {
  Object.values(charts).forEach(draw);
  pointsLegend();
}

function startSweep() {
  followSystemTheme(() => redraw());
  sweepMasthead();
  errorTable();
  bestPoints();
  if (!points.length) {
    for (const name of ["points", "parallel", "effects", "table"]) byId(`section-${name}`).hidden = true;
    return;
  }
  sweepPickers();
  pointsCaption();
  pointsLegend();
  addChart("points", pointsOption, null);
  charts.points.chart.on("click", ({ data }) => {
    const link = data && data.point && sweep.links[data.point.point];
    if (link) window.open(link, "_blank");
  });
  addChart("parallel", parallelOption, null);
  brushable(charts.parallel);
  addChart("effects", effectsOption, null);
  addChart("levels", levelsOption, null);
  pointTable();
  followPrinter();
}

startSweep();
