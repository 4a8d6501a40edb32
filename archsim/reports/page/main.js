// Puts the page together: words first, then the charts, then the tables.

function addChart(name, option, layers) {
  const box = byId(`${name}-chart`);
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", byId(`${name}-caption`).textContent);
  const chart = echarts.init(box, null, {
    renderer: "canvas",
    devicePixelRatio: Math.max(2, window.devicePixelRatio),
  });
  charts[name] = { chart, option, layers, shown: {} };
  chart.on("finished", () => tellDrawn(name));
  draw(charts[name]);
  new ResizeObserver(() => fit(charts[name])).observe(box);
}

// Readable from outside the page: which charts have been drawn.
function tellDrawn(name) {
  charts[name].drawn = true;
  const drawn = Object.keys(charts).filter((key) => charts[key].drawn);
  document.documentElement.dataset.drawn = drawn.join(" ");
}

function draw(entry) {
  const option = entry.option(entry.chart);
  option.legend = { show: false, selected: entry.shown };
  entry.chart.setOption(option, { notMerge: true });
  if (!entry.layers) entry.place = rooflinePlace(option);
  entry.width = entry.chart.getWidth();
}

function fit(entry) {
  entry.chart.resize();
  if (entry.chart.getWidth() !== entry.width) draw(entry);
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
  componentTable();
  areaTable();
}

function redraw() {
  Object.values(charts).forEach(draw);
  colouredParts();
}

// Paper is white and narrower than most windows.
function followPrinter() {
  const paper = 680; // CSS pixels: A4 less its margins
  let theme = null;
  window.addEventListener("beforeprint", () => {
    theme = currentTheme();
    setTheme("light");
    Object.values(charts).forEach((entry) => entry.chart.resize({ width: paper }));
    redraw();
  });
  window.addEventListener("afterprint", () => {
    if (theme) setTheme(theme);
    Object.values(charts).forEach((entry) => entry.chart.resize({ width: "auto" }));
    redraw();
  });
}

function start() {
  followSystemTheme(redraw);
  masthead();
  cards();
  captions();
  const places = layerIndexByName();
  const indices = (names) => names.map((name) => places.get(name) ?? -1);
  addChart("energy", energyOption, indices(run.energy.layers));
  addChart(
    "latency",
    latencyOption,
    run.layers.map((layer) => layer.index),
  );
  addChart("roofline", rooflineOption, null);
  byId("section-memory").hidden = !run.memory.length;
  if (run.memory.length) addChart("memory", memoryOption, indices(run.memory.map((row) => row.layer)));
  Object.keys(charts)
    .filter((name) => charts[name].layers)
    .forEach(linkLayerChart);
  linkRoofline();
  colouredParts();
  layerTable((index) => focusLayer(index, "table"));
  actionTable();
  assumptionTable();
  followPrinter();
}

start();
