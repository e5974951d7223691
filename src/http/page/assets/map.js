// The catalogue seen from above: how many tracks lie where, with the answer and the seeds lit up.

import * as api from "./api.js";
import * as state from "./state.js";
import { byId, clear, h } from "./dom.js";
import { say } from "./announce.js";
import { nameOf, titleOf, trackLine } from "./tracks.js";

const NEAR = 14;
const STEP = 1 / 32;

let map = null;
let canvas;
let context;
let tip;
let nearby;
let lit;
let points = [];
let hot = null;
let cross = null;
let asked = 0;
let wanted = "";

// A colour of the style sheet, as it is in this theme.
function css(name) {
  canvas.style.color = `var(${name})`;
  return getComputedStyle(canvas).color;
}

// From the map's coordinates to the canvas, in CSS pixels, and back.
function place([x, y]) {
  const { x: across, y: up } = map.bounds;
  return [((x - across[0]) / (across[1] - across[0])) * canvas.clientWidth, (1 - (y - up[0]) / (up[1] - up[0])) * canvas.clientHeight];
}

function unplace(left, top) {
  const { x: across, y: up } = map.bounds;
  return [across[0] + (left / canvas.clientWidth) * (across[1] - across[0]), up[0] + (1 - top / canvas.clientHeight) * (up[1] - up[0])];
}

// One pixel for each cell, painted once for each theme, then stretched.
function density() {
  const image = new OffscreenCanvas(map.size, map.size);
  const pixels = new ImageData(map.size, map.size);
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = css("--map");
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  // Not the fullest cell, which may be an outlier.
  const filled = map.counts.filter((count) => count > 0).sort((a, b) => a - b);
  const most = Math.log1p(filled[Math.floor(0.995 * (filled.length - 1))] ?? 1);
  map.counts.forEach((count, at) => {
    if (!count) return;
    const row = map.size - 1 - Math.floor(at / map.size);
    const alpha = 0.12 + 0.75 * Math.min(1, Math.log1p(count) / most);
    pixels.data.set([red, green, blue, Math.round(255 * alpha)], 4 * (row * map.size + (at % map.size)));
  });
  image.getContext("2d").putImageData(pixels, 0, 0);
  return image;
}

function draw() {
  if (!map || byId("view-map").hidden) return;
  const scale = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  canvas.width = width * scale;
  canvas.height = height * scale;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.filter = `blur(${width / map.size / 3}px)`;
  context.drawImage((map.image ??= density()), 0, 0, width, height);
  context.filter = "none";
  const colours = { result: css("--accent"), seed: css("--seed"), unlike: css("--minus") };
  for (const point of [...points].reverse()) {
    const [left, top] = place(point.at);
    context.beginPath();
    if (point.kind === "result") context.arc(left, top, 5, 0, 7);
    else if (point.kind === "seed") context.rect(left - 6, top - 6, 12, 12);
    else [[-7, 6], [7, 6], [0, -7]].forEach(([x, y]) => context.lineTo(left + x, top + y));
    context.closePath();
    context.fillStyle = colours[point.kind];
    context.strokeStyle = css("--surface");
    context.lineWidth = point === hot ? 4 : 2;
    context.stroke();
    context.fill();
  }
  if (hot) ring(place(hot.at), css("--ink"));
  if (cross) ring(place(cross), css("--minus"));
}

function ring([left, top], colour) {
  context.beginPath();
  context.arc(left, top, 11, 0, 7);
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.stroke();
}

// The point that is hovered over or focused in the list, with its name.
function heat(point) {
  if (point === hot) return;
  hot = point;
  tip.hidden = !point;
  if (point) {
    tip.textContent = point.name;
    const [left, top] = place(point.at);
    tip.style.left = `${Math.min(Math.max(left, 90), canvas.clientWidth - 90)}px`;
    tip.style.top = `${top}px`;
    tip.classList.toggle("below", top < 60);
  }
  for (const line of lit.children) line.classList.toggle("hot", line.dataset.id === point?.id);
  draw();
}

function nearest(event) {
  let [best, closest] = [null, NEAR * NEAR];
  for (const point of points) {
    const [left, top] = place(point.at);
    const away = (left - event.offsetX) ** 2 + (top - event.offsetY) ** 2;
    if (away < closest) [best, closest] = [point, away];
  }
  return best;
}

async function look(at) {
  cross = at;
  draw();
  const number = ++asked;
  try {
    const { data } = await api.mapNearest(...at);
    if (number !== asked) return;
    data.results.forEach(({ id, track }) => api.remember(id, track));
    clear(nearby, h("h3", {}, "Nearest to this place"), h("ul", { class: "lines" }, data.results.map(({ id, track }) => trackLine(id, track))));
    say(`${data.results.length} tracks near this place. First: ${data.results.length ? nameOf(data.results[0].track, data.results[0].id) : "none"}`);
  } catch (error) {
    clear(nearby, h("p", { class: "error" }, error.message));
  }
}

function steer(event) {
  const { x, y } = map.bounds;
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  const middle = [(x[0] + x[1]) / 2, (y[0] + y[1]) / 2];
  if (event.key in moves) {
    const inside = (value, [least, most]) => Math.min(most, Math.max(least, value));
    const [across, up] = moves[event.key];
    const [left, top] = cross ?? middle;
    cross = [inside(left + across * STEP * (x[1] - x[0]), x), inside(top + up * STEP * (y[1] - y[0]), y)];
    draw();
  } else if (event.key === "Enter" || event.key === " ") look(cross ?? middle);
  else return;
  event.preventDefault();
}

export function buildMap() {
  canvas = h("canvas", { tabindex: 0, role: "application", "aria-label": "Map of the catalogue", "aria-describedby": "map-hint" });
  context = canvas.getContext("2d");
  tip = h("span", { class: "tip", hidden: true });
  nearby = h("div", { class: "nearby", "aria-live": "polite" });
  lit = h("ul", { class: "lines", "aria-label": "On the map" });
  canvas.addEventListener("pointermove", (event) => map && heat(nearest(event)));
  canvas.addEventListener("pointerleave", () => heat(null));
  canvas.addEventListener("click", (event) => {
    if (!map) return;
    const point = nearest(event);
    look(point ? point.at : unplace(event.offsetX, event.offsetY));
  });
  canvas.addEventListener("keydown", (event) => map && steer(event));
  lit.addEventListener("pointerover", (event) => heat(points.find(({ id }) => id === event.target.closest("li")?.dataset.id) ?? null));
  lit.addEventListener("focusin", (event) => heat(points.find(({ id }) => id === event.target.closest("li")?.dataset.id) ?? null));
  lit.addEventListener("focusout", () => heat(null));
  new ResizeObserver(draw).observe(canvas);
  const repaint = () => {
    if (map) map.image = null;
    draw();
  };
  addEventListener("themechange", repaint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
}

function frame() {
  const axis = ({ label }, direction) => h("p", { class: `axis ${direction}` }, label);
  clear(
    byId("view-map"),
    h(
      "div",
      { class: "card map" },
      h("p", { id: "map-hint", class: "hint" }, `${map.n_items.toLocaleString("en")} tracks; the stronger the colour, the more. Click a place for the tracks nearest to it, or move with the arrow keys and press Enter.`),
      h("div", { class: "plot" }, axis(map.axes[1], "up"), h("div", { class: "sheet" }, canvas, tip), axis(map.axes[0], "across")),
      h("p", { class: "legend" }, h("span", { class: "key dot-result" }, "result"), h("span", { class: "key dot-seed" }, "like this"), h("span", { class: "key dot-unlike" }, "not like this")),
    ),
    h("div", { class: "columns" }, h("div", { class: "card" }, nearby), h("div", { class: "card" }, h("h3", {}, "On the map"), lit)),
  );
  if (!nearby.children.length) nearby.append(h("h3", {}, "Nearest to a place"), h("p", { class: "muted" }, "Choose a place on the map."));
}

// Shows the answer on the map; asks for what is not known yet.
export async function showMap(answer) {
  const { seeds, unlike } = state.get();
  const view = byId("view-map");
  try {
    if (!map || (answer && map.generation !== answer.generation)) {
      if (!map) clear(view, h("p", { class: "muted" }, "Drawing the catalogue …"));
      map = (await api.map()).data;
      frame();
    }
    const kinds = new Map((answer?.results ?? []).map(({ id }) => [id, "result"]));
    for (const id of seeds) kinds.set(id, "seed");
    for (const id of unlike) kinds.set(id, "unlike");
    const ids = [...kinds.keys()];
    const key = (wanted = ids.join());
    const found = ids.length ? (await api.mapPoints(ids)).data.points : {};
    const views = await Promise.all(ids.map((id) => api.track(id).catch(() => null)));
    if (key !== wanted) return;
    points = ids.map((id, at) => ({ id, kind: kinds.get(id), at: found[id], track: views[at] })).filter(({ at, track }) => at && track);
    points.sort((a, b) => (a.kind === "result") - (b.kind === "result"));
    for (const point of points) point.name = titleOf(point.track, point.id);
    hot = null;
    tip.hidden = true;
    const line = ({ id, track, kind }) => trackLine(id, track, { "data-id": id, "data-kind": kind });
    clear(lit, points.length ? points.map(line) : h("li", { class: "muted" }, "Choose tracks to see where they and their answer lie."));
    draw();
  } catch (error) {
    if (error.name !== "AbortError") clear(view, h("p", { class: "card error" }, error.status === 404 ? "This server has no map of its catalogue." : error.message));
    map = null;
  }
}
