// Numbers as people read them: four significant digits and the prefix that fits.
// Traffic is told in kB, MB, GB (powers of 1000), memory held in KiB, MiB, GiB (powers of 1024).

const MISSING = "–";
const NO_BREAK = "\u00a0"; // a number and its unit stay on one line
const STEPS = {
  count: [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
    [1, ""],
  ],
  energy: [
    [1e12, "J"],
    [1e9, "mJ"],
    [1e6, "µJ"],
    [1e3, "nJ"],
    [1, "pJ"],
  ],
  traffic: [
    [1e12, "TB"],
    [1e9, "GB"],
    [1e6, "MB"],
    [1e3, "kB"],
    [1, "B"],
  ],
  memory: [
    [1024 ** 4, "TiB"],
    [1024 ** 3, "GiB"],
    [1024 ** 2, "MiB"],
    [1024, "KiB"],
    [1, "B"],
  ],
  duration: [
    [1e3, "s"],
    [1, "ms"],
    [1e-3, "µs"],
    [1e-6, "ns"],
  ],
  rate: [
    [1, "TOPS"],
    [1e-3, "GOPS"],
    [1e-6, "MOPS"],
  ],
};
const EDP_IN_MICRO = 0.01; // mJ·ms from which down the energy-delay product is told in µJ·µs

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function digits(value, significant = 4) {
  if (!isNumber(value)) return MISSING;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4) return value.toExponential(significant - 1);
  const rounded = Number(size.toPrecision(significant)); // 999.99 has the decimals of 1000
  const decimals = Math.max(0, significant - 1 - Math.floor(Math.log10(rounded)));
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

// A figure somebody chose: as many digits as it has, up to four.
function chosen(value) {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(value);
  if (size > 0 && size < 1e-4) return String(Number(value.toPrecision(4)));
  return value.toLocaleString("en-US", {
    maximumSignificantDigits: Math.max(4, Math.ceil(Math.log10(size || 1))),
  });
}

// The step a value of this size is told in: [factor, unit].
function step(kind, size) {
  const steps = STEPS[kind];
  return steps.find(([factor]) => Math.abs(size) >= factor * 0.99995) || steps[steps.length - 1];
}

// [number, unit] as text, for a place that sets the two apart.
function parts(kind, value) {
  if (!isNumber(value)) return [MISSING, ""];
  if (value === 0) return ["0", kind === "duration" ? "ms" : STEPS[kind][STEPS[kind].length - 1][1]];
  const [factor, unit] = step(kind, value);
  const exact = factor === 1 && Number.isInteger(value) && Math.abs(value) < 1e4;
  return [exact ? value.toLocaleString("en-US") : digits(value / factor), unit];
}

function told(kind, value) {
  return parts(kind, value).join(NO_BREAK).trim();
}

function edpParts(value) {
  return isNumber(value) && value < EDP_IN_MICRO ? [digits(value * 1e6), "µJ·µs"] : [digits(value), "mJ·ms"];
}

// In the unit and to the last place that fit `size`, which a column shares; what would be lost keeps its own.
function toldAs(kind, value, size) {
  const [factor, unit] = step(kind, size);
  const decimals = Math.max(0, 3 - Math.floor(Math.log10(Math.abs(size / factor) || 1)));
  if (value !== 0 && Math.abs(value / factor) < 10 ** -decimals) return told(kind, value);
  const places = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return `${(value / factor).toLocaleString("en-US", places)}${NO_BREAK}${unit}`;
}

// Both ends in one unit. A figure without an uncertainty is what somebody gave.
function span(kind, low, high, size = low) {
  if (low === high) return "as given";
  const [factor, unit] = step(kind, Math.abs(low) < 0.01 * step(kind, size)[0] ? low : size);
  return `${digits(low / factor)} – ${digits(high / factor)}${NO_BREAK}${unit}`;
}

function whole(value) {
  return isNumber(value) ? Math.round(value).toLocaleString("en-US") : MISSING;
}

function percent(fraction) {
  if (!isNumber(fraction)) return MISSING;
  const text = (100 * fraction).toFixed(1);
  return (text === "-0.0" ? "0.0" : text) + NO_BREAK + "%";
}

// Long names lose their middle: the ends tell layers apart.
function shorten(text, length) {
  const name = text.replace(/\s+/g, " ");
  if (name.length <= length) return name;
  const head = Math.ceil((length - 1) / 2);
  return name.slice(0, head) + "…" + name.slice(name.length - (length - 1 - head));
}

function sum(values) {
  return values.reduce((total, value) => total + (value || 0), 0);
}

// Any value of a mapping or a setting as one line: {"K": 16, "order": ["K", "C"]} -> "K=16 order=K·C".
function oneLine(value) {
  if (value === null || value === undefined) return MISSING;
  if (Array.isArray(value)) return value.map(nested).join("·");
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "object")
    return isNumber(value) && !Number.isInteger(value) ? String(+value.toPrecision(4)) : String(value);
  return Object.entries(value)
    .map(([key, item]) => `${key}=${nested(item)}`)
    .join(" ");
}

function isTable(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function nested(value) {
  return isTable(value) ? `(${oneLine(value)})` : oneLine(value);
}

// How few of the values, taken from the largest, make half of their sum.
function halfIn(values) {
  const sorted = [...values].sort((a, b) => b - a);
  const half = sum(sorted) / 2;
  let reached = 0;
  return (
    sorted.findIndex((value) => {
      reached += value;
      return reached >= half;
    }) + 1
  );
}
