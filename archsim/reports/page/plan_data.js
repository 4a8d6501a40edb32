// The plan that the page shows. On the page of a front it becomes another one when a point is chosen.

let plan = null;

function usePlan(document) {
  plan = document;
  plan.layers = plan.layers.map((layer, index) => ({ ...layer, index }));
}

// Whether the plan knows a number of each layer, or of any of them.
function hasNumbers(key) {
  return plan.layers.some((layer) => isNumber(layer[key]));
}

function precisionText(layer) {
  const output = layer.output_bits;
  const written = isNumber(output) && output !== layer.activation_bits ? ` → ${output}` : "";
  return `w${layer.weight_bits} a${layer.activation_bits}${written}`;
}

// A tile's sizes of one dimension from the outermost buffer in, as a list: also where it is a single number.
function tileSizes(layer, dim) {
  const { tile } = layer.mapping;
  if (!isTable(tile) || !Object.hasOwn(tile, dim)) return [];
  return [].concat(tile[dim]);
}

// Dimensions that are tiled anywhere: those of size 1 everywhere say nothing.
function tiledDims() {
  const dims = new Set();
  for (const { mapping } of plan.layers)
    if (isTable(mapping.tile)) Object.keys(mapping.tile).forEach((dim) => dims.add(dim));
  return [...dims].filter((dim) =>
    plan.layers.some((layer) => tileSizes(layer, dim).some((size) => size !== 1)),
  );
}

function tileText(layer) {
  return tiledDims()
    .filter((dim) => tileSizes(layer, dim).length)
    .map((dim) => `${dim} ${tileSizes(layer, dim).join(" › ")}`)
    .join(", ");
}
