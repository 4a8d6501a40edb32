// How much each parameter matters to a goal, and which way.

let effectGoal = sweep.goals[0];

function goalEffects() {
  return sweep.effects[effectGoal] || [];
}

function effectsOption(chart) {
  const effects = [...goalEffects()].reverse();
  const text = { fontFamily: fontFamily(), fontSize: 12, color: cssColour("ink") };
  return {
    animation: false,
    grid: { left: isNarrow(chart) ? 110 : 170, right: 70, top: 8, bottom: 28, outerBoundsMode: "none" },
    xAxis: {
      ...valueAxis("", 0),
      min: 0,
      max: 1,
      interval: isNarrow(chart) ? 0.5 : 0.2,
      axisLabel: { ...axisText(), formatter: (value) => `${Math.round(100 * value)} %` },
    },
    yAxis: {
      type: "category",
      data: effects.map(({ name }) => name),
      axisLabel: { ...axisText(), formatter: (name) => shorten(name, isNarrow(chart) ? 15 : 24) },
      axisTick: { show: false },
      axisLine: { lineStyle: { color: cssColour("rule") } },
    },
    series: [
      {
        type: "bar",
        barMaxWidth: 22,
        itemStyle: { color: cssColour("accent") },
        label: { ...text, show: true, position: "right", formatter: ({ value }) => percent(value) },
        data: effects.map(({ share }) => share),
      },
    ],
  };
}

// The values of a parameter, whose name stands at the first.
function levelLabel(levels, place) {
  const { name, value } = levels[place];
  const isFirst = !place || levels[place - 1].name !== name;
  return shorten(isFirst ? `${name} = ${oneLine(value)}` : oneLine(value), 22);
}

function levelsOption() {
  const effects = goalEffects();
  const levels = effects.flatMap(({ name, levels: own }) => own.map((level) => ({ name, ...level })));
  const colours = cssColour("series").split(" ");
  let place = 0;
  const series = effects.map(({ name, levels: own }, index) => {
    const data = own.map((level) => [place++, level.relative]);
    const isNumeric = own.every(({ value }) => isNumber(value));
    return {
      type: "line",
      name,
      symbolSize: 8,
      itemStyle: { color: colours[index % colours.length] },
      lineStyle: { width: isNumeric ? 2 : 0, color: colours[index % colours.length] },
      data,
    };
  });
  const told = (level) => `${level.name} = ${oneLine(level.value)}`;
  return {
    animation: false,
    grid: { left: 60, right: 24, top: 24, bottom: 96, outerBoundsMode: "none" },
    tooltip: tooltip("item", ({ data }) =>
      tip(told(levels[data[0]]), [[columnLabel(effectGoal), `${digits(data[1], 3)} × the mean`]]),
    ),
    xAxis: {
      type: "category",
      data: levels.map(told),
      axisLabel: { ...axisText(), rotate: 40, interval: 0, formatter: (_, place) => levelLabel(levels, place) },
      axisTick: { show: false },
    },
    yAxis: { ...valueAxis("× the mean", "5%"), type: "log", logBase: 2 },
    series,
  };
}
