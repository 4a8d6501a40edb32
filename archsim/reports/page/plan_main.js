// The page of one plan.

function redrawOthers() {}

followSystemTheme(() => redraw());
usePlan(pageData());
planMasthead();
showPlan(plan);
followPrinter();
