// Colours come from the style sheet, so charts and page change together.

function cssColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
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
