// What each layer takes of the machine's resources: the stages of a pipeline, the arrays of a crossbar chip.

const staged = run.resources.filter(
  ({ name, capacity }) => isNumber(capacity) && capacity > 0 && run.layers.some((layer) => layer.mapping[name] > 0),
);
let stagedResource = staged.length ? staged[0].name : null;

function stageOption(chart) {
  const { name, capacity } = staged.find((use) => use.name === stagedResource);
  const taken = run.layers.map((layer) => layer.mapping[name] || 0);
  const series = [
    {
      type: "bar",
      name,
      barMaxWidth: 72,
      itemStyle: { color: cssColour("accent") },
      emphasis: { disabled: true },
      data: taken.map((used) => (100 * used) / capacity),
    },
  ];
  const names = run.layers.map((layer) => layer.name);
  return layerChart(chart, names, `${name} (% of ${whole(capacity)})`, series, (index) =>
    tip(
      `${index + 1}  ${names[index]}`,
      staged.map((use) => {
        const used = run.layers[index].mapping[use.name] || 0;
        return [use.name, digits(used), percent(used / use.capacity)];
      }),
    ),
  );
}

function stagePicker() {
  byId("stage-pickers").replaceChildren(
    select("of", "pick-stage", staged.map(({ name }) => [name, name]), stagedResource, (name) => {
      stagedResource = name;
      draw(charts.stages);
    }),
  );
}

function stageCaption() {
  const most = (name) => run.layers.reduce((a, b) => ((b.mapping[name] || 0) > (a.mapping[name] || 0) ? b : a));
  byId("stages-caption").textContent = `The most: ${staged.map(({ name }) => `${name} in ${most(name).name}`).join(", ")}.`;
}

const hasOccupancy = run.layers.some((layer) => isNumber(layer.mapping.cells_used));

function occupancyOption(chart) {
  const names = run.layers.map((layer) => layer.name);
  const series = [
    {
      type: "bar",
      name: "cells used",
      barMaxWidth: 72,
      itemStyle: { color: cssColour("accent") },
      emphasis: { disabled: true },
      data: run.layers.map(({ mapping }) => (isNumber(mapping.cells_used) ? 100 * mapping.cells_used : null)),
    },
  ];
  return layerChart(chart, names, "Cells that hold weights (%)", series, (index) => {
    const { mapping } = run.layers[index];
    return tip(
      `${index + 1}  ${names[index]}`,
      isNumber(mapping.cells_used)
        ? [
            ["cells that hold weights", percent(mapping.cells_used)],
            ["rows used of the fullest array", whole(mapping.rows_used)],
            ["columns used", whole(mapping.columns_used)],
            ["arrays at once", whole(mapping.crossbars)],
          ]
        : [["arrays", "none"]],
    );
  });
}
