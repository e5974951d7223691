// Puts the page together: the state goes to the address, the controls and the server; the answer to the views.

import * as state from "./state.js";
import { say } from "./announce.js";
import { call, indexes } from "./api.js";
import { byId, clear, h, settled } from "./dom.js";
import { buildEngines, showEngines } from "./engines.js";
import { describe } from "./features.js";
import { buildFilters, showFilters, suggest } from "./filters.js";
import { buildMap, showMap } from "./map.js";
import { isEmpty, requestOf, Runner } from "./query.js";
import { buildResults, showResults } from "./results.js";
import { combobox } from "./search.js";
import { showSeeds } from "./seeds.js";
import { buildSliders, showAims, showSliders } from "./sliders.js";
import { buildTaste } from "./taste.js";
import { nameOf } from "./tracks.js";
import { decode, encode } from "./url.js";
import { showWelcome } from "./welcome.js";

const VIEWS = ["results", "map", "engines"];
// How long the old answer stays as bright as ever while the new one is on its way, in milliseconds.
const PATIENCE = 150;

let index = null;
let last = null;
let lastFrom = null;
let busyTimer;

const runner = new Runner({
  onAnswer(answer) {
    const { data, request, ms } = answer;
    if (last && last.data.generation !== data.generation) indexes().then((now) => showIndex(now.data), () => {});
    last = answer;
    forgive();
    byId("timing").textContent = `${data.engine} · ${ms.toFixed(0)} ms`;
    const others = data.collapsed_into_seeds?.length ?? 0;
    const left = others > 0 && `${others} other ${others === 1 ? "release" : "releases"} of what you chose ${others === 1 ? "is" : "are"} left out.`;
    clear(byId("notes"), data.warnings.map((warning) => h("p", { class: "note card" }, warning.replace(/`([^`]*)`/g, "“$1”"))), left && h("p", { class: "hint aside" }, left));
    showResults(data, request);
    showAims(data);
    suggest(data.results);
    showView();
    const first = data.results[0];
    say(first ? `${data.results.length} tracks. First: ${nameOf(first.track, first.id)}, ${first.similarity.toFixed(2)}` : "No track passes these filters.");
    document.documentElement.dataset.answers = Number(document.documentElement.dataset.answers ?? 0) + 1;
  },
  onError: blame,
  onBusy(busy) {
    byId("answer").setAttribute("aria-busy", String(busy));
    clearTimeout(busyTimer);
    busyTimer = busy ? setTimeout(() => byId("answer").classList.add("busy"), PATIENCE) : byId("answer").classList.remove("busy");
  },
});

// Shows an error at the field it is about, and above the answer.
function blame(error) {
  forgive();
  const path = error.field?.replace(/\[.*$/, "") ?? "";
  const fields = [...document.querySelectorAll("[data-field]")];
  const match = (name) => fields.find((element) => element.dataset.field.split(" ").includes(name));
  let field = null;
  for (let name = path; name && !field; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) field = match(name);
  if (field) {
    field.closest("details")?.setAttribute("open", "");
    field.classList.add("wrong");
    field.append(h("p", { class: "error field-error", id: "field-error" }, error.message));
    const input = field.querySelector("input, select");
    input?.setAttribute("aria-invalid", "true");
    input?.setAttribute("data-described", input.getAttribute("aria-describedby") ?? "");
    input?.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} field-error`.trim());
  }
  const nothing = error.code === "all_weights_zero" && "Nothing matters yet: move a slider, or start from Balanced.";
  // Nothing is on its way any more.
  if (!last) clear(byId("view-results"));
  const again = h("button", { type: "button", class: "small", onclick: () => ask() }, "Try again");
  clear(byId("problem"), h("p", {}, nothing || error.message), again);
  byId("problem").hidden = false;
}

function forgive() {
  byId("problem").hidden = true;
  for (const field of document.querySelectorAll(".wrong")) field.classList.remove("wrong");
  for (const message of document.querySelectorAll(".field-error")) message.remove();
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    if (input.dataset.described) input.setAttribute("aria-describedby", input.dataset.described);
    else input.removeAttribute("aria-describedby");
    delete input.dataset.described;
  }
}

function ask() {
  const now = state.get();
  if (isEmpty(now)) {
    runner.stop();
    forgive();
    last = null;
    byId("timing").textContent = "";
    clear(byId("notes"));
    showAims(null);
    showWelcome(index.schema, index.n_items);
    showView();
  } else {
    if (!last) clear(byId("view-results"), h("div", { class: "skeleton", "aria-label": "Loading" }, [1, 2, 3, 4].map(() => h("div", { class: "card" }))));
    runner.ask(requestOf(index.schema, now));
  }
}

function showView() {
  const { view } = state.get();
  for (const name of VIEWS) {
    const [tab, panel] = [byId(`tab-${name}`), byId(`view-${name}`)];
    tab.setAttribute("aria-selected", String(name === view));
    tab.tabIndex = name === view ? 0 : -1;
    panel.hidden = name !== view;
  }
  if (view === "map") showMap(last?.data);
  if (view === "engines") showEngines(last);
}

function buildTabs() {
  for (const [at, name] of VIEWS.entries()) {
    const tab = byId(`tab-${name}`);
    tab.addEventListener("click", () => state.set({ view: name }));
    tab.addEventListener("keydown", (event) => {
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      const next = VIEWS.at(to % VIEWS.length);
      state.set({ view: next });
      byId(`tab-${next}`).focus();
    });
  }
}

// Changes by the same control one after the other are one entry in the history.
function remember(now, { from, history: is }) {
  if (is) {
    lastFrom = null;
    return;
  }
  const hash = encode(now);
  if (hash === location.hash) return;
  const address = location.pathname + location.search + hash;
  if (from && from === lastFrom) write(address);
  else {
    write.flush();
    history.pushState(null, "", address);
  }
  lastFrom = from;
}

// Browsers refuse to be told hundreds of times a second.
const write = (() => {
  let pending = null;
  const flush = () => {
    if (pending !== null) history.replaceState(null, "", pending);
    pending = null;
  };
  const later = settled(100, flush);
  const drop = () => (pending = null);
  return Object.assign((address) => ((pending = address), later()), { flush, drop });
})();

function known(wanted) {
  const names = new Set(index.schema.features.map(({ name }) => name));
  const only = (map) => Object.fromEntries(Object.entries(map).filter(([name]) => names.has(name)));
  const base = wanted.base in index.schema.profiles ? wanted.base : "default";
  const view = VIEWS.includes(wanted.view) ? wanted.view : "results";
  return { ...wanted, base, view, weights: only(wanted.weights), targets: only(wanted.targets), features: only(wanted.features) };
}

function follow(now, before, why) {
  remember(now, why);
  if (now.seeds !== before.seeds || now.unlike !== before.unlike) showSeeds();
  showSliders(now);
  showFilters(now, before);
  const { view: _, ...asked } = now;
  const { view: __, ...was } = before;
  if (JSON.stringify(asked) !== JSON.stringify(was)) ask();
  else showView();
}

// What is served: counts and measurements.
function showIndex(answer) {
  const served = answer.indexes.find((each) => each.served) ?? index;
  byId("catalogue").textContent = `${served.n_items.toLocaleString("en")} tracks`;
  byId("catalogue").title = `snapshot ${served.name}, generation ${answer.serving.generation}`;
  buildEngines(served);
}

async function start() {
  let answer;
  try {
    answer = (await indexes()).data;
  } catch (error) {
    return blame(error);
  }
  index = answer.indexes.find((each) => each.served) ?? answer.indexes.find((each) => each.schema && each.name === answer.serving.name);
  if (!index) return blame(new Error("The server does not say what its catalogue holds."));
  showIndex(answer);
  const features = index.schema.features.map(describe);
  buildSliders(index.schema, features);
  buildFilters();
  buildResults(features);
  buildTaste(index.schema);
  buildMap();
  combobox(byId("search"), byId("found"), (id, _, unlike) => state.addSeed(id, unlike));
  state.subscribe(follow);
  const read = () => {
    // The browser is at another entry already.
    write.drop();
    state.replace(known(decode(location.hash)));
  };
  addEventListener("popstate", read);
  read();
  showSeeds();
  ask();
}

function watchServer() {
  let timer = null;
  const banner = byId("gone");
  addEventListener("server-gone", () => {
    if (timer !== null) return;
    clear(banner, h("p", {}, "The server does not answer. Trying again …"));
    banner.hidden = false;
    timer = setInterval(() => call("/healthz").catch(() => {}), 2000);
  });
  addEventListener("server-there", () => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    banner.hidden = true;
    if (index) ask();
    else start();
  });
}

byId("home").addEventListener("click", (event) => {
  if (!index || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  state.set(state.NONE);
});
byId("skip").addEventListener("click", (event) => {
  // The fragment is the state's.
  event.preventDefault();
  byId("answer").focus();
});
byId("share").addEventListener("click", async () => {
  write.flush();
  try {
    await navigator.clipboard.writeText(location.href);
    byId("share").textContent = "Copied";
    say("The link is in the clipboard.");
  } catch {
    byId("share").textContent = "Copy it from the address bar";
  }
  setTimeout(() => (byId("share").textContent = "Copy link"), 2000);
});
if (matchMedia("(max-width: 859px)").matches) byId("weights-fold").open = false;

watchServer();
buildTabs();
start();
