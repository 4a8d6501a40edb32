// The colours of bit-widths, and how many layers have which.

const BITS_OF_STOPS = [1, 2, 4, 8, 16, 32]; // the colours of --bits; widths between them mix two

function bitsColour(bits) {
  const colours = cssColour("bits").split(" ");
  const at = Math.min(Math.max(Math.log2(bits), 0), BITS_OF_STOPS.length - 1);
  const low = Math.min(Math.floor(at), BITS_OF_STOPS.length - 2);
  return mixed(colours[low], colours[low + 1], at - low);
}

// Black or white, whichever reads better on a colour of the form rgb(…).
function inkOn(colour) {
  const [red, green, blue] = colour.match(/\d+/g).map(Number);
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#16191e" : "#ffffff";
}

function bitsText(bits) {
  return bits === 1 ? "1 bit" : `${bits} bits`;
}

// [[bits, layers], …], the widest first.
function bitsCounts(layers, key) {
  const counts = new Map();
  for (const layer of layers) counts.set(layer[key], (counts.get(layer[key]) || 0) + 1);
  return [...counts].sort((a, b) => b[0] - a[0]);
}

function layersText(count) {
  return count === 1 ? "1 layer" : `${count} layers`;
}

function bitsSentence(layers, key) {
  const counts = bitsCounts(layers, key);
  if (counts.length === 1)
    return `${bitsText(counts[0][0])} in ${layers.length === 1 ? "the only layer" : "all layers"}`;
  return counts.map(([bits, count]) => `${bitsText(bits)} in ${layersText(count)}`).join(", ");
}

// The same for a cell: 8×27 4×4.
function bitsBrief(layers, key) {
  return bitsCounts(layers, key)
    .map(([bits, count]) => `${bits}×${count}`)
    .join(" ");
}

function bitsLegend() {
  const widths = new Set(plan.layers.flatMap((layer) => [layer.weight_bits, layer.activation_bits]));
  byId("bits-legend").replaceChildren(
    ...[...widths]
      .sort((a, b) => b - a)
      .map((bits) => el("span", { class: "key" }, swatch(bitsColour(bits)), bitsText(bits))),
  );
}
