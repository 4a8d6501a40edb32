// The axis of layers, which several charts of a page share, and what every chart looks like.

const zoom = { start: 0, end: 100 };
const ZOOM_FROM = 16; // layers; fewer need no zoom
const NAME_ROOM = 28; // pixels a layer must have on the axis to be told by name, not by number
const NAME_LENGTH = 18; // characters of a name under an axis
const CHARACTER = 7.5; // pixels of one, with some air

function axisText() {
  return { color: cssColour("soft"), fontSize: 12, fontFamily: fontFamily() };
}

function valueAxis(name, headroom) {
  return {
    type: "value",
    name,
    boundaryGap: [0, headroom],
    nameLocation: "end",
    nameGap: 12,
    nameTextStyle: { ...axisText(), align: "left", padding: [0, 0, 0, -44] },
    axisLabel: { ...axisText(), formatter: (value) => value.toLocaleString("en-US") },
    splitLine: { lineStyle: { color: cssColour("rule") } },
  };
}

function isNarrow(chart) {
  return chart.getWidth() < 560;
}

// How much a name is turned so that each has `room` pixels: not at all where the longest fits.
function nameTurn(names, room) {
  const longest = Math.max(...names.map((name) => shorten(name, NAME_LENGTH).length));
  return longest * CHARACTER < room ? 0 : 40;
}

// The part of a chart that follows the zoom: names where there is room for them, else numbers. A bare chart
// stands right above another one, which has them.
function layerAxis(chart, names, bare = false) {
  const count = names.length;
  const room = (chart.getWidth() - 80) / ((count * (zoom.end - zoom.start)) / 100);
  const named = !isNarrow(chart) && room >= NAME_ROOM;
  const turn = named ? nameTurn(names, room) : 0;
  const foot = bare ? 4 : (turn ? 92 : 26) + (count > ZOOM_FROM ? 22 : 0);
  return {
    grid: { left: named ? 84 : 48, right: 8, top: 34, bottom: foot, outerBoundsMode: "none" },
    xAxis: {
      axisLabel: {
        show: !bare,
        rotate: turn,
        interval: named ? 0 : "auto",
        formatter: (name, index) => (named ? shorten(name, NAME_LENGTH) : `${index + 1}`),
      },
    },
  };
}

function tooltip(trigger, formatter) {
  return {
    trigger,
    formatter,
    confine: true,
    transitionDuration: 0,
    axisPointer: { type: "shadow", shadowStyle: { color: cssColour("shade") } },
    backgroundColor: cssColour("paper"),
    borderColor: cssColour("rule"),
    padding: [8, 12],
    textStyle: { color: cssColour("ink"), fontFamily: fontFamily() },
    extraCssText: "box-shadow: 0 4px 18px rgba(0,0,0,.16); border-radius: 6px;",
  };
}

function zoomSlider() {
  return {
    type: "slider",
    height: 16,
    bottom: 4,
    brushSelect: false,
    showDetail: false,
    showDataShadow: false,
    borderColor: cssColour("rule"),
    fillerColor: cssColour("shade"),
    backgroundColor: "transparent",
    handleStyle: { color: cssColour("paper"), borderColor: cssColour("soft") },
    moveHandleStyle: { color: cssColour("rule") },
  };
}

function layerChart(chart, names, unitName, series, formatter, { headroom = 0, bare = false } = {}) {
  const { grid, xAxis } = layerAxis(chart, names, bare);
  const zoomable = names.length > ZOOM_FROM;
  const slider = { ...zoomSlider(), show: !bare, ...zoom };
  const wheel = {
    type: "inside",
    ...zoom,
    zoomOnMouseWheel: "ctrl",
    moveOnMouseMove: true,
    preventDefaultMouseMove: false,
  };
  return {
    animation: false,
    grid,
    tooltip: tooltip("axis", (items) => formatter(items[0].dataIndex)),
    xAxis: {
      type: "category",
      data: names,
      axisTick: { show: false },
      axisLine: { lineStyle: { color: cssColour("soft") } },
      axisLabel: { ...axisText(), ...xAxis.axisLabel },
    },
    yAxis: valueAxis(unitName, headroom),
    dataZoom: zoomable ? (isNarrow(chart) ? [slider] : [slider, wheel]) : [],
    series,
  };
}
