// Before the program is there: the theme (no flash of the wrong one), and what is shown if it can't start or stops.
(() => {
  try {
    const saved = JSON.parse(localStorage.getItem("podarium.settings") ?? "{}");
    if (saved.theme === "light" || saved.theme === "dark") document.documentElement.dataset.theme = saved.theme;
  } catch {
    // Storage is refused or holds something else: the system's theme it is.
  }
  const fail = (text, details) => {
    const box = document.getElementById("failure");
    if (!box || !box.hidden) return;
    document.getElementById("failure-text").textContent = text;
    document.getElementById("failure-details").textContent = details;
    document.getElementById("failure-reload").onclick = () => location.reload();
    box.hidden = false;
    document.getElementById("failure-reload").focus();
  };
  let running = false;
  globalThis.addEventListener("TrunkApplicationStarted", () => (running = true));
  globalThis.podariumFailed = (details) => fail("The program met an error that it can't mend.", details);
  globalThis.addEventListener("unhandledrejection", (event) => {
    if (!running) fail("The program could not be loaded. Is the connection there, and the browser recent?", String(event.reason));
  });
  globalThis.addEventListener("error", (event) => {
    if (!running) fail("The program could not be loaded. Is the connection there, and the browser recent?", event.message ?? event.target?.src ?? "");
  }, true);
})();
