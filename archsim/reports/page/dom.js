// The page is built from text nodes only: no name in the data is ever read as markup.

function pageData() {
  return JSON.parse(document.querySelector('script[type="application/json"]').textContent);
}

function byId(id) {
  return document.getElementById(id);
}

// el("td", {class: "number", title: "…"}, "text", node, …)
function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function swatch(colour) {
  const node = el("span", { class: "swatch" });
  node.style.background = colour;
  return node;
}

// A chart's tooltip: a heading and rows of cells, a label and then numbers.
function tip(heading, rows) {
  const body = rows.map(([label, ...numbers]) =>
    el("tr", null, el("td", null, label), ...numbers.map((cell) => el("td", { class: "number" }, cell))),
  );
  return el("div", { class: "tip" }, el("b", null, heading), el("table", null, ...body));
}

function labelled(colour, text) {
  return el("span", null, swatch(colour), text);
}

// Cells and heads of tables; columns are pairs of a title and whether it heads numbers.
function numberCell(text, title) {
  return el("td", { class: "number", title }, text);
}

function headRow(columns) {
  return el(
    "thead",
    null,
    el(
      "tr",
      null,
      ...columns.map(([text, number]) => el("th", { scope: "col", class: number ? "number" : null }, text)),
    ),
  );
}

// A fact of a list of them, in a dl.
function pair(key, value) {
  return el("div", null, el("dt", null, key), el("dd", null, value));
}

// A figure and its unit with notes below, in a dl of cards.
function card(title, [figure, unit], ...notes) {
  return el(
    "div",
    null,
    el("dt", null, title),
    el("dd", { class: "figure" }, figure, el("span", { class: "unit" }, unit ? ` ${unit}` : "")),
    ...notes.map((note) => el("dd", { class: "note" }, note)),
  );
}

// A picker with its label; choices are pairs of a value and its text.
function select(label, id, choices, value, onChange) {
  const box = el("select", { id });
  for (const [name, text] of choices) box.append(el("option", { value: name }, text));
  box.value = value ?? "";
  box.addEventListener("change", () => onChange(box.value));
  return el("label", null, `${label} `, box);
}

function showWarnings(warnings) {
  byId("warnings").hidden = !warnings.length;
  byId("warnings")
    .querySelector("ul")
    .replaceChildren(...warnings.map((text) => el("li", null, text)));
}
