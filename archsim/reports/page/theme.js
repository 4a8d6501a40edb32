// Colours come from the style sheet, so charts and page change together.

function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function channels(colour) {
  return [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
}

function mixed(one, other, part) {
  const [from, to] = [channels(one), channels(other)];
  return `rgb(${from.map((value, i) => Math.round(value + part * (to[i] - value))).join(",")})`;
}

// As many colours as parts: further rounds of the colours are darker, then paler.
function seriesColour(index) {
  const colours = cssColour("series").split(" ");
  const round = Math.floor(index / colours.length);
  const own = colours[index % colours.length];
  return round ? mixed(own, cssColour(round === 1 ? "ink" : "paper"), 0.45) : own;
}

function fontFamily() {
  return getComputedStyle(document.body).fontFamily;
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  byId("theme").textContent = theme === "dark" ? "Light theme" : "Dark theme";
}

function currentTheme() {
  return document.documentElement.dataset.theme;
}

// The reader's system decides, until the reader does.
function followSystemTheme(onChange) {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const system = () => (dark.matches ? "dark" : "light");
  let chosen = false;
  setTheme(system());
  dark.addEventListener("change", () => {
    if (!chosen) {
      setTheme(system());
      onChange();
    }
  });
  byId("theme").addEventListener("click", () => {
    chosen = true;
    setTheme(currentTheme() === "dark" ? "light" : "dark");
    onChange();
  });
}
