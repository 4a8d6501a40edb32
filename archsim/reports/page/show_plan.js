// A plan in the sections that both pages have. Words come first: they name the charts to screen readers.

function showPlan(document) {
  usePlan(document);
  proofWords();
  totalCards();
  hardwareFacts();
  budgetTable();
  bitsWords();
  bitsLegend();
  planCharts();
  planLayerTable();
  searchFacts();
}

function redraw() {
  Object.values(charts).forEach(draw);
  bitsLegend();
  redrawOthers();
}
