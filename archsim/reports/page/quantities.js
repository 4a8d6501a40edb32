// What a search minimises and limits, by the name it has in the documents: its words, its unit.

const QUANTITIES = {
  latency_ms: { label: "latency", kind: "duration", factor: 1 },
  interval_cycles: { label: "interval (cycles)", unit: "" },
  frames_per_s: { label: "frames per second", unit: "" },
  energy_mj: { label: "energy", kind: "energy", factor: 1e9 },
  energy_mj_low: { label: "energy, low", kind: "energy", factor: 1e9 },
  energy_mj_high: { label: "energy, high", kind: "energy", factor: 1e9 },
  tops: { label: "TOPS", unit: "" },
  tops_per_w: { label: "TOPS/W", unit: "" },
  edp_mj_ms: { label: "EDP", unit: "mJ·ms" },
  peak_memory_bytes: { label: "peak memory", kind: "memory", factor: 1 },
  dram_bytes: { label: "DRAM traffic", kind: "traffic", factor: 1 },
  accuracy: { label: "accuracy", unit: "%", factor: 100 },
  accuracy_std: { label: "deviation of accuracy", unit: "%", factor: 100 },
  area_mm2: { label: "area", unit: "mm²" },
  sensitivity: { label: "sensitivity", unit: "" },
  top1_error: { label: "top-1 error", unit: "%", factor: 100 },
  dram_mb: { label: "DRAM traffic", kind: "traffic", factor: 1e6 },
  weight_kib: { label: "weights", kind: "memory", factor: 1024 },
  power_mw: { label: "power", unit: "mW" },
  peak_activation_kib: { label: "peak activations", kind: "memory", factor: 1024 },
};

function quantity(name) {
  if (Object.hasOwn(QUANTITIES, name)) return QUANTITIES[name];
  if (name.startsWith("held_kib."))
    return { label: `held in ${name.slice("held_kib.".length)}`, kind: "memory", factor: 1024 };
  return { label: name.replace(/^resource\./, "").replaceAll("_", " "), unit: "" };
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function quantityText(name, value) {
  const { kind, factor, unit } = quantity(name);
  if (!isNumber(value)) return MISSING;
  return kind ? told(kind, value * factor) : `${digits(value * (factor ?? 1))}${unit ? NO_BREAK + unit : ""}`;
}

// [factor, unit] in which all of the values of a quantity are told, so that they compare at a glance.
function quantityStep(name, values) {
  const { kind, factor, unit } = quantity(name);
  if (!kind) return [factor ?? 1, unit];
  const [size, prefix] = step(kind, Math.max(...values) * factor);
  return [factor / size, prefix];
}

// "19.9 % less"; empty where there is nothing to compare with.
function comparison(value, baseline) {
  if (!isNumber(value) || !isNumber(baseline) || baseline === 0) return "";
  const change = value / baseline - 1;
  if (Math.abs(change) < 0.0005) return "same";
  return `${percent(Math.abs(change))} ${change < 0 ? "less" : "more"}`;
}
