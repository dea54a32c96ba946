// Runs before the first paint so that a dark page never flashes white. It is a
// file and no inline script because the CSP allows only files of this host.
(function () {
  var stored = null;
  try {
    stored = localStorage.getItem("skerry-color-scheme");
  } catch (e) {
    // Storage may be forbidden; then the system decides.
  }
  var dark = stored === "dark" || (stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
