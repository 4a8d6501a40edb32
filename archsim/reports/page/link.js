// One layer is in focus at a time: pointing at it anywhere lights it up everywhere.

let focused = -1;

function focusLayer(index, origin) {
  if (index === focused) return;
  lightRow(focused, false);
  for (const [name, entry] of Object.entries(charts)) {
    if (name === origin) continue;
    if (entry.layers) pointAtLayer(entry, index);
    else if (entry.place) lightPoint(entry, focused, index);
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
  for (const [name, { chart, layers, bare, zoomed }] of Object.entries(charts)) {
    if (!layers) continue;
    const names = chart.getOption().xAxis[0].data;
    if (name !== origin) chart.dispatchAction({ type: "dataZoom", start, end }, { silent: true });
    chart.setOption({ ...layerAxis(chart, names, bare), ...(zoomed ? zoomed(chart) : {}) });
  }
}

function linkLayerChart(name) {
  const entry = charts[name]; // its layers may be others later
  const { chart } = entry;
  chart.on("updateAxisPointer", (event) => {
    const axis = (event.axesInfo || [])[0];
    if (axis) focusLayer(entry.layers[axis.value] ?? -1, name);
  });
  chart.on("datazoom", () => followZoom(name));
  chart.getZr().on("globalout", () => focusLayer(-1, name));
  chart.getZr().on("click", (event) => {
    const spot = [event.offsetX, event.offsetY];
    if (!chart.containPixel("grid", spot)) return;
    const place = Math.round(chart.convertFromPixel({ xAxisIndex: 0 }, spot[0]));
    showRow(entry.layers[place]);
  });
}
