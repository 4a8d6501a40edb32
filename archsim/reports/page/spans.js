// When each layer runs: a bar from its first cycle to its last; and, where it was kept, the first firings.

function spanOption(chart) {
  const names = run.layers.map((layer) => layer.name);
  const toMs = 1 / (run.roofline.clock_mhz * 1e3);
  const last = Math.max(...run.layers.map((layer) => layer.end_cycle)) * toMs;
  const [factor, unit] = step("duration", last);
  const scale = toMs / factor;
  const bar = { type: "bar", stack: "span", barMaxWidth: 72, emphasis: { disabled: true } };
  const series = [
    { ...bar, silent: true, itemStyle: { color: "transparent" }, data: run.layers.map((x) => x.start_cycle * scale) },
    {
      ...bar,
      name: "runs",
      data: run.layers.map((layer) => ({
        value: Math.max(layer.end_cycle - layer.start_cycle, last * 2e-3 / toMs) * scale,
        itemStyle: { color: colourOf(layer.bound_by) },
      })),
    },
  ];
  return layerChart(chart, names, `Time (${unit})`, series, (index) => {
    const layer = run.layers[index];
    const at = (cycle) => told("duration", cycle * toMs);
    return tip(`${index + 1}  ${layer.name}`, [
      ["from", at(layer.start_cycle), `cycle ${whole(layer.start_cycle)}`],
      ["to", at(layer.end_cycle), `cycle ${whole(layer.end_cycle)}`],
    ]);
  });
}

function spanCaption() {
  byId("spans-caption").textContent = isPipelined
    ? "From a stage's first work on one input to its last; stages overlap."
    : "From a layer's first transfer to its last. Where bars overlap, weights are fetched while the layer before still runs.";
}

// A line a firing, broken in between; every other one fainter, so that neighbours can be told apart. Shorter
// lines than a pixel would not be drawn: each is at least `shortest` long.
function firingSeries(lane, index, scale, shortest) {
  const part = (rest) => ({
    type: "line",
    name: lane.name,
    showSymbol: false,
    silent: true,
    emphasis: { disabled: true },
    lineStyle: { width: 12, cap: "butt", color: seriesColour(index), opacity: rest ? 0.55 : 1 },
    data: lane.firings.flatMap(([start, cycles], place) =>
      place % 2 === rest
        ? [[start * scale, index], [start * scale + Math.max(cycles * scale, shortest), index], [null, null]]
        : [],
    ),
  });
  return [part(0), part(1)];
}

function firingTip(at, scale) {
  const cycle = at / scale;
  const busy = run.firings.lanes.flatMap((lane) => {
    const found = lane.firings.find(([start, cycles]) => start <= cycle && cycle < start + cycles);
    return found ? [[lane.name, run.firings.actors[found[2]]]] : [];
  });
  return tip(`cycle ${whole(cycle)}`, busy.length ? busy : [["nothing runs", ""]]);
}

// [unit of the axis, units a cycle].
function firingScale() {
  const toMs = 1 / (run.roofline.clock_mhz * 1e3);
  const [factor, unit] = step("duration", run.firings.until_cycle * toMs);
  return [unit, toMs / factor];
}

function firingRoom(chart) {
  return isNarrow(chart) ? 96 : 190;
}

function allFirings(chart, part) {
  const [, scale] = firingScale();
  const shortest = (1.5 * part * run.firings.until_cycle * scale) / (chart.getWidth() - firingRoom(chart));
  return run.firings.lanes.flatMap((lane, index) => firingSeries(lane, index, scale, shortest));
}

function followFiringZoom({ chart }) {
  chart.on("datazoom", () => {
    const { start, end } = chart.getOption().dataZoom[0];
    chart.setOption({ series: allFirings(chart, (end - start) / 100) });
  });
}

function firingOption(chart) {
  const { lanes, until_cycle: until } = run.firings;
  const [unit, scale] = firingScale();
  const room = firingRoom(chart);
  return {
    animation: false,
    grid: { left: room, right: 16, top: 12, bottom: 70, outerBoundsMode: "none" },
    tooltip: { ...tooltip("axis", (items) => firingTip(items[0].axisValue, scale)), axisPointer: { type: "line" } },
    xAxis: {
      type: "value",
      min: 0,
      max: until * scale,
      name: `Time (${unit})`,
      nameLocation: "middle",
      nameGap: 24,
      nameTextStyle: axisText(),
      axisLabel: { ...axisText(), showMaxLabel: false },
      splitLine: { lineStyle: { color: cssColour("rule") } },
    },
    yAxis: {
      type: "category",
      inverse: true,
      data: lanes.map(({ name }) => name),
      axisTick: { show: false },
      axisLabel: { ...axisText(), formatter: (name) => shorten(name, isNarrow(chart) ? 13 : 26) },
    },
    dataZoom: [
      { ...zoomSlider(), filterMode: "none" },
      { type: "inside", filterMode: "none", zoomOnMouseWheel: "ctrl" },
    ],
    series: allFirings(chart, 1),
  };
}

function firingCaption() {
  const { shown, firings, until_cycle: until } = run.firings;
  const time = told("duration", until / (run.roofline.clock_mhz * 1e3));
  const all = shown === firings;
  byId("firings-caption").textContent =
    `${all ? "All" : "The first"} ${whole(shown)} ${all ? "" : `of ${whole(firings)} `}firings, up to ${time}: ` +
    "every transfer and every tile, on what they keep busy. Drag the handles to zoom.";
}
