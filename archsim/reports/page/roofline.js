// Achieved MACs per cycle over MACs per DRAM byte, both on logarithmic axes, under the machine's ceilings.

// One point a layer with MACs; one without DRAM traffic has no finite intensity and stands at the right edge.
function rooflinePoints() {
  const points = [];
  run.layers.forEach((layer, index) => {
    const cycles = paceCycles(layer) || layer.end_cycle - layer.start_cycle;
    if (!(layer.macs > 0) || !(cycles > 0)) return;
    const intensity = layer.dram_bytes > 0 ? layer.macs / layer.dram_bytes : Infinity;
    points.push({ index, layer, intensity, rate: layer.macs / cycles });
  });
  return points;
}

function decade(value, round) {
  return 10 ** round(Math.log10(value) + (round === Math.floor ? -1e-9 : 1e-9));
}

function rooflineExtent(points) {
  const { peak_macs_per_cycle: peak, dram_bytes_per_cycle: bandwidth } = run.roofline;
  const x = points.map((point) => point.intensity).filter(Number.isFinite);
  if (bandwidth) x.push(peak / bandwidth);
  if (!x.length) x.push(1, 100);
  const y = [peak, ...points.map((point) => point.rate)];
  return {
    left: decade(Math.min(...x), Math.floor),
    right: decade(Math.max(...x) * 1.5, Math.ceil),
    bottom: decade(Math.min(...y), Math.floor),
    top: decade(Math.max(...y) * 1.2, Math.ceil),
  };
}

function ceiling(extent) {
  const { peak_macs_per_cycle: peak, dram_bytes_per_cycle: bandwidth } = run.roofline;
  if (!bandwidth)
    return [
      [extent.left, peak],
      [extent.right, peak],
    ];
  const ridge = peak / bandwidth;
  const start = Math.max(extent.left, extent.bottom / bandwidth);
  return [
    [start, start * bandwidth],
    [ridge, peak],
    [extent.right, peak],
  ];
}

function logAxis(name, min, max, location) {
  return {
    type: "log",
    min,
    max,
    name,
    nameLocation: location,
    nameGap: location === "middle" ? 28 : 12,
    nameTextStyle: {
      ...axisText(),
      ...(location === "end" ? { align: "left", padding: [0, 0, 0, -44] } : {}),
    },
    axisLabel: { ...axisText(), formatter: (value) => axisFigure(value) },
    axisLine: { show: location === "middle", lineStyle: { color: cssColour("soft") } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: cssColour("rule") } },
  };
}

function axisFigure(value, gap = "") {
  const [factor, prefix] = step("count", value);
  return `${chosen(value / factor)}${gap}${prefix}`;
}

function rooflineTip(point) {
  const { layer, index, intensity, rate } = point;
  const { peak_macs_per_cycle: peak, dram_bytes_per_cycle: bandwidth, clock_mhz: clock } = run.roofline;
  const roof = bandwidth ? Math.min(peak, bandwidth * intensity) : peak;
  return tip(`${index + 1}  ${layer.name}`, [
    ["achieved", `${digits(rate)} MACs/cycle`],
    ["", `${told("count", rate * clock * 1e6)}MAC/s`],
    ["of its ceiling", percent(rate / roof)],
    ["intensity", Number.isFinite(intensity) ? `${digits(intensity)} MACs/byte` : "no DRAM traffic"],
    [isPipelined ? "interval" : "latency", `${whole(paceCycles(layer))} cycles`],
    ["bound by", labelled(colourOf(layer.bound_by), layer.bound_by)],
  ]);
}

function pointSeries(name, points, extent, longest) {
  return {
    type: "scatter",
    name,
    clip: false,
    cursor: "pointer",
    itemStyle: { color: colourOf(name), opacity: 0.75, borderColor: cssColour("paper"), borderWidth: 1 },
    emphasis: { scale: 1.5, itemStyle: { opacity: 1, borderColor: cssColour("ink"), borderWidth: 2 } },
    data: points.map((point) => ({
      value: [Number.isFinite(point.intensity) ? point.intensity : extent.right, point.rate],
      symbol: Number.isFinite(point.intensity) ? "circle" : "triangle",
      symbolRotate: Number.isFinite(point.intensity) ? 0 : -90,
      symbolSize: 7 + 19 * Math.sqrt(paceCycles(point.layer) / longest),
      point,
    })),
  };
}

function rooflineOption(chart) {
  const points = rooflinePoints();
  const extent = rooflineExtent(points);
  const longest = Math.max(1, ...points.map((point) => paceCycles(point.layer)));
  const { peak_macs_per_cycle: peak, dram_bytes_per_cycle: bandwidth, clock_mhz: clock } = run.roofline;
  const roof = {
    type: "line",
    name: "ceiling",
    data: ceiling(extent),
    showSymbol: false,
    silent: true,
    z: 1,
    lineStyle: { color: cssColour("ink"), width: 1.5 },
    markPoint: {
      silent: true,
      symbol: "circle",
      symbolSize: 1,
      itemStyle: { color: "transparent" },
      label: {
        position: "top",
        align: "right",
        distance: 4,
        color: cssColour("ink"),
        fontFamily: fontFamily(),
        formatter: () => `peak ${chosen(peak)} MACs/cycle = ${axisFigure(peak * clock * 1e6, " ")}MAC/s`,
      },
      data: [{ coord: [extent.right, peak] }],
    },
  };
  const series = boundKinds().map((name) =>
    pointSeries(
      name,
      points.filter((point) => point.layer.bound_by === name),
      extent,
      longest,
    ),
  );
  return {
    animation: false,
    grid: { left: 48, right: 22, top: 34, bottom: 46, outerBoundsMode: "none" },
    tooltip: tooltip("item", (item) => (item.data.point ? rooflineTip(item.data.point) : "")),
    xAxis: logAxis("MACs per DRAM byte", extent.left, extent.right, "middle"),
    yAxis: logAxis("MACs per cycle", extent.bottom, extent.top, "end"),
    series: [roof, ...(bandwidth ? [slopeLabel(extent, bandwidth, peak)] : []), ...series],
  };
}

// The bandwidth's name, beside the lower end of the slanted ceiling, where layers are rare.
function slopeLabel(extent, bandwidth, peak) {
  const ridge = peak / bandwidth;
  const start = Math.max(extent.left, extent.bottom / bandwidth);
  const x = start * (ridge / start) ** 0.15;
  return {
    type: "scatter",
    name: "bandwidth",
    silent: true,
    symbolSize: 0.1,
    data: [[x, x * bandwidth]],
    label: {
      show: true,
      position: "right",
      distance: 10,
      offset: [4, 8],
      color: cssColour("ink"),
      fontFamily: fontFamily(),
      formatter: () => `DRAM ${chosen(bandwidth)} B/cycle`,
    },
  };
}

function linkRoofline() {
  const { chart } = charts.roofline;
  chart.on("mouseover", (event) => {
    if (event.data && event.data.point) focusLayer(event.data.point.index, "roofline");
  });
  chart.on("mouseout", () => focusLayer(-1, "roofline"));
  chart.on("click", (event) => {
    if (event.data && event.data.point) showRow(event.data.point.index);
  });
}

// Where the roofline holds a layer: found in its drawn option, so that it is right after every redraw.
function rooflinePlace(option) {
  const places = new Map();
  option.series.forEach((series, seriesIndex) =>
    series.data.forEach((item, dataIndex) => {
      if (item.point) places.set(item.point.index, { seriesIndex, dataIndex });
    }),
  );
  return (index) => places.get(index);
}
