// Runs before the first paint: the chosen theme, and the mark that scripts run.
(() => {
  const root = document.documentElement;
  root.dataset.js = "";
  try {
    const theme = localStorage.getItem("waybill-theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  } catch {
    // Storage can be refused; the system's theme then stands.
  }
})();
