// The points of a front over two of its quantities; a third one is told by colour.

const axes = { x: "", y: "", colour: null };

// The baseline's value of a quantity, null where its totals don't tell.
function baselineValue(name) {
  const { baseline } = front.points[0].plan;
  if (!baseline) return null;
  if (name === "dram_mb") return isNumber(baseline.dram_bytes) ? baseline.dram_bytes / 1e6 : null;
  return isNumber(baseline[name]) ? baseline[name] : null;
}

function baselinePoint() {
  const values = [axes.x, axes.y].map(baselineValue);
  return values.every(isNumber) ? values : null;
}

function axisSteps() {
  const before = baselinePoint();
  return [axes.x, axes.y].map((name, place) => {
    const values = front.points.map((point) => point.values[name]);
    return quantityStep(name, before ? [...values, before[place]] : values);
  });
}

function frontAxis(name, unit, isAcross) {
  const title = capital(quantity(name).label) + (unit ? ` (${unit})` : "");
  const axis = valueAxis(title, "6%");
  const across = { nameLocation: "middle", nameGap: 28, nameTextStyle: axisText() };
  return { ...axis, ...(isAcross ? across : {}), scale: true, boundaryGap: ["6%", "6%"] };
}

function colourPart(point) {
  const values = front.points.map((other) => other.values[axes.colour]);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return high > low ? (point.values[axes.colour] - low) / (high - low) : 0;
}

function pointColour(point) {
  if (!axes.colour) return cssColour("accent");
  const [low, high] = cssColour("ramp").split(" ");
  return mixed(low, high, colourPart(point));
}

function hardwareText(hardware) {
  return Object.entries(hardware).map(([path, value]) => [path, oneLine(value)]);
}

function frontTip(point) {
  const { plan: its } = point;
  return tip(`Point ${point.index + 1}`, [
    ...front.names.map((name) => [quantity(name).label, quantityText(name, point.values[name])]),
    ...hardwareText(its.hardware),
    ["weight bits × layers", bitsBrief(its.layers, "weight_bits")],
    ["activation bits × layers", bitsBrief(its.layers, "activation_bits")],
    ["status", its.status],
  ]);
}

function baselineTip() {
  const { baseline } = front.points[0].plan;
  const known = front.names.filter((name) => isNumber(baselineValue(name)));
  return tip(
    `Baseline ${baseline.bits ?? ""}`,
    known.map((name) => [quantity(name).label, quantityText(name, baselineValue(name))]),
  );
}

// The points whose numbers fit beside each other: the chosen one, then in order.
function numberedPoints(chart, place) {
  const places = front.points.map(place);
  const scales = [chart.getWidth() - 90, chart.getHeight() - 80].map((room, axis) => {
    const values = places.map((spot) => spot[axis]);
    return room / (Math.max(...values) - Math.min(...values) || 1);
  });
  const kept = [];
  const first = front.points[chosenPoint];
  for (const point of [first, ...front.points.filter((other) => other !== first)]) {
    const [x, y] = place(point).map((value, axis) => value * scales[axis]);
    if (kept.every((other) => Math.abs(other.x - x) > 20 || Math.abs(other.y - y) > 16))
      kept.push({ point, x, y });
  }
  return new Set(kept.map(({ point }) => point));
}

function frontOption(chart) {
  const [[fx, ux], [fy, uy]] = axisSteps();
  const place = ({ values }) => [values[axes.x] * fx, values[axes.y] * fy];
  const numbered = numberedPoints(chart, place);
  const text = { fontFamily: fontFamily(), fontSize: 11, color: cssColour("soft") };
  const points = {
    type: "scatter",
    name: "points",
    cursor: "pointer",
    z: 3,
    label: { ...text, position: "top", offset: [9, 2], formatter: (item) => `${item.data.point.index + 1}` },
    emphasis: { scale: 1.3 },
    data: front.points.map((point) => ({
      ...pointItem(point, place(point)),
      label: { show: numbered.has(point) },
    })),
  };
  const series = [points];
  if (front.names.length === 2) series.unshift(stairs(front.points.map(place)));
  const before = baselinePoint();
  if (before) series.push(baselineSeries([before[0] * fx, before[1] * fy], text));
  return {
    animation: false,
    grid: { left: 64, right: 24, top: 34, bottom: 46, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ data }) =>
      data.point ? frontTip(data.point) : data.isBaseline ? baselineTip() : "",
    ),
    xAxis: frontAxis(axes.x, ux, true),
    yAxis: frontAxis(axes.y, uy, false),
    series,
  };
}

// A hollow point is not proven; the chosen one has a ring.
function pointItem(point, value) {
  const isProven = point.plan.status === "OPTIMAL";
  const isChosen = point.index === chosenPoint;
  const colour = pointColour(point);
  return {
    value,
    point,
    symbol: "circle",
    symbolSize: isChosen ? 17 : 11,
    itemStyle: {
      color: isProven ? colour : cssColour("paper"),
      borderColor: isChosen ? cssColour("ink") : isProven ? cssColour("paper") : colour,
      borderWidth: isChosen || !isProven ? 2.5 : 1,
    },
  };
}

// Up to the next point nothing is better than this one: the line runs level, then falls.
function stairs(places) {
  return {
    type: "line",
    name: "front",
    step: "end",
    silent: true,
    showSymbol: false,
    z: 2,
    lineStyle: { color: cssColour("soft"), width: 1.5 },
    data: [...places].sort((a, b) => a[0] - b[0]),
  };
}

function baselineSeries(value, text) {
  return {
    type: "scatter",
    name: "baseline",
    symbol: "diamond",
    symbolSize: 14,
    z: 3,
    itemStyle: { color: cssColour("series").split(" ")[2], borderColor: cssColour("paper"), borderWidth: 1 },
    label: { ...text, show: true, position: "right", formatter: "baseline" },
    data: [{ value, isBaseline: true }],
  };
}

function frontLegend() {
  const box = byId("front-legend");
  if (!axes.colour) return box.replaceChildren();
  const values = front.points.map((point) => point.values[axes.colour]);
  const band = el("span", { class: "band" });
  band.style.background = `linear-gradient(to right, ${cssColour("ramp").split(" ").join(", ")})`;
  box.replaceChildren(
    el("span", { class: "key" }, `${capital(quantity(axes.colour).label)}:`),
    el("span", { class: "key" }, quantityText(axes.colour, Math.min(...values))),
    band,
    el("span", { class: "key" }, quantityText(axes.colour, Math.max(...values))),
  );
}
