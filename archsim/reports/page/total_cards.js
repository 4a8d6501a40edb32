// Cards of totals beside those of a baseline.

const TOTALS = [
  { title: "Latency", key: "latency_ms", parts: (value) => parts("duration", value) },
  { title: "Energy", key: "energy_mj", parts: (value) => parts("energy", value * 1e9) },
  { title: "Energy-delay product", key: "edp_mj_ms", parts: edpParts },
  { title: "Area", key: "area_mm2", parts: (value) => [digits(value), "mm²"] },
  { title: "DRAM traffic", key: "dram_bytes", parts: (value) => parts("traffic", value) },
  { title: "Peak activations", key: "peak_memory_bytes", parts: (value) => parts("memory", value) },
];

// now, before: totals; before is null where there is no baseline.
function totalCard({ title, key, parts: told, moreIsBetter = false }, now, baseline) {
  const value = now[key];
  const before = baseline ? baseline[key] : null;
  const [figure, unit] = told(value);
  const node = el(
    "div",
    null,
    el("dt", null, title),
    el("dd", { class: "figure" }, figure, el("span", { class: "unit" }, unit ? ` ${unit}` : "")),
  );
  if (isNumber(before)) node.append(...againstBaseline(value, before, told(before).join(NO_BREAK), moreIsBetter));
  if (key === "energy_mj" && isNumber(now.energy_mj_low))
    node.append(
      el(
        "dd",
        { class: "note" },
        `between ${told(now.energy_mj_low).join(NO_BREAK)} and ` +
          told(now.energy_mj_high).join(NO_BREAK),
      ),
    );
  return node;
}

function againstBaseline(value, before, beforeText, moreIsBetter) {
  const change = comparison(value, before);
  const [good, bad] = moreIsBetter ? ["more", "less"] : ["less", "more"];
  const kind = change.endsWith(good) ? "better" : change.endsWith(bad) ? "worse" : "";
  const longest = Math.max(value, before, Number.MIN_VALUE);
  const bar = el("i", { class: "bar" });
  const mark = el("i", { class: "mark" });
  bar.style.width = `${(100 * value) / longest}%`;
  mark.style.left = `${(100 * before) / longest}%`;
  const words = kind ? `${change}: ${kind}` : change === "same" ? "as the baseline" : "";
  return [
    el("dd", { class: "meter", "aria-hidden": "true" }, bar, mark),
    el("dd", { class: "note" }, el("b", { class: kind || null }, words), ` baseline ${beforeText}`),
  ];
}
