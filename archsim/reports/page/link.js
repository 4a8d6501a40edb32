// One layer is in focus at a time: pointing at it anywhere lights it up everywhere.

// name -> {chart, option: its maker, shown: series name -> boolean, layers: run.layers index of each place on
// the axis of layers, null where there is no such axis}
const charts = {};
let focused = -1;

function layerIndexByName() {
  return new Map(run.layers.map((layer, index) => [layer.name, index]));
}

function focusLayer(index, origin) {
  if (index === focused) return;
  lightRow(focused, false);
  for (const [name, entry] of Object.entries(charts)) {
    if (name === origin) continue;
    if (entry.layers) pointAtLayer(entry, index);
    else lightPoint(entry, focused, index);
  }
  focused = index;
  lightRow(index, true);
}

function pointAtLayer({ chart, layers }, index) {
  const place = index < 0 ? -1 : layers.indexOf(index);
  const spot =
    place < 0
      ? { currTrigger: "leave" }
      : {
          currTrigger: "mousemove",
          tooltipOption: { showContent: false }, // one tooltip on the page is enough
          x: chart.convertToPixel({ xAxisIndex: 0 }, place),
          y: chart.convertToPixel({ yAxisIndex: 0 }, 0) - 2,
        };
  chart.dispatchAction({ type: "updateAxisPointer", ...spot }, { silent: true });
}

function lightPoint({ chart, place }, before, now) {
  for (const [type, index] of [
    ["downplay", before],
    ["highlight", now],
  ]) {
    const spot = place(index);
    if (spot) chart.dispatchAction({ type, ...spot }, { silent: true });
  }
}

function lightRow(index, lit) {
  const row = byId("layer-table").querySelector(`tr.row[data-index="${index}"]`);
  if (row) row.classList.toggle("lit", lit);
}

function followZoom(origin) {
  const { start, end } = charts[origin].chart.getOption().dataZoom[0];
  Object.assign(zoom, { start, end });
  for (const [name, { chart, layers }] of Object.entries(charts)) {
    if (!layers) continue;
    if (name !== origin) chart.dispatchAction({ type: "dataZoom", start, end }, { silent: true });
    chart.setOption(layerAxis(chart, layers.length));
  }
}

function linkLayerChart(name) {
  const { chart, layers } = charts[name];
  chart.on("updateAxisPointer", (event) => {
    const axis = (event.axesInfo || [])[0];
    if (axis) focusLayer(layers[axis.value] ?? -1, name);
  });
  chart.on("datazoom", () => followZoom(name));
  chart.getZr().on("globalout", () => focusLayer(-1, name));
  chart.getZr().on("click", (event) => {
    const spot = [event.offsetX, event.offsetY];
    if (!chart.containPixel("grid", spot)) return;
    const place = Math.round(chart.convertFromPixel({ xAxisIndex: 0 }, spot[0]));
    showRow(layers[place]);
  });
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

// Buttons that hide and show parts of a chart; what is hidden stays so when the chart is drawn anew.
function chartLegend(box, { chart, shown }, names) {
  box.replaceChildren(
    ...names.map((name) => {
      const button = el(
        "button",
        { type: "button", "aria-pressed": String(shown[name] ?? true) },
        swatch(colourOf(name)),
        name,
      );
      button.addEventListener("click", () => {
        shown[name] = !(shown[name] ?? true);
        button.setAttribute("aria-pressed", String(shown[name]));
        chart.dispatchAction({ type: "legendToggleSelect", name });
      });
      return button;
    }),
  );
}
