"use strict";
// Sorts and filters tables; without this script the page shows the same content.
const texts = TEXTS;
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const key = (row, place) => {
    const cell = row.cells[place];
    const value = cell.dataset.sort ?? cell.textContent;
    return value !== "" && !isNaN(value) ? Number(value) : value;
  };
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  };
  [...table.tHead.rows[0].cells].forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      // Unknown values stay last.
      const known = row => key(row, place) !== "" && key(row, place) !== "-";
      const rows = [...body.rows];
      const sorted = rows.filter(known).sort((a, b) => compare(key(a, place), key(b, place)));
      body.append(...(down ? sorted.reverse() : sorted), ...rows.filter(row => !known(row)));
    });
  });
  const label = document.createElement("label");
  label.className = "filter";
  const input = document.createElement("input");
  input.type = "search";
  label.append(texts.filter + " ", input);
  const count = document.createElement("output");
  label.append(" ", count);
  input.addEventListener("input", () => {
    let shown = 0;
    for (const row of body.rows) {
      row.hidden = !row.textContent.toLocaleLowerCase().includes(input.value.trim().toLocaleLowerCase());
      shown += !row.hidden;
    }
    count.textContent = shown + " / " + body.rows.length;
  });
  table.closest(".scroll").before(label);
}
