"use strict";
// The page of `hesnr report`: one script of page.js, charts.js and tokens.js, in this order.

const $ = (id) => document.getElementById(id);
const data = JSON.parse($("hesnr-report").textContent);
const runs = data.checkpoints;
const element = (tag, text, className) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

function makeSortable(table) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = element("button", head.textContent);
    button.type = "button";
    button.onclick = () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => (down ? -1 : 1) * compare(a.cells[column], b.cells[column]));
      table.tBodies[0].append(...rows);
    };
    head.replaceChildren(button);
  });
}

function compare(a, b) {
  const [x, y] = [a, b].map((cell) => ("value" in cell.dataset ? +cell.dataset.value : null));
  if (x === null || y === null) return x === y ? a.textContent.localeCompare(b.textContent) : x === null ? -1 : 1;
  return x - y;
}

async function start() {
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  drawCharts();
  let width = innerWidth, timer = 0;
  addEventListener("resize", () => {
    clearTimeout(timer);
    if (innerWidth !== width) timer = setTimeout(() => { width = innerWidth; drawCharts(); }, 150);
  });
  if (data.views.length) await startTokens();
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
}

// all three files are read before it starts
window.hesnrReady = Promise.resolve().then(start);
