// Puts the page together: words first, then the charts, then the tables.

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

function legends() {
  chartLegend(
    byId("energy-legend"),
    charts.energy,
    run.energy.components.map((row) => row.component),
  );
  chartLegend(byId("latency-legend"), charts.latency, boundKinds());
  chartLegend(byId("roofline-legend"), charts.roofline, boundKinds());
}

function colouredParts() {
  legends();
  groupTable();
  areaTable();
  resourceTable();
}

function redraw() {
  Object.values(charts).forEach(draw);
  colouredParts();
}

function layerIndexByName() {
  return new Map(run.layers.map((layer, index) => [layer.name, index]));
}

// Charts of what only some machines have.
function addResourceCharts(layerPlaces) {
  byId("by-stage").hidden = !staged.length;
  if (staged.length) {
    stagePicker();
    stageCaption();
    addChart("stages", stageOption, layerPlaces);
  }
  byId("section-occupancy").hidden = !hasOccupancy;
  if (hasOccupancy) addChart("occupancy", occupancyOption, layerPlaces);
  byId("first-firings").hidden = !run.firings;
  if (run.firings) {
    firingCaption();
    addChart("firings", firingOption, null);
    followFiringZoom(charts.firings);
  }
}

function start() {
  followSystemTheme(redraw);
  masthead();
  cards();
  captions();
  const places = layerIndexByName();
  const layerPlaces = run.layers.map((layer) => layer.index);
  const indices = (names) => names.map((name) => places.get(name) ?? -1);
  addChart("energy", energyOption, indices(run.energy.layers));
  addChart("latency", latencyOption, layerPlaces);
  addChart("spans", spanOption, layerPlaces);
  spanCaption();
  addResourceCharts(layerPlaces);
  addChart("roofline", rooflineOption, null, { placeOf: rooflinePlace });
  byId("section-memory").hidden = !run.memory.length;
  if (run.memory.length) addChart("memory", memoryOption, indices(run.memory.map((row) => row.layer)));
  Object.keys(charts)
    .filter((name) => charts[name].layers)
    .forEach(linkLayerChart);
  linkRoofline();
  groupPicker();
  colouredParts();
  linkedLayerTable(layerColumns(), run.layers, {
    factsOf: layerFacts,
    pictureOf: mappingPicture,
    wordsOf: (layer) => `${layer.name} ${layer.operator}`,
  });
  actionTable();
  assumptionTable();
  followPrinter();
}

start();
