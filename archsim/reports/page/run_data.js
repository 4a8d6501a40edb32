// The run that the page shows, and the colours of its components.

const run = pageData();
run.layers.forEach((layer, index) => {
  layer.index = index;
});

// A component and the memory of the same name share a colour; "compute" has its own.
const COLOURED = [...run.energy.components.map((row) => row.component)];
for (const name of [...run.layers.map((layer) => layer.bound_by), ...Object.keys(run.area_mm2)]) {
  if (name !== "compute" && !COLOURED.includes(name)) COLOURED.push(name);
}

const isPipelined = run.composition === "pipelined";

// Cycles that a layer holds up others: its own time, or, of a pipeline's stage, the time it needs an input.
function paceCycles(layer) {
  return isPipelined ? layer.interval_cycles : layer.latency_cycles;
}

function slowestStage() {
  return run.layers.reduce((a, b) => (b.interval_cycles > a.interval_cycles ? b : a));
}

function colourOf(name) {
  const place = COLOURED.indexOf(name);
  return place < 0 ? cssColour("compute") : seriesColour(place);
}
