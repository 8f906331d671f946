// Runs before the first paint, so that a chosen theme does not flash; the button is wired in helios.js.
(() => {
  "use strict";
  let chosen = null;
  try {
    chosen = localStorage.getItem("helios-theme");
  } catch {
    // Storage may be forbidden; the system's own preference then holds.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
})();
