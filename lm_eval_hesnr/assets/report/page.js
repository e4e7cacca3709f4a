"use strict";
// The charts, the sortable tables, and the token view of the page of `hesnr report`.
(() => {
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("hesnr-report").textContent);
const runs = data.checkpoints;
const element = (tag, text, className) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

// ---- sortable tables -------------------------------------------------------------------------------------------

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

// ---- charts ----------------------------------------------------------------------------------------------------

const LN = [1, 2, 3, 4, 5, 10];
const main = (i) => i === data.focus || i === data.baseline;
const colour = (i) => (i === data.focus ? "var(--s1)" : i === data.baseline ? "var(--s2)" : "var(--s0)");
const rowsOf = (name, scope = data.scope) =>
  runs.map((run, i) => {
    const found = (run.values[scope] || {})[name];
    return found && found.value !== null
      ? { i, name: run.name, step: run.step, value: found.value, low: found.interval?.[0], high: found.interval?.[1] }
      : null;
  }).filter(Boolean);
const steps = runs.map((run) => run.step);
const overSteps = runs.length > 1 && !steps.includes(null) && new Set(steps).size === steps.length;
const leftMargin = () => Math.min(170, 20 + 6.2 * Math.max(...runs.map((run) => run.name.length)));
const short = (name) => (name.length > 24 ? `${name.slice(0, 11)}…${name.slice(-11)}` : name);

// dots with intervals, one line for each run
function dots(rows, options) {
  return Plot.plot({
    marginLeft: leftMargin(), height: 50 + 20 * new Set(rows.map((row) => row.name)).size, grid: true,
    y: { label: null, domain: runs.map((run) => run.name), tickFormat: short },
    marks: [
      Plot.ruleY(rows.filter((row) => row.low !== undefined), {
        y: "name", x1: "low", x2: "high", stroke: (row) => colour(row.i), strokeWidth: 2 }),
      Plot.dot(rows, { y: "name", x: "value", fill: (row) => colour(row.i), r: 4,
        symbol: (row) => (row.i === data.focus ? "diamond" : "circle") }),
    ],
    symbol: { type: "identity" }, ...options,
  });
}

const charts = {
  curves(width) {
    const columns = width > 700 ? 2 : 1;
    return data.curves.map((name) => {
      const rows = rowsOf(name), log = name === "ppl";
      const size = { width: Math.floor((width - 16 * (columns - 1)) / columns) };
      const scale = { label: name, type: log ? "log" : "linear" };
      if (!rows.length) return null;
      if (!overSteps) return [name, dots(rows, { ...size, x: scale })];
      const banded = rows.filter((row) => row.low !== undefined);
      return [name, Plot.plot({
        ...size, height: 220, grid: true, marginLeft: 60, x: { label: "step" }, y: { ...scale, zero: false },
        marks: [
          Plot.areaY(banded, { x: "step", y1: "low", y2: "high", fill: "var(--s1)", fillOpacity: 0.2 }),
          Plot.lineY(rows, { x: "step", y: "value", stroke: "var(--s1)" }),
          Plot.dot(rows, { x: "step", y: "value", fill: (row) => colour(row.i), stroke: "var(--fg)",
            title: (row) => `${row.name}: ${row.value}` }),
        ],
      })];
    });
  },
  thresholds(width) {
    const rows = runs.flatMap((run, i) =>
      run.thresholds.filter((one) => one.he_snr !== null).map((one) => ({ ...one, i, name: run.name })));
    if (!rows.length) return [];
    const most = Math.max(...rows.map((row) => row.epsilon));
    const ends = rows.filter((row) => main(row.i) && row.epsilon === most);
    const line = (chosen, options) => Plot.lineY(chosen, { x: "epsilon", y: "he_snr", z: "name", ...options });
    return [[null, Plot.plot({
      width, height: 300, grid: true, marginLeft: 50, marginRight: 150,
      x: { label: "threshold, nats" }, y: { label: "he_snr" },
      marks: [
        line(rows.filter((row) => !main(row.i)), { stroke: "var(--s0)", strokeWidth: 1 }),
        line(rows.filter((row) => row.i === data.baseline), { stroke: "var(--s2)", strokeWidth: 2.5, strokeDasharray: "5 3" }),
        line(rows.filter((row) => row.i === data.focus), { stroke: "var(--s1)", strokeWidth: 2.5 }),
        data.epsilon === null ? null : Plot.ruleX([data.epsilon], { stroke: "currentColor", strokeDasharray: "2 3" }),
        Plot.text(ends, { x: "epsilon", y: "he_snr", text: (row) => short(row.name), dx: 6,
          textAnchor: "start", fill: (row) => colour(row.i) }),
        Plot.tip(rows, Plot.pointer({ x: "epsilon", y: "he_snr", title: (row) =>
          `${row.name}\nthreshold ${row.epsilon.toFixed(4)}\nhe_snr ${row.he_snr.toFixed(4)}` })),
      ],
    })]];
  },
  entropy(width) {
    const { bin, runs: shown } = data.histograms;
    const rows = shown.flatMap(({ name, tokens }) => {
      const total = tokens.reduce((sum, n) => sum + n, 0);
      return tokens.map((n, i) => ({ name, x1: i * bin, x2: (i + 1) * bin, share: n / total }));
    });
    const most = Math.max(...rows.map((row) => row.x2));
    return [[null, Plot.plot({
      width, height: 50 + 64 * shown.length, marginLeft: 45, marginRight: Math.min(170, leftMargin()),
      fy: { label: null, domain: shown.map((one) => one.name), tickFormat: short },
      x: { label: "entropy, nats" }, y: { type: "sqrt", label: null, ticks: 3, tickFormat: ".0%", grid: true },
      marks: [
        Plot.rectY(rows, { fy: "name", x1: "x1", x2: "x2", y: "share", fill: "var(--s1)", inset: 0.5 }),
        Plot.ruleX(LN.map(Math.log).filter((x) => x <= most), { stroke: "currentColor", strokeOpacity: 0.45 }),
        data.epsilon === null ? null
          : Plot.ruleX([data.epsilon], { stroke: "var(--s2)", strokeWidth: 2, strokeDasharray: "4 3" }),
      ],
    })]];
  },
  scopes(width) {
    const columns = width > 700 ? 2 : 1;
    return Object.keys(data.scopes).map((scope) => {
      const rows = rowsOf("he_snr", scope);
      return rows.length
        ? [scope, dots(rows, { width: Math.floor((width - 16 * (columns - 1)) / columns), x: { label: "he_snr" } })] : null;
    });
  },
};

function drawCharts() {
  for (const place of document.querySelectorAll("[data-chart]")) {
    const caption = place.parentElement.querySelector("figcaption").textContent;
    const drawn = charts[place.dataset.chart](Math.min(1100, place.clientWidth || 600)).filter(Boolean);
    place.replaceChildren(...drawn.map(([name, chart]) => {
      for (const inner of chart.querySelectorAll("[aria-label]")) inner.removeAttribute("aria-label");
      const svg = chart.matches("svg") ? chart : chart.querySelector("svg");
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", `${name ? `${name}: ` : ""}${caption} The numbers are in the table below.`);
      const box = element("div");
      if (name) box.append(element("p", name));
      box.append(chart);
      return box;
    }));
  }
}

// ---- tokens ----------------------------------------------------------------------------------------------------

const NOT_SCORED = 65535, PER_NAT = 2048, PER_NAT_OF_CANDIDATE = 16;
const state = { view: 0, doc: null, on: -1, worst: [], place: -1 };
const decoded = new Map();

async function decode(number) {
  const found = document.querySelector(`.hesnr-tokens[data-doc="${number}"]`);
  const zipped = Uint8Array.from(atob(found.textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream("gzip"));
  return parse(await new Response(stream).arrayBuffer(), data.views[number]);
}

// the layout is that of results/report/token_block.py
function parse(buffer, view) {
  let offset = 0;
  const take = (Type, n) => {
    const array = new Type(buffer.slice(offset, offset + n * Type.BYTES_PER_ELEMENT));
    offset += n * Type.BYTES_PER_ELEMENT;
    return array;
  };
  const [nRuns, flags] = take(Uint16Array, 2), [n] = take(Uint32Array, 1);
  const hasText = flags & 1, k = view.k, lnK = Math.log(k);
  const lengths = hasText ? take(Uint32Array, n) : null, labels = take(Uint8Array, n);
  const checkpoints = [];
  for (let run = 0; run < nRuns; run++) {
    const [surprisal, entropy, rank, bits] = [take(Uint16Array, n), take(Uint16Array, n), take(Uint8Array, n), take(Uint8Array, (n + 7) >> 3)];
    checkpoints.push({
      rank, surprisal,
      scored: (i) => surprisal[i] !== NOT_SCORED,
      s: (i) => surprisal[i] / PER_NAT,
      h: (i) => (entropy[i] / 65535) * lnK,
      decision: (i) => (bits[i >> 3] >> (i & 7)) & 1,
      candidates: () => null,
    });
  }
  for (let run = 0; flags & 2 && run < nRuns; run++) {
    const [m] = take(Uint32Array, 1);
    const positions = take(Uint32Array, m), ids = take(Uint32Array, m * k), surprisals = take(Uint8Array, m * k);
    const places = new Map([...positions].map((position, place) => [position, place]));
    checkpoints[run].candidates = (i) => {
      const place = places.get(i);
      if (place === undefined) return null;
      return Array.from({ length: k }, (_, j) => {
        const id = ids[place * k + j], p = Math.exp(-surprisals[place * k + j] / PER_NAT_OF_CANDIDATE);
        return [view.token_names[id] ?? `token ${id}`, p];
      });
    };
  }
  const text = hasText ? new TextDecoder().decode(new Uint8Array(buffer, offset)) : "·".repeat(n);
  const ends = new Uint32Array(n);
  for (let i = 0, end = 0; i < n; i++) ends[i] = end += lengths ? lengths[i] : 1;
  const start = (i) => (i ? ends[i - 1] : 0);
  return { n, labels, checkpoints, text, ends, start, token: (i) => text.slice(start(i), ends[i]), blocks: [] };
}

const isChange = () => $("checkpoint").value === "change";
const inScope = (i) => data.scopes[$("scope").value].includes(state.doc.labels[i]);
const shownRun = () => state.doc.checkpoints[isChange() ? 0 : +$("checkpoint").value];
// a decision that the view marks: of the shown run, or of one of both
function isMarked(i) {
  if (!inScope(i)) return false;
  if (!isChange()) return shownRun().decision(i) && shownRun().scored(i);
  return state.doc.checkpoints.every((one) => one.scored(i)) && state.doc.checkpoints.some((one) => one.decision(i));
}

const level = (value, limits) => limits.filter((limit) => value >= limit).length;

function classOf(i) {
  if (!inScope(i)) return "";
  const bySurprisal = $("colour").value === "surprisal";
  const of = (one) => (bySurprisal ? one.s(i) : one.h(i));
  if (!isChange()) {
    const one = shownRun();
    if (!one.scored(i)) return "";
    const step = level(of(one), bySurprisal ? [0.1, 0.7, 1.6, 3, 5] : [0.2, 0.5, 1, 1.5, 2]);
    return (step ? `h${step}` : "") + (one.decision(i) ? " d" : "");
  }
  const [a, b] = state.doc.checkpoints;
  if (!a.scored(i) || !b.scored(i)) return "";
  const change = of(b) - of(a), step = level(Math.abs(change), [0.1, 0.5, 1, 2]);
  const mark = a.decision(i) ? (b.decision(i) ? " d" : " left") : b.decision(i) ? " entered" : "";
  return (step ? (change > 0 ? "w" : "b") + step : "") + mark;
}

function paint(block) {
  const made = document.createDocumentFragment(), { doc } = state;
  let plain = "";
  for (let i = block.first; i < block.end; i++) {
    const className = classOf(i).trim();
    if (!className && i !== state.on) { plain += doc.token(i); continue; }
    if (plain) { made.append(plain); plain = ""; }
    const span = element("span", doc.token(i), className);
    span.dataset.i = i;
    if (i === state.on) span.setAttribute("aria-current", "true");
    made.append(span);
  }
  if (plain) made.append(plain);
  block.element.replaceChildren(made);
  block.painted = true;
}

let observer = null;
function build() {
  const { doc } = state, box = $("text"), made = document.createDocumentFragment();
  observer?.disconnect();
  doc.blocks = [];
  for (let i = 0, first = 0; i < doc.n; i++) {
    const size = i - first;
    if (i === doc.n - 1 || (size >= 400 && doc.token(i).includes("\n")) || size >= 2000) {
      const div = element("div", doc.text.slice(doc.start(first), doc.ends[i]));
      div.dataset.block = doc.blocks.length;
      doc.blocks.push({ first, end: i + 1, element: div, painted: false, visible: false });
      made.append(div);
      first = i + 1;
    }
  }
  box.replaceChildren(made);
  box.scrollTop = 0;
  observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const block = doc.blocks[entry.target.dataset.block];
      block.visible = entry.isIntersecting;
      if (block.visible && !block.painted) paint(block);
    }
  }, { root: box, rootMargin: "600px" });
  for (const block of doc.blocks) observer.observe(block.element);
}

function repaint() {
  for (const block of state.doc.blocks) {
    block.painted = false;
    if (block.visible) paint(block);
  }
  const { doc } = state, costs = [];
  const [a, b] = doc.checkpoints, one = shownRun();
  for (let i = 0; i < doc.n; i++)
    if (isMarked(i)) costs.push([isChange() ? a.surprisal[i] - b.surprisal[i] : Math.exp(-one.s(i)) / one.h(i), i]);
  state.marked = costs.map((pair) => pair[1]);
  state.worst = costs.sort((x, y) => x[0] - y[0] || x[1] - y[1]).map((pair) => pair[1]);
  state.place = -1;
  drawMap();
  drawLegend();
}

function drawLegend() {
  const parts = isChange()
    ? [["w3", "B is worse"], ["b3", "B is better"], ["d", "decision of both"], ["entered", "of B only"], ["left", "of A only"]]
    : [["h2", "low"], ["h5", "high"], ["d", "decision"]];
  const [a, b] = data.views[state.view].runs;
  const made = parts.flatMap(([className, name]) => [element("span", name, className), " "]);
  $("legend").replaceChildren(`${isChange() ? "Change of " : ""}${$("colour").value}: `, ...made, isChange() ? `A is ${a}, B is ${b}.` : "");
}

function drawMap() {
  const canvas = $("map"), pen = canvas.getContext("2d"), { doc } = state, { width, height } = canvas;
  const style = getComputedStyle(document.documentElement);
  const up = new Float32Array(width), down = new Float32Array(width), all = new Float32Array(width);
  const [a, b] = doc.checkpoints;
  for (let i = 0; i < doc.n; i++) all[Math.floor((i * width) / doc.n)]++;
  for (const i of state.marked) {
    const change = isChange() ? b.s(i) - a.s(i) : 1;
    (change > 0 ? up : down)[Math.floor((i * width) / doc.n)] += Math.min(1, Math.abs(change));
  }
  pen.clearRect(0, 0, width, height);
  const base = isChange() ? height / 2 : height;
  for (let x = 0; x < width; x++) {
    if (!all[x]) continue;
    pen.fillStyle = style.getPropertyValue(isChange() ? "--s2" : "--s1");
    pen.fillRect(x, base, 1, (-base * up[x]) / all[x]);
    pen.fillStyle = style.getPropertyValue("--s1");
    pen.fillRect(x, base, 1, (base * down[x]) / all[x]);
  }
  if (state.on >= 0) {
    pen.fillStyle = style.getPropertyValue("--fg");
    pen.fillRect((state.on * width) / doc.n - 1, 0, 3, height);
  }
}

function numbers(one, i) {
  if (!one.scored(i)) return "not scored";
  const rank = one.rank[i] === 255 ? "255 or more" : one.rank[i];
  return `p ${Math.exp(-one.s(i)).toPrecision(3)}, surprisal ${one.s(i).toFixed(3)}, entropy ${one.h(i).toFixed(3)}, rank ${rank}${one.decision(i) ? ", decision" : ""}`;
}

function about(i) {
  const { doc } = state, names = data.views[state.view].runs;
  const [a, b] = doc.checkpoints;
  const change = b && a.scored(i) && b.scored(i) ? ` Change of surprisal ${(b.s(i) - a.s(i) < 0 ? "" : "+") + (b.s(i) - a.s(i)).toFixed(3)}.` : "";
  return `Token ${i} of ${doc.n}: ${JSON.stringify(doc.token(i))}, ${data.labels[doc.labels[i]]}. ${doc.checkpoints.map((one, j) => `${names[j]}: ${numbers(one, i)}.`).join(" ")}${change}`;
}

function candidateTables(i) {
  const names = data.views[state.view].runs;
  return state.doc.checkpoints.map((one, j) => [names[j], one.candidates(i)]).filter((pair) => pair[1]);
}

const blockOf = (i) => state.doc.blocks.find((block) => i < block.end);

function show(i) {
  const old = state.on;
  state.on = i;
  if (old >= 0 && old < state.doc.n) paint(blockOf(old));
  const block = blockOf(i);
  paint(block);
  block.element.querySelector("[aria-current]")?.scrollIntoView({ block: "center" });
  $("chosen").textContent = about(i);
  $("candidates").replaceChildren(...candidateTables(i).map(([name, found]) =>
    element("p", `Candidates of ${name}: ${found.map(([token, p]) => `${JSON.stringify(token)} ${p.toPrecision(2)}`).join(", ")}`)));
  drawMap();
  try { history.replaceState(null, "", `#t=${state.view}.${i}`); } catch { /* a frame without an address */ }
}

async function open(number) {
  if (!decoded.has(number)) decoded.set(number, await decode(number));
  state.view = number;
  state.doc = decoded.get(number);
  state.on = -1;
  $("trajectory").value = number;
  const names = data.views[number].runs, options = names.map((name, i) => [`${i}`, `${"AB"[i]}: ${name}`]);
  if (names.length > 1) options.push(["change", "change from A to B"]);
  const before = $("checkpoint").value;
  $("checkpoint").replaceChildren(...options.map(([value, name]) => new Option(name, value)));
  $("checkpoint").value = (options.find(([value]) => value === before) ?? options[options.length - 1])[0];
  build();
  repaint();
}

function step(direction) {
  const { marked, on } = state;
  const next = direction > 0 ? marked.find((i) => i > on) : marked.findLast((i) => on < 0 || i < on);
  if (next === undefined) $("chosen").textContent = `There is no ${direction > 0 ? "further" : "earlier"} decision in this scope.`;
  else show(next);
}

function search() {
  const wanted = $("find").value.toLowerCase(), { doc, on } = state;
  if (!wanted) return $("find").focus();
  const text = doc.text.toLowerCase();
  const found = [text.indexOf(wanted, on < 0 ? 0 : doc.ends[on]), text.indexOf(wanted)].find((place) => place >= 0);
  if (found === undefined) $("chosen").textContent = `${JSON.stringify(wanted)} is not in this trajectory.`;
  else show(tokenAt(found));
}

// the token that has a character
function tokenAt(place) {
  const { ends } = state.doc;
  let low = 0, high = ends.length - 1;
  while (low < high) { const middle = (low + high) >> 1; if (ends[middle] <= place) low = middle + 1; else high = middle; }
  return low;
}

// the token under the pointer; null between the lines
function pointed(event) {
  if (event.target.dataset.i) return +event.target.dataset.i;
  const caret = document.caretPositionFromPoint?.(event.clientX, event.clientY);
  const div = event.target.closest?.("[data-block]");
  if (!caret || !div || !div.contains(caret.offsetNode)) return null;
  const range = new Range();
  range.setStart(div, 0);
  range.setEnd(caret.offsetNode, caret.offset);
  const { first } = state.doc.blocks[div.dataset.block];
  return tokenAt(state.doc.start(first) + range.toString().length);
}

function hover(event) {
  const i = pointed(event), box = $("hover");
  box.hidden = i === null;
  if (i === null) return;
  const found = candidateTables(i).map(([name, list]) =>
    `Candidates of ${name}:\n${list.map(([token, p]) => `  ${JSON.stringify(token)} ${p.toPrecision(2)}`).join("\n")}`);
  box.textContent = [about(i), ...found].join("\n");
  box.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${event.clientY + 20 + box.offsetHeight > innerHeight ? Math.max(4, event.clientY - box.offsetHeight - 12) : event.clientY + 20}px`;
}

const actions = {
  worst() {
    if (!state.worst.length) $("chosen").textContent = "There is no decision in this scope.";
    else show(state.worst[(state.place = (state.place + 1) % state.worst.length)]);
  },
  previous: () => step(-1),
  next: () => step(1),
  search,
};
const KEYS = { w: "worst", p: "previous", n: "next" };

async function openAddress() {
  const found = location.hash.match(/^#t=(\d{1,6})(?:\.(\d{1,9}))?$/);
  if (!found || !data.views[+found[1]]) return;
  if (state.view !== +found[1] || !state.doc) await open(+found[1]);
  $("view").scrollIntoView();
  if (found[2] !== undefined && +found[2] < state.doc.n) show(+found[2]);
}

async function startTokens() {
  $("scope").replaceChildren(...Object.keys(data.scopes).map((name) => new Option(name, name)));
  $("scope").value = data.scope;
  $("view").hidden = false;
  for (const details of document.querySelectorAll("details.worst")) details.open = false;
  $("trajectory").onchange = (event) => open(+event.target.value);
  for (const id of ["checkpoint", "colour", "scope"]) $(id).onchange = repaint;
  for (const button of document.querySelectorAll("[data-action]")) button.onclick = () => actions[button.dataset.action]();
  $("find").onkeydown = (event) => { if (event.key === "Enter") search(); };
  $("view").onkeydown = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select, input")) return;
    if (event.key === "/") { $("find").focus(); event.preventDefault(); }
    if (event.key in KEYS) { actions[KEYS[event.key]](); event.preventDefault(); }
  };
  $("text").onclick = (event) => { const i = pointed(event); if (i !== null && getSelection().isCollapsed) show(i); };
  $("text").onpointermove = hover;
  $("text").onpointerleave = () => { $("hover").hidden = true; };
  $("map").onclick = (event) => show(Math.min(state.doc.n - 1, Math.floor((event.offsetX / event.target.clientWidth) * state.doc.n)));
  addEventListener("hashchange", openAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawMap);
  await open(0);
  await openAddress();
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

window.hesnrReady = start();
})();
