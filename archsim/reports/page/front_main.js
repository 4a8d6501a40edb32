// The page of a front: its points, and the plan of the chosen one below.

const front = pageData();
let chosenPoint = 0;

function readFront() {
  front.points.forEach((point, index) => {
    point.index = index;
    point.plan.layers = point.plan.layers.map((place) => front.layers[place]);
  });
  front.names = front.points.length ? Object.keys(front.points[0].values) : [];
}

function redrawOthers() {
  frontLegend();
}

function frontMasthead() {
  byId("settings").replaceChildren(
    ...[
      ["study", front.study],
      ["front over", front.names.map((name) => quantity(name).label).join(", ")],
      ["points", `${front.points.length}`],
      ["status", front.status],
      ["wall time", `${digits(Math.max(...front.points.map((point) => point.plan.wall_s || 0)), 3)} s`],
    ].map(([key, value]) => pair(key, value)),
  );
}

function frontProof() {
  const within = front.points[0].plan.budgets.length ? "within the budgets " : "";
  const proven = front.points.filter((point) => point.plan.status === "OPTIMAL").length;
  byId("front-proof").textContent =
    front.status === "OPTIMAL"
      ? `Every point is proven: ${within}no plan has less of one quantity without more of another.`
      : `${proven} of ${front.points.length} points are proven optimal for what was asked of them; ` +
        "between and below the others (hollow in the chart) there may be better plans.";
}

function frontCaption() {
  const hidden = front.points[0].plan.baseline && !baselinePoint();
  const sentences = [
    front.names.length === 2
      ? "The line is the front: less of both quantities is not to be had."
      : "Each point is a plan. Over two of the quantities one may lie behind another and be better in the third.",
  ];
  if (hidden) sentences.push("The baseline's totals don't tell these two quantities, so it is not shown.");
  byId("front-caption").textContent = sentences.join(" ");
}

function picker(label, axis) {
  const choices = front.names.map((name) => [name, quantity(name).label]);
  return select(label, `pick-${axis}`, choices, axes[axis], (name) => pickAxis(axis, name));
}

// Two axes never show the same quantity: picking the other one's swaps them.
function pickAxis(axis, name) {
  const other = axis === "x" ? "y" : "x";
  if (axes[other] === name) axes[other] = axes[axis];
  axes[axis] = name;
  axes.colour = front.names.find((each) => each !== axes.x && each !== axes.y) ?? null;
  byId("pick-x").value = axes.x;
  byId("pick-y").value = axes.y;
  frontCaption();
  frontLegend();
  draw(charts.front);
}

function pointColumns() {
  const { points } = front;
  const paths = [...new Set(points.flatMap((point) => Object.keys(point.plan.hardware)))];
  const values = (name) => points.map((point) => point.values[name]);
  return [
    numberColumn("#", (point) => point.index + 1, String),
    ...front.names.map((name) => {
      const [factor, unit] = quantityStep(name, values(name));
      return {
        ...numberColumn(
          capital(quantity(name).label),
          (point) => point.values[name],
          (value) => digits(value * factor),
        ),
        unit,
      };
    }),
    ...paths.map((path) => {
      const value = (point) => point.plan.hardware[path] ?? null;
      const isNumeric = points.every((point) => value(point) === null || isNumber(value(point)));
      return { title: path, number: isNumeric, value, text: (point) => oneLine(value(point)) };
    }),
    textColumn("Weight bits × layers", (point) => bitsBrief(point.plan.layers, "weight_bits"), "bits"),
    textColumn(
      "Activation bits × layers",
      (point) => bitsBrief(point.plan.layers, "activation_bits"),
      "bits",
    ),
    textColumn("Status", (point) => point.plan.status),
  ];
}

function choosePoint(index) {
  if (index < 0 || index >= front.points.length) return;
  focusLayer(-1, "");
  chosenPoint = index;
  const point = front.points[index];
  const values = front.names.map(
    (name) => `${quantity(name).label} ${quantityText(name, point.values[name])}`,
  );
  byId("chosen-title").textContent = `Plan of point ${index + 1}: ${values.join(", ")}`;
  byId("previous-point").disabled = index === 0;
  byId("next-point").disabled = index === front.points.length - 1;
  for (const row of byId("point-table").querySelectorAll("tr.row")) {
    const isChosen = Number(row.dataset.index) === index;
    row.classList.toggle("lit", isChosen);
    row.setAttribute("aria-selected", String(isChosen));
  }
  draw(charts.front);
  showPlan(point.plan);
}

function startFront() {
  followSystemTheme(() => redraw());
  readFront();
  if (!front.points.length) {
    byId("front-proof").textContent = "The front has no point: nothing feasible was found.";
    byId("section-front").hidden = byId("chosen").hidden = true;
    return;
  }
  [axes.x, axes.y] = front.names;
  axes.colour = front.names[2] ?? null;
  frontMasthead();
  frontProof();
  if (front.names.length > 2) byId("pickers").append(picker("across", "x"), picker("up", "y"));
  frontCaption();
  frontLegend();
  sortableTable(byId("point-table"), pointColumns(), front.points);
  onRowChosen(byId("point-table"), (row) => choosePoint(Number(row.dataset.index)));
  addChart("front", frontOption, null);
  charts.front.chart.on("click", ({ data }) => data && data.point && choosePoint(data.point.index));
  byId("previous-point").addEventListener("click", () => choosePoint(chosenPoint - 1));
  byId("next-point").addEventListener("click", () => choosePoint(chosenPoint + 1));
  choosePoint(0);
  followPrinter();
}

startFront();
