// A picture of a layer's mapping: its operands as matrices, cut into the tiles that lie in a buffer at once.

const SVG = "http://www.w3.org/2000/svg";
const SIDE = 132; // pixels of the longer side of an operand
const MOST_LINES = 60;
// [operand, loops of its rows, loops of its columns]; P·Q of the input stand for its pixels
const OPERANDS = [
  ["weights", ["K"], ["C", "R", "S"]],
  ["input", ["B", "P", "Q"], ["C", "R", "S"]],
  ["output", ["B", "P", "Q"], ["K"]],
];

function svg(tag, attributes) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// Sizes of the outermost tile by loop; loops written as one ("CRS") count as one. Null without a tile.
function outerTile(layer) {
  const { tile } = layer.mapping;
  if (!tile || !Object.keys(layer.loops).length) return null;
  return Object.fromEntries(Object.entries(tile).map(([dim, size]) => [dim, Array.isArray(size) ? size[0] : size]));
}

function sizeOf(sizes, loops, whole) {
  const joined = loops.join("");
  if (isNumber(sizes[joined])) return sizes[joined];
  return loops.reduce((product, dim) => product * (sizes[dim] ?? whole[dim] ?? 1), 1);
}

function operandPicture([name, rows, columns], loops, tile) {
  const count = (sizes, dims) => Math.min(sizeOf(sizes, dims, loops), sizeOf(loops, dims, {}));
  const [height, width] = [count(loops, rows), count(loops, columns)];
  const [tall, wide] = [count(tile, rows), count(tile, columns)];
  // a matrix far from square keeps a short side that can be seen
  const ratio = Math.min(6, Math.max(1 / 6, width / height));
  const [w, h] = ratio >= 1 ? [SIDE, SIDE / ratio] : [SIDE * ratio, SIDE];
  const picture = svg("svg", { width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img" });
  picture.append(svg("rect", { width: w, height: h, class: "operand" }));
  picture.append(svg("rect", { width: (w * wide) / width, height: (h * tall) / height, class: "tile" }));
  const lines = (size, part, length, place) => {
    const many = Math.ceil(size / part);
    if (many > MOST_LINES) return;
    for (let line = 1; line < many; line += 1) picture.append(svg("line", place((line * part * length) / size)));
  };
  lines(width, wide, w, (x) => ({ x1: x, x2: x, y1: 0, y2: h }));
  lines(height, tall, h, (y) => ({ x1: 0, x2: w, y1: y, y2: y }));
  const tiles = Math.ceil(height / tall) * Math.ceil(width / wide);
  const text = `${name} ${whole(height)} × ${whole(width)}, ${whole(tiles)} ${tiles === 1 ? "tile" : "tiles"} of ${whole(tall)} × ${whole(wide)}`;
  picture.setAttribute("aria-label", text);
  return el("figure", null, picture, el("figcaption", null, text));
}

function mappingPicture(layer) {
  const tile = outerTile(layer);
  if (!tile) return null;
  const loops = { ...layer.loops };
  // GEMM engines cut the rows, columns and sums of a product
  if (isNumber(tile.m))
    Object.assign(tile, { BPQ: tile.m, K: tile.n, CRS: tile.k });
  return el("div", { class: "mapping" }, ...OPERANDS.map((operand) => operandPicture(operand, loops, tile)));
}
