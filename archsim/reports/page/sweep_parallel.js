// Parallel coordinates: all lines as one series with gaps, those of the front as another.

const LINES = 3000; // of the points that are not on the front; more would be one blot

function parallelAxes() {
  const goals = [...new Set([...sweep.goals, ...Object.keys(sweep.budgets)])];
  const names = [...sweep.parameters.map(({ name }) => name), ...goals.filter((name) => sweep.columns.includes(name))];
  return names.map((name) => {
    const parameter = sweep.parameters.find((one) => one.name === name);
    if (parameter) {
      const { values } = parameter;
      const last = Math.max(values.length - 1, 1);
      return { name, part: (value) => values.indexOf(value) / last, ticks: evenly(values, 8), parameter };
    }
    const values = points.map((point) => point[name]).filter((value) => isNumber(value) && value > 0);
    const [low, high] = [Math.min(...values), Math.max(...values)].map(Math.log);
    const part = (value) => (high > low ? (Math.log(value) - low) / (high - low) : 0);
    const ticks = [0, 0.25, 0.5, 0.75, 1].map((at) => Math.exp(low + at * (high - low)));
    return { name, part, ticks: high > low ? ticks : [Math.exp(low)] };
  });
}

function evenly(values, most) {
  const stride = Math.ceil(values.length / most);
  return values.filter((_, index) => index % stride === 0);
}

function polyline(axes, list) {
  return list.flatMap((point) => [
    ...axes.map((axis, place) => [place, axis.part(point[axis.name])]),
    [axes.length - 1, null],
  ]);
}

function parallelOption(chart) {
  const [axes, narrow] = [parallelAxes(), isNarrow(chart)];
  const shown = points.filter(isShown);
  const onFront = frontOf(shown, ...goalPair()).flat();
  const front = new Set(onFront);
  const others = evenly(shown.filter((point) => !front.has(point) && point.feasible), LINES);
  const line = (list, colour, width, opacity, z) => ({
    type: "line",
    silent: true,
    showSymbol: false,
    connectNulls: false,
    z,
    lineStyle: { color: cssColour(colour), width, opacity },
    data: polyline(axes, list),
  });
  const halo = { textBorderColor: cssColour("paper"), textBorderWidth: 3 };
  const text = { fontFamily: fontFamily(), fontSize: 11, color: cssColour("ink"), ...halo };
  return {
    animation: false,
    grid: { left: 24, right: narrow ? 60 : 80, top: narrow ? 76 : 40, bottom: 20, outerBoundsMode: "none" },
    xAxis: {
      type: "value",
      min: 0,
      max: Math.max(axes.length - 1, 1),
      interval: 1,
      position: "top",
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: cssColour("soft"), width: 1 } },
      axisLabel: {
        ...axisText(),
        color: cssColour("ink"),
        rotate: narrow ? 40 : 0,
        alignMinLabel: narrow ? null : "left",
        margin: 14, // above the uppermost ticks
        formatter: (place) => (axes[place] ? shorten(columnLabel(axes[place].name), narrow ? 12 : 22) : ""),
      },
    },
    yAxis: { type: "value", min: 0, max: 1, show: false },
    series: [
      line(others, "compute", 1, Math.max(0.12, Math.min(0.5, 150 / (others.length || 1))), 1),
      line(onFront, "accent", 2, 0.9, 3),
      {
        type: "scatter",
        silent: true,
        symbolSize: 1,
        z: 5,
        label: { ...text, show: true, position: "right", formatter: ({ data }) => data.text },
        data: axes.flatMap((axis, place) =>
          ticksOf(axis, narrow).map((value, number) => ({
            value: [place, axis.part(value)],
            // neighbours have no room beside each other on a narrow page
            label: narrow ? { fontSize: 10, offset: [-3, (place % 2 ? -7 : 7) * (number ? -1 : 1)] } : {},
            text: columnText(axis.name, value),
          })),
        ),
      },
      ...brushes(axes),
    ],
  };
}

// All ticks of an axis; on a narrow page its ends.
function ticksOf({ ticks }, narrow) {
  return narrow && ticks.length > 2 ? [ticks[0], ticks[ticks.length - 1]] : ticks;
}

function goalPair() {
  return [sweep.goals[0], sweep.goals[1] ?? sweep.goals[0]];
}

function brushes(axes) {
  return axes
    .map((axis, place) => ({ axis, place, range: ranges[axis.name] }))
    .filter(({ range }) => range)
    .map(({ place, axis, range }) => ({
      type: "line",
      silent: true,
      showSymbol: false,
      z: 4,
      lineStyle: { color: cssColour("notice-rule"), width: 6, opacity: 0.8, cap: "round" },
      data: range.map((value) => [place, axis.part(value)]),
    }));
}

// Dragging along an axis of numbers keeps the lines between the two ends; a click lets all through again.
function brushable(entry) {
  const zr = entry.chart.getZr();
  let from = null;
  const spot = (event) => entry.chart.convertFromPixel({ xAxisIndex: 0, yAxisIndex: 0 }, [event.offsetX, event.offsetY]);
  zr.on("mousedown", (event) => (from = spot(event)));
  zr.on("mouseup", (event) => {
    if (!from) return;
    const to = spot(event);
    const axis = parallelAxes()[Math.round(from[0])];
    const near = Math.abs(from[0] - Math.round(from[0])) < 0.25;
    if (axis && near && (!axis.parameter || axis.parameter.number)) {
      const [low, high] = [Math.min(from[1], to[1]), Math.max(from[1], to[1])];
      if (high - low < 0.02) delete ranges[axis.name];
      else setRange(axis, low, high);
      showPoints();
    }
    from = null;
  });
}

function setRange(axis, low, high) {
  const inside = points.map((point) => point[axis.name]).filter((value) => {
    const part = axis.part(value);
    return part >= low - 1e-9 && part <= high + 1e-9;
  });
  if (inside.length) ranges[axis.name] = [Math.min(...inside), Math.max(...inside)];
}
