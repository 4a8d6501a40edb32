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

function colourOf(name) {
  const series = cssColour("series").split(" ");
  const place = COLOURED.indexOf(name);
  return place < 0 ? cssColour("compute") : series[place % series.length];
}
