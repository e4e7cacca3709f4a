// The charts. Each function gets the width of its figure in pixels, and returns pairs of a name and a chart.

const LN = [1, 2, 3, 4, 5, 10];
const main = (i) => i === data.focus || i === data.reference;
const colour = (i) => (i === data.focus ? "var(--s1)" : i === data.reference ? "var(--s2)" : "var(--s0)");
const MOST_LABELS = 5;
const rowsOf = (name, scope = data.scope) =>
  runs.map((run, i) => {
    const found = (run.values[scope] || {})[name];
    return found && found.value !== null
      ? { i, name: run.name, x: data.x === "step" ? run.step : run.tokens_seen, value: found.value, low: found.interval?.[0], high: found.interval?.[1] }
      : null;
  }).filter(Boolean);
const leftMargin = () => Math.min(170, 20 + 6.2 * Math.max(...runs.map((run) => run.name.length)));
const short = (name) => (name.length > 24 ? `${name.slice(0, 11)}…${name.slice(-11)}` : name);

// the ticks of a logarithmic axis around these values: 1, 2 and 5 times powers of ten; none without positive values
function logTicks(low, high) {
  const every = Array.from({ length: 40 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();
  const first = every.findLastIndex((tick) => tick <= low), last = every.findIndex((tick) => tick >= high);
  return first < 0 || last < 0 ? [] : every.slice(first, last + 1);
}

// the places of labels with at least `gap` pixels between two of them, in the order of the given ones
function apart(places, gap) {
  const order = places.map((_, i) => i).sort((a, b) => places[a] - places[b]), found = [...places];
  for (let i = 1; i < order.length; i++) found[order[i]] = Math.max(found[order[i]], found[order[i - 1]] + gap);
  return found;
}

// dots with intervals, one line for each run
function dots(rows, options) {
  return Plot.plot({
    insetLeft: 8, insetRight: 8, marginLeft: leftMargin(), marginBottom: 40, height: 60 + 20 * new Set(rows.map((row) => row.name)).size, grid: true,
    y: { label: null, domain: runs.map((run) => run.name), tickFormat: short },
    marks: [
      Plot.ruleY(rows.filter((row) => row.low !== undefined), {
        y: "name", x1: "low", x2: "high", stroke: (row) => colour(row.i), strokeWidth: 2 }),
      Plot.dot(rows, { y: "name", x: "value", fill: (row) => colour(row.i), r: 4,
        symbol: (row) => (row.i === data.focus ? "diamond" : "circle") }),
    ],
    symbol: { type: "identity" }, ...options, x: { labelOffset: 34, ...options.x },
  });
}

const charts = {
  curves(width) {
    const columns = width > 700 ? 2 : 1;
    return data.curves.map((name) => {
      const rows = rowsOf(name).sort((a, b) => (a.x - b.x));
      const all = rows.flatMap((row) => [row.value, row.low ?? row.value, row.high ?? row.value]);
      const ticks = name === "ppl" ? logTicks(Math.min(...all), Math.max(...all)) : [];
      const size = { width: Math.floor((width - 16 * (columns - 1)) / columns) };
      const scale = ticks.length > 1 ? { label: `${name}, logarithmic`, type: "log", domain: [ticks[0], ticks.at(-1)], ticks, tickFormat: String } : { label: name };
      if (!rows.length) return null;
      if (!data.x) return [name, dots(rows, { ...size, x: scale })];
      const banded = rows.filter((row) => row.low !== undefined);
      return [name, Plot.plot({
        ...size, height: 220, inset: 6, grid: true, marginLeft: 60, x: { label: data.x }, y: { ...scale, zero: false },
        marks: [
          Plot.areaY(banded, { x: "x", y1: "low", y2: "high", fill: "var(--s1)", fillOpacity: 0.2 }),
          Plot.lineY(rows, { x: "x", y: "value", stroke: "var(--s1)" }),
          Plot.dot(rows, { x: "x", y: "value", fill: (row) => colour(row.i), stroke: "var(--fg)",
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
    const ends = rows.filter((row) => (main(row.i) || runs.length <= MOST_LABELS) && row.epsilon === most);
    const values = rows.map((row) => row.he_snr), low = Math.min(...values), high = Math.max(...values);
    const pixel = (value) => (high > low ? (250 * (high - value)) / (high - low) : 0);
    const places = apart(ends.map((row) => pixel(row.he_snr)), 13);
    const line = (chosen, options) => Plot.lineY(chosen, { x: "epsilon", y: "he_snr", z: "name", title: "name", ...options });
    return [[null, Plot.plot({
      width, height: 300, grid: true, marginLeft: 50, marginRight: 150,
      x: { label: "threshold, nats", labelAnchor: "center" }, y: { label: "he_snr" },
      marks: [
        line(rows.filter((row) => !main(row.i)), { stroke: "var(--s0)", strokeWidth: 1 }),
        line(rows.filter((row) => row.i === data.reference && row.i !== data.focus), { stroke: "var(--s2)", strokeWidth: 2.5, strokeDasharray: "5 3" }),
        line(rows.filter((row) => row.i === data.focus), { stroke: "var(--s1)", strokeWidth: 2.5 }),
        data.epsilon === null ? null : Plot.ruleX([data.epsilon], { stroke: "currentColor", strokeDasharray: "2 3" }),
        ...ends.map((row, i) => Plot.text([row], { x: "epsilon", y: "he_snr", text: (one) => short(one.name), dx: 6,
          dy: places[i] - pixel(row.he_snr), textAnchor: "start", fill: main(row.i) ? colour(row.i) : "currentColor" })),
        Plot.tip(rows, Plot.pointer({ x: "epsilon", y: "he_snr", title: (row) =>
          `${row.name}\nthreshold ${row.epsilon.toFixed(4)}\nhe_snr ${row.he_snr.toFixed(4)}` })),
      ],
    })]];
  },
  entropy(width) {
    const { bin, runs: shown } = data.histograms;
    const rows = shown.flatMap(({ name, tokens }) => {
      const total = tokens.reduce((sum, n) => sum + n, 0);
      return [...tokens, 0].map((n, i) => ({ name, x: i * bin, share: n / total }));
    });
    const most = Math.max(...rows.map((row) => row.x));
    return [[null, Plot.plot({
      width, height: 50 + 64 * shown.length, marginLeft: 45, marginRight: Math.min(170, leftMargin()),
      fy: { label: null, domain: shown.map((one) => one.name), tickFormat: short },
      x: { label: "entropy, nats", labelAnchor: "center" }, y: { type: "sqrt", label: null, ticks: 3, tickFormat: ".0%", grid: true },
      marks: [
        // one path for all bars of a run
        Plot.areaY(rows, { fy: "name", x: "x", y: "share", curve: "step-after", fill: "var(--s1)" }),
        Plot.ruleX(LN.map(Math.log).filter((x) => x <= most), { stroke: "currentColor", strokeOpacity: 0.45 }),
        data.epsilon === null ? null
          : Plot.ruleX([data.epsilon], { stroke: "var(--s2)", strokeWidth: 2, strokeDasharray: "2 3" }),
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
