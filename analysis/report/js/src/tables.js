// Tables sorted by a click on the head of a column; the numbers are in data-v.

import { el } from "./dom.js";

const key = (row, at) => {
  const cell = row.cells[at];
  return cell.dataset.v !== undefined ? +cell.dataset.v : cell.textContent;
};

function order(table, at) {
  const head = table.tHead.rows[0].cells[at];
  const down = head.getAttribute("aria-sort") !== "descending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const compared = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  const rows = [...table.tBodies[0].rows].sort((a, b) => compared(key(a, at), key(b, at)) * (down ? -1 : 1));
  table.tBodies[0].append(...rows);
}

export function sortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, at) => {
    const button = el("button", { type: "button", textContent: head.textContent, onclick: () => order(table, at) });
    head.replaceChildren(button);
  });
}
