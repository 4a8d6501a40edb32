// The settings of a run. A setting's unit is the end of its name: vdd_v is told as "vdd", in V.

const UNIT_OF_SUFFIX = {
  v: "V",
  mhz: "MHz",
  nm: "nm",
  c: "°C",
  mm2: "mm²",
  pj: "pJ",
  ms: "ms",
  gb_s: "GB/s",
};
const SUFFIX = new RegExp(`_(${Object.keys(UNIT_OF_SUFFIX).join("|")})$`);

function settingName(key) {
  return key.replace(SUFFIX, "").replaceAll("_", " ");
}

function settingText(key, value) {
  if (isTable(value))
    return Object.entries(value)
      .map(([name, item]) => (isTable(item) ? `${name} (${settingText("", item)})` : `${settingName(name)} ${settingText(name, item)}`))
      .join(", ");
  const match = key.match(SUFFIX);
  return `${oneLine(value)}${match ? ` ${UNIT_OF_SUFFIX[match[1]]}` : ""}`;
}
