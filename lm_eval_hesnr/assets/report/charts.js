// The charts. Each function gets the width of its figure in pixels, and returns pairs of a name and a chart.

const LN = [1, 2, 3, 4, 5, 10];
const main = (i) => i === data.focus || i === data.baseline;
const colour = (i) => (i === data.focus ? "var(--s1)" : i === data.baseline ? "var(--s2)" : "var(--s0)");
const rowsOf = (name, scope = data.scope) =>
  runs.map((run, i) => {
    const found = (run.values[scope] || {})[name];
    return found && found.value !== null
      ? { i, name: run.name, x: data.x === "step" ? run.step : run.tokens_seen, value: found.value, low: found.interval?.[0], high: found.interval?.[1] }
      : null;
  }).filter(Boolean);
const leftMargin = () => Math.min(170, 20 + 6.2 * Math.max(...runs.map((run) => run.name.length)));
const short = (name) => (name.length > 24 ? `${name.slice(0, 11)}…${name.slice(-11)}` : name);

// dots with intervals, one line for each run
function dots(rows, options) {
  return Plot.plot({
    insetLeft: 8, insetRight: 8, marginLeft: leftMargin(), height: 50 + 20 * new Set(rows.map((row) => row.name)).size, grid: true,
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
      const rows = rowsOf(name).sort((a, b) => (a.x - b.x)), log = name === "ppl";
      const size = { width: Math.floor((width - 16 * (columns - 1)) / columns) };
      const scale = { label: name, type: log ? "log" : "linear" };
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
      return [...tokens, 0].map((n, i) => ({ name, x: i * bin, share: n / total }));
    });
    const most = Math.max(...rows.map((row) => row.x));
    return [[null, Plot.plot({
      width, height: 50 + 64 * shown.length, marginLeft: 45, marginRight: Math.min(170, leftMargin()),
      fy: { label: null, domain: shown.map((one) => one.name), tickFormat: short },
      x: { label: "entropy, nats" }, y: { type: "sqrt", label: null, ticks: 3, tickFormat: ".0%", grid: true },
      marks: [
        // one path for all bars of a run
        Plot.areaY(rows, { fy: "name", x: "x", y: "share", curve: "step-after", fill: "var(--s1)" }),
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
