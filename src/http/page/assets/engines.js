// What the engines cost and reach: as the build measured it, as it is now, and for the last question.

import * as api from "./api.js";
import { byId, clear, h, svg } from "./dom.js";

const ENGINES = { exact: "circle", hnsw: "square", forest: "triangle", auto: "diamond" };
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [640, 320, 56, 16, 16, 48];

let measured = [];
let family = null;

const micros = (value) => (value >= 1000 ? `${Number((value / 1000).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} µs`);
const nameOf = (engine) => (engine === "auto" ? "auto (the plan)" : engine);

function mark(kind, x, y) {
  const title = (text) => svg("title", {}, text);
  const shapes = {
    circle: () => svg("circle", { cx: x, cy: y, r: 5.5 }),
    square: () => svg("rect", { x: x - 5, y: y - 5, width: 10, height: 10 }),
    triangle: () => svg("path", { d: `M${x} ${y - 7}l7 12h-14z` }),
    diamond: () => svg("path", { d: `M${x} ${y - 8}l8 8-8 8-8-8z` }),
  };
  return { element: shapes[kind](), title };
}

// Recall upwards, median latency to the right (logarithmic): best is top left.
function chart(rows) {
  const low = Math.min(0.9, Math.floor(Math.min(...rows.map((row) => row.recall)) * 10) / 10);
  const times = rows.map((row) => Math.max(row.p50_us, 0.1));
  const [first, last] = [Math.floor(Math.log10(Math.min(...times))), Math.max(Math.ceil(Math.log10(Math.max(...times))), Math.floor(Math.log10(Math.min(...times))) + 1)];
  const across = (us) => LEFT + ((Math.log10(us) - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const up = (recall) => TOP + ((1 - recall) / (1 - low)) * (HEIGHT - TOP - BOTTOM);
  const grid = [];
  for (let power = first; power <= last; power += 1) {
    const x = across(10 ** power);
    grid.push(svg("path", { class: "grid", d: `M${x} ${TOP}V${HEIGHT - BOTTOM}` }), svg("text", { x, y: HEIGHT - BOTTOM + 18, "text-anchor": "middle" }, micros(10 ** power)));
  }
  for (let step = 0; step <= 5; step += 1) {
    const recall = low + ((1 - low) * step) / 5;
    grid.push(svg("path", { class: "grid", d: `M${LEFT} ${up(recall)}H${WIDTH - RIGHT}` }), svg("text", { x: LEFT - 8, y: up(recall) + 4, "text-anchor": "end" }, recall.toFixed(2)));
  }
  const drawn = Object.entries(ENGINES).map(([engine, kind]) => {
    const own = rows.filter((row) => row.engine === engine).sort((a, b) => a.p50_us - b.p50_us);
    const at = own.map((row) => [across(Math.max(row.p50_us, 0.1)), up(row.recall)]);
    const line = at.length > 1 && svg("path", { class: "line", d: `M${at.map((point) => point.join(" ")).join("L")}` });
    const marks = own.map((row, place) => {
      const { element, title } = mark(kind, ...at[place]);
      element.append(title(`${nameOf(engine)} ${row.effort}: recall ${row.recall.toFixed(4)}, ${micros(row.p50_us)} (99th percentile ${micros(row.p99_us)})`));
      return element;
    });
    return svg("g", { class: `engine ${engine}` }, line, marks);
  });
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img", "aria-label": `Recall against median latency for ${family} weights; the table below has the same numbers` },
    grid,
    svg("text", { x: (WIDTH + LEFT - RIGHT) / 2, y: HEIGHT - 8, "text-anchor": "middle", class: "axis-name" }, "median latency of a query, logarithmic"),
    svg("text", { transform: `translate(14 ${(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)`, "text-anchor": "middle", class: "axis-name" }, "recall@10"),
    drawn,
  );
}

function table(heads, rows) {
  return h(
    "div",
    { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Table" },
    h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, at) => h(at ? "td" : "th", at ? { class: "number" } : { scope: "row" }, cell)))))),
  );
}

function showFamily(panel) {
  const families = [...new Set(measured.map((row) => row.weights))];
  family ??= families[0];
  const rows = measured.filter((row) => row.weights === family);
  const pill = (name) => {
    const button = h("button", { type: "button", class: "pill", "aria-pressed": String(name === family) }, name);
    button.addEventListener("click", () => {
      family = name;
      showFamily(panel);
      panel.querySelector('[aria-pressed="true"]').focus();
    });
    return button;
  };
  clear(
    panel,
    h("div", { class: "pills", role: "group", "aria-label": "Weights of the queries" }, families.map(pill)),
    chart(rows),
    h("p", { class: "legend" }, Object.keys(ENGINES).filter((engine) => rows.some((row) => row.engine === engine)).map((engine) => h("span", { class: `key engine-${engine}` }, nameOf(engine)))),
    h("details", {}, h("summary", {}, "As a table"), table(["Engine", "Effort", "Recall", "Median", "99th percentile", "Queries"], rows.map((row) => [nameOf(row.engine), row.effort || "–", row.recall.toFixed(4), micros(row.p50_us), micros(row.p99_us), row.queries]))),
  );
}

function plan(last) {
  if (!last) return h("p", { class: "muted" }, "Nothing was asked yet.");
  const { data, headers, ms } = last;
  const facts = [
    ["Engine", data.engine],
    ["Because", data.plan.reason],
    ["Effort", data.plan.effort ?? "none: it scans"],
    ["Tracks it chose from", data.plan.candidates.toLocaleString("en")],
    ["Distance from the build metric", data.plan.distance_from_build],
    ["Expected", data.plan.estimated_us == null ? "unknown" : micros(data.plan.estimated_us)],
    ["Took, search and explanations", micros(data.took_us)],
    ["Round trip from this page", `${ms.toFixed(1)} ms`],
    ["Cache", headers.get("cache-status") ?? "none"],
    ["Generation", data.generation],
  ];
  return h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
}

async function live(panel) {
  try {
    const { data } = await api.recall();
    const rows = Object.entries(data.engines ?? {}).map(([engine, { samples, recall }]) => [engine, samples ? recall.toFixed(4) : "–", samples]);
    clear(panel, table(["Engine", "Recall", "Queries compared"], rows), h("p", { class: "hint" }, "A share of the questions answered is answered again by the exact scan, in the background."));
  } catch (error) {
    clear(panel, h("p", { class: "muted" }, error.status === 404 ? "This server does not measure it." : error.message));
  }
}

export function buildEngines(index) {
  measured = index?.measured ?? [];
}

export function showEngines(last) {
  const [chartPanel, livePanel] = [h("div", {}), h("div", { class: "live" })];
  const hint = "Each mark is one setting of one engine, measured by the build on this catalogue. Higher finds more of the true answer, further left is faster.";
  clear(
    byId("view-engines"),
    h("div", { class: "card" }, h("h2", {}, "Recall against latency"), h("p", { class: "hint" }, hint), chartPanel),
    h("div", { class: "columns" }, h("div", { class: "card" }, h("h2", {}, "The last question"), plan(last)), h("div", { class: "card" }, h("h2", {}, "Recall now"), livePanel)),
  );
  if (measured.length) showFamily(chartPanel);
  else clear(chartPanel, h("p", { class: "muted" }, "This generation brings no measurements."));
  live(livePanel);
}
