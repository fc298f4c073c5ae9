"use strict";
/* Sorts a table by the clicked column: by number where every cell is one, else as text. A second click turns round. */
function value(row, index) {
  const cell = row.cells[index];
  return cell.dataset.sort ?? cell.firstChild?.textContent?.trim() ?? "";
}
function sortBy(header) {
  const table = header.closest("table");
  const index = header.cellIndex;
  const rows = [...table.tBodies[0].rows];
  const down = header.getAttribute("aria-sort") === "ascending";
  const numeric = rows.every((row) => value(row, index) === "" || !Number.isNaN(Number(value(row, index))));
  rows.sort((one, two) => {
    const [a, b] = [value(one, index), value(two, index)];
    if (a === "" || b === "") return (a === "") - (b === ""); /* missing values stay last in both directions */
    const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
    return down ? -order : order;
  });
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  table.tBodies[0].append(...rows);
}
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.parentNode));
}
/* Paper cannot be unfolded. */
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) folded.open = true;
});
