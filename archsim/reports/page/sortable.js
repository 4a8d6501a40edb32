// Tables that sort by any column; the rows of one of them, the layers', open and light up with the charts.

function textColumn(title, value, kind = "") {
  return { title, value, text: value, kind };
}

function numberColumn(title, value, write) {
  return { title, value, text: (item) => write(value(item)), number: true };
}

// A column is told in one unit, so that its numbers compare at a glance.
function unitColumn(items, title, kind, key) {
  const [factor, prefix] = step(kind, Math.max(0, ...items.map((item) => item[key])));
  return {
    title,
    unit: prefix,
    number: true,
    value: (item) => item[key],
    text: (item) => (item[key] ? digits(item[key] / factor, 3) : isNumber(item[key]) ? "0" : MISSING),
    exact: (item) => whole(item[key]),
  };
}

// The part of the largest that an item has; drawn as a bar behind its number.
function shareOf(items, key) {
  const largest = Math.max(...items.map((item) => item[key]), Number.MIN_VALUE);
  return (item) => item[key] / largest;
}

// Paper is too narrow for every column: some are for the screen only.
function columnClass(column) {
  return `${column.number ? "number" : column.kind || ""} ${column.screen ? "screen" : ""}`.trim() || null;
}

function cellOf(column, item) {
  const cell = el(
    "td",
    { class: columnClass(column), title: column.exact ? column.exact(item) : null },
    String(column.text(item)),
  );
  if (column.share) {
    const bar = el("i");
    bar.style.width = `${100 * column.share(item)}%`;
    cell.classList.add("share");
    cell.append(bar);
  }
  return cell;
}

// items have an `index`, their place in the unsorted table. Returns the rows, each with its item.
function sortableTable(table, columns, items) {
  const rows = items.map((item) => ({
    item,
    row: el(
      "tr",
      { class: "row", "data-index": item.index, tabindex: "0" },
      ...columns.map((column) => cellOf(column, item)),
    ),
  }));
  const body = el("tbody", null, ...rows.map(({ row }) => row));
  const heads = columns.map((column) => {
    const button = el(
      "button",
      { type: "button" },
      column.title,
      column.unit ? el("span", { class: "unit" }, ` (${column.unit})`) : null,
    );
    const head = el("th", { scope: "col", class: columnClass(column) }, button);
    button.addEventListener("click", () => sortRows(body, rows, column, head));
    return head;
  });
  table.replaceChildren(el("thead", null, el("tr", null, ...heads)), body);
  return rows;
}

// Calls back with the index of the row that is clicked, or on which Enter is pressed.
function onRowChosen(table, callback) {
  const chosenRow = (event) => {
    const row = event.target.closest("tr.row");
    if (row) callback(row);
  };
  const body = table.querySelector("tbody");
  body.addEventListener("click", chosenRow);
  body.addEventListener("keydown", (event) => {
    if (event.key === "Enter") chosenRow(event);
  });
}

// The first click on a number sorts largest first, on a text from a to z; the next turns the order.
// What is missing comes last either way.
function sortRows(body, rows, column, head) {
  const was = head.getAttribute("aria-sort");
  const up = was ? was === "descending" : !column.number || column.title === "#";
  for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const order = (a, b) =>
    column.number ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  const compare = (a, b) => {
    const [one, other] = [column.value(a), column.value(b)];
    const missing = (one === null || one === undefined) - (other === null || other === undefined);
    return missing || (up ? 1 : -1) * order(one, other) || a.index - b.index;
  };
  closeDetails(body);
  rows.sort((a, b) => compare(a.item, b.item));
  body.append(...rows.map(({ row }) => row));
}

// `factsOf` tells what an opened row shows: pairs of a label and a text, `pictureOf` a picture. The words of a layer in which the
// filter looks are those of `wordsOf`.
function linkedLayerTable(columns, layers, { factsOf, wordsOf, pictureOf = () => null }) {
  const table = byId("layer-table");
  const rows = sortableTable(table, columns, layers);
  const body = table.querySelector("tbody");
  body.addEventListener("mouseover", (event) => {
    const row = event.target.closest("tr.row");
    if (row) focusLayer(Number(row.dataset.index), "table");
  });
  body.addEventListener("mouseleave", () => focusLayer(-1, "table"));
  openDetail = (row) => {
    const layer = layers[Number(row.dataset.index)];
    toggleDetail(row, factsOf(layer), pictureOf(layer));
  };
  onRowChosen(table, openDetail);
  const filter = () => {
    const wanted = byId("filter").value.trim().toLowerCase();
    closeDetails(body);
    for (const { item, row } of rows) row.hidden = !wordsOf(item).toLowerCase().includes(wanted);
  };
  byId("filter").oninput = filter; // replaces the one of an earlier table
  filter();
}

let openDetail = () => {};

function closeDetails(body) {
  for (const detail of body.querySelectorAll("tr.detail")) detail.remove();
}

function toggleDetail(row, facts, picture) {
  if (row.nextSibling && row.nextSibling.className === "detail") return row.nextSibling.remove();
  const list = el(
    "dl",
    null,
    ...facts.flatMap(([key, value]) => [el("dt", null, key), el("dd", null, value)]),
  );
  row.after(el("tr", { class: "detail" }, el("td", { colspan: row.children.length }, list, picture)));
}

function showRow(index) {
  const row = byId("layer-table").querySelector(`tr.row[data-index="${index}"]`);
  if (!row) return;
  row.hidden = false;
  closeDetails(row.parentNode);
  openDetail(row);
  row.scrollIntoView({ block: "center", behavior: "smooth" });
}
