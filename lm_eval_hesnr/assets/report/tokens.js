// The token view: decodes a trajectory, shows its text in blocks, and makes elements only for tokens near the view.

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
  return { n, hasText, labels, checkpoints, text, ends, start, token: (i) => text.slice(start(i), ends[i]), blocks: [] };
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

// the text alone, so that the page has few elements
function unpaint(block) {
  block.element.textContent = state.doc.text.slice(state.doc.start(block.first), state.doc.ends[block.end - 1]);
  block.painted = false;
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
      if (!block.visible && block.painted && !getSelection().containsNode(block.element, true)) unpaint(block);
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
  $("legend").replaceChildren(`${isChange() ? "Change of " : ""}${$("colour").value}: `, ...made, isChange() ? `A is ${a}, B is ${b}. ` : "",
    state.doc.hasText ? "" : "Each dot is a token: the page has no text.");
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
  for (let x = 0; x < width; x++) {
    up[x] /= all[x] || 1;
    down[x] /= all[x] || 1;
  }
  const most = Math.max(...up, ...down) || 1;
  pen.clearRect(0, 0, width, height);
  const base = isChange() ? height / 2 : height;
  for (let x = 0; x < width; x++) {
    pen.fillStyle = style.getPropertyValue(isChange() ? "--s2" : "--s1");
    pen.fillRect(x, base, 1, (-base * up[x]) / most);
    pen.fillStyle = style.getPropertyValue("--s1");
    pen.fillRect(x, base, 1, (base * down[x]) / most);
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

function candidateLines(i) {
  const names = data.views[state.view].runs;
  const shown = (found) => found.map(([token, p]) => `${JSON.stringify(token)} ${p.toPrecision(2)}`).join(", ");
  return state.doc.checkpoints.flatMap((one, j) => {
    const found = one.candidates(i);
    return found ? [`Candidates of ${names[j]}: ${shown(found)}`] : [];
  });
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
  $("candidates").replaceChildren(...candidateLines(i).map((line) => element("p", line)));
  drawMap();
  try { history.replaceState(null, "", `#t=${state.view}.${i}`); } catch { /* a frame without an address */ }
}

async function openView(number) {
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
  const wanted = $("find").value, { doc, on } = state;
  if (!wanted) return $("find").focus();
  // not toLowerCase(): some letters have another length in lower case
  const pattern = new RegExp(wanted.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"), "giu");
  pattern.lastIndex = on < 0 ? 0 : doc.ends[on];
  const found = pattern.exec(doc.text) ?? pattern.exec(doc.text); // a failed search starts again from 0
  if (!found) $("chosen").textContent = `${JSON.stringify(wanted)} is not in this trajectory.`;
  else show(tokenAt(found.index));
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
  box.hidden = i === null || i === state.on; // the chosen token is described above the text
  if (box.hidden) return;
  box.textContent = [about(i), ...candidateLines(i)].join("\n");
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
  if (state.view !== +found[1] || !state.doc) await openView(+found[1]);
  $("view").scrollIntoView();
  if (found[2] !== undefined && +found[2] < state.doc.n) show(+found[2]);
}

async function startTokens() {
  $("scope").replaceChildren(...Object.keys(data.scopes).map((name) => new Option(name, name)));
  $("scope").value = data.scope;
  $("view").hidden = false;
  const lists = [...document.querySelectorAll("details.worst")];
  let opened = [];
  for (const list of lists) list.open = false;
  addEventListener("beforeprint", () => { // a print has these lists instead of the text
    opened = lists.filter((list) => list.open);
    for (const list of lists) list.open = true;
  });
  addEventListener("afterprint", () => { for (const list of lists) list.open = opened.includes(list); });
  $("trajectory").onchange = (event) => openView(+event.target.value);
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
  addEventListener("keydown", (event) => { if (event.key === "Escape") $("hover").hidden = true; });
  $("map").onclick = (event) => show(Math.min(state.doc.n - 1, Math.floor((event.offsetX / event.target.clientWidth) * state.doc.n)));
  addEventListener("hashchange", openAddress);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawMap);
  await openView(0);
  await openAddress();
}
