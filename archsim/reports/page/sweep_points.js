// Points over two of their quantities, with the front as stairs; a third one, or a parameter, by colour.

function colourScale() {
  const name = shownAxes.colour;
  if (!name) return null;
  const values = points.map((point) => point[name]);
  if (values.every(isNumber)) {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const [from, to] = cssColour("ramp").split(" ");
    return { low, high, of: (value) => mixed(from, to, high > low ? (value - low) / (high - low) : 0) };
  }
  const names = [...new Set(values.map(String))];
  return { names, of: (value) => seriesColour(names.indexOf(String(value))) };
}

function pointsOption() {
  const { x, y, colour } = shownAxes;
  const shown = points.filter(isShown);
  const fronts = frontOf(shown, x, y);
  const onFront = new Set(fronts.flat());
  const scale = colourScale();
  const [[fx, ux], [fy, uy]] = [x, y].map((name) => axisStep(name, shown));
  const place = (point) => [point[x] * fx, point[y] * fy];
  const item = (point) => ({
    value: place(point),
    point,
    itemStyle: {
      color: !point.feasible
        ? cssColour("rule")
        : scale
          ? scale.of(point[colour])
          : cssColour(onFront.has(point) ? "accent" : "compute"),
      opacity: onFront.has(point) ? 1 : 0.55,
      borderColor: onFront.has(point) ? cssColour("ink") : "transparent",
      borderWidth: onFront.has(point) ? 1 : 0,
    },
  });
  const cloud = (list, size, z) => ({
    type: "scatter",
    symbolSize: size,
    z,
    cursor: "pointer",
    data: list.map(item),
  });
  return {
    animation: false,
    grid: { left: 70, right: 24, top: 34, bottom: 46, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ data }) => (data && data.point ? pointTip(data.point) : "")),
    xAxis: pointAxis(x, ux, true, shown),
    yAxis: pointAxis(y, uy, false, shown),
    series: [
      ...fronts.map((front) => stairsOf(front.map(place), better(x))),
      cloud(shown.filter((point) => !onFront.has(point)), 6, 2),
      cloud([...onFront], 11, 3),
    ],
  };
}

function axisStep(name, shown) {
  const values = shown.map((point) => point[name]).filter(isNumber);
  return sweep.quantities.includes(name) ? quantityStep(name, values.length ? values : [1]) : [1, ""];
}

const WIDE_SPREAD = 30; // largest over least value from which on an axis is logarithmic

// The axis begins at 0 where the room before the least value would reach below it.
function pointAxis(name, unit, isAcross, shown) {
  const axis = valueAxis(columnLabel(name) + (unit ? ` (${unit})` : ""), "6%");
  const across = { nameLocation: "middle", nameGap: 28, nameTextStyle: axisText() };
  const values = shown.map((point) => point[name]).filter(isNumber);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (low > 0 && high > WIDE_SPREAD * low) return { ...axis, ...(isAcross ? across : {}), type: "log" };
  const fromZero = low >= 0 && low < 0.1 * (high - low) ? { min: 0 } : {};
  return { ...axis, ...(isAcross ? across : {}), scale: true, boundaryGap: ["4%", "4%"], ...fromZero };
}

function stairsOf(places, direction) {
  return {
    type: "line",
    step: direction > 0 ? "end" : "start",
    silent: true,
    showSymbol: false,
    z: 1,
    lineStyle: { color: cssColour("soft"), width: 1.5 },
    data: places,
  };
}

function pointsLegend() {
  const scale = colourScale();
  const box = byId("points-legend");
  if (!scale) return box.replaceChildren();
  const label = el("span", { class: "key" }, `${columnLabel(shownAxes.colour)}:`);
  if (scale.names)
    return box.replaceChildren(
      label,
      ...scale.names.map((name) => el("span", { class: "key" }, swatch(scale.of(name)), name)),
    );
  const band = el("span", { class: "band" });
  band.style.background = `linear-gradient(to right, ${cssColour("ramp").split(" ").join(", ")})`;
  const end = (value) => el("span", { class: "key" }, columnText(shownAxes.colour, value));
  return box.replaceChildren(label, end(scale.low), band, end(scale.high));
}

function pointsCaption() {
  const shown = points.filter(isShown);
  const front = frontOf(shown, shownAxes.x, shownAxes.y).flat().length;
  const sentences = [
    `${shown.length.toLocaleString("en-US")} points shown, ${front} on the front: ` +
      "no other one of the same workload is better in one of the two and as good in the other.",
  ];
  if (points.some((point) => !point.feasible)) sentences.push("Pale points are over a budget.");
  if (points.length < sweep.ran)
    sentences.push(
      `The page holds ${points.length.toLocaleString("en-US")} of the ` +
        `${sweep.ran.toLocaleString("en-US")} points that ran, all of the front among them.`,
    );
  byId("points-caption").textContent = sentences.join(" ");
}
