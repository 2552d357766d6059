// A table that scrolls by itself must be reachable by keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".bd-article table")) {
    table.tabIndex = 0;
  }
});
