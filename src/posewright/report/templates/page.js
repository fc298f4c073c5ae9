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
/* Shows the rows that hold every word of the field above their table. */
for (const field of document.querySelectorAll("input[type=search]")) {
  const rows = [...field.closest("p").nextElementSibling.querySelectorAll("tbody tr")];
  const texts = rows.map((row) => row.textContent.toLowerCase());
  const said = field.closest("p").querySelector("output");
  field.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = texts.map((text) => words.every((word) => text.includes(word)));
    rows.forEach((row, place) => row.classList.toggle("filtered", !fits[place]));
    said.textContent = words.length ? `${fits.filter(Boolean).length} of ${rows.length} rows` : "";
  });
}
/* Hides what is about a method that is switched off. */
const toggles = [...document.querySelectorAll(".toggles input")];
function showMethods() {
  const hidden = new Set(toggles.filter((toggle) => !toggle.checked).map((toggle) => toggle.value));
  for (const part of document.querySelectorAll("[data-methods]")) {
    part.classList.toggle("off", part.dataset.methods.split("\n").some((name) => hidden.has(name)));
  }
}
for (const toggle of toggles) toggle.addEventListener("change", showMethods);
/* Paper cannot be unfolded. Long tables stay folded: nobody reads a thousand rows on paper. */
window.addEventListener("beforeprint", () => {
  for (const folded of document.querySelectorAll("details")) {
    if (folded.querySelectorAll("tbody tr").length <= 60) folded.open = true;
  }
});
