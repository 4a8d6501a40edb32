// Draws the charts of a page, again at another width, in another theme and on paper.

// name -> {chart, option: its maker, shown: series name -> boolean, layers: index of the layer at each place
// on the axis of layers, null where there is no such axis; bare: without the names under that axis; zoomed:
// what else of the option follows the zoom; placeOf: tells from the drawn option where a chart without that
// axis holds a layer}
const charts = {};

function addChart(name, option, layers, { bare = false, zoomed = null, placeOf = null } = {}) {
  const box = byId(`${name}-chart`);
  box.setAttribute("role", "img");
  box.setAttribute("aria-label", byId(`${name}-caption`).textContent);
  const chart = echarts.init(box, null, {
    renderer: "canvas",
    devicePixelRatio: Math.max(2, window.devicePixelRatio),
  });
  charts[name] = { chart, option, layers, bare, zoomed, placeOf, shown: {} };
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
  if (entry.placeOf) entry.place = entry.placeOf(option);
  entry.width = entry.chart.getWidth();
}

function fit(entry) {
  entry.chart.resize();
  if (entry.chart.getWidth() !== entry.width) draw(entry);
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
