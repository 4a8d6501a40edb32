// The points of a sweep, which of them are shown, and which of those no other beats.

const sweep = pageData();
const points = sweep.rows.length
  ? sweep.rows[0].map((_, index) => ({
      index,
      ...Object.fromEntries(sweep.columns.map((name, column) => [name, sweep.rows[column][index]])),
    }))
  : [];
const shownAxes = { x: sweep.goals[0], y: sweep.goals[1] ?? sweep.goals[0], colour: sweep.color };
const kept = {}; // parameter -> the one value shown
const ranges = {}; // axis of the parallel coordinates -> [least, most] shown

function isShown(point) {
  return (
    Object.entries(kept).every(([name, value]) => String(point[name]) === value) &&
    Object.entries(ranges).every(([name, [low, high]]) => point[name] >= low && point[name] <= high)
  );
}

function better(name) {
  return sweep.more_is_better.includes(name) ? -1 : 1;
}

// The feasible points shown that no other beats in both quantities: of each workload, in order of the first.
function frontOf(shown, x, y) {
  const groups = Map.groupBy ? Map.groupBy(shown, (point) => point.workload) : groupedBy(shown);
  return [...groups.values()].map((group) => {
    const sorted = group
      .filter((point) => point.feasible && isNumber(point[x]) && isNumber(point[y]))
      .sort((a, b) => better(x) * (a[x] - b[x]) || better(y) * (a[y] - b[y]));
    let best = Infinity;
    return sorted.filter((point) => {
      const isBetter = better(y) * point[y] < best;
      if (isBetter) best = better(y) * point[y];
      return isBetter;
    });
  });
}

function groupedBy(shown) {
  const groups = new Map();
  for (const point of shown) groups.set(point.workload, [...(groups.get(point.workload) || []), point]);
  return groups;
}

// Readable text of a value of any column.
function columnText(name, value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (!isNumber(value)) return value === null ? MISSING : String(value);
  return sweep.quantities.includes(name) ? quantityText(name, value) : oneLine(value);
}

function columnLabel(name) {
  return sweep.quantities.includes(name) ? capital(quantity(name).label) : name;
}

function pointTip(point) {
  return tip(
    `Point ${point.point}${point.feasible ? "" : ", over a budget"}`,
    sweep.columns
      .filter((name) => name !== "point" && name !== "feasible")
      .filter((name) => !sweep.quantities.includes(name) || told_in_tip.has(name))
      .map((name) => [columnLabel(name), columnText(name, point[name])]),
  );
}

const told_in_tip = new Set([...sweep.goals, ...Object.keys(sweep.budgets), "latency_ms", "energy_mj", "area_mm2"]);
