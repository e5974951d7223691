// Puts the page together: the state goes to the address, the controls and the server; the answer to the views.

import * as state from "./state.js";
import { say } from "./announce.js";
import { indexes } from "./api.js";
import { byId, clear, h } from "./dom.js";
import { buildEngines, showEngines } from "./engines.js";
import { describe } from "./features.js";
import { buildFilters, showFilters, suggest } from "./filters.js";
import { remember, write } from "./history.js";
import { buildMap, showMap } from "./map.js";
import { blame, forgive } from "./problem.js";
import { isEmpty, requestOf, Runner } from "./query.js";
import { buildResults, showResults } from "./results.js";
import { combobox } from "./search.js";
import { showSeeds } from "./seeds.js";
import { buildSliders, showAims, showSliders } from "./sliders.js";
import { buildTaste } from "./taste.js";
import { nameOf } from "./tracks.js";
import { decode } from "./url.js";
import { watchServer } from "./watch.js";
import { showWelcome } from "./welcome.js";

const VIEWS = ["results", "map", "engines"];
// How long the old answer stays as bright as ever while the new one is on its way, in milliseconds.
const PATIENCE = 150;

let index = null;
let last = null;
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
  onError: fail,
  onBusy(busy) {
    byId("answer").setAttribute("aria-busy", String(busy));
    clearTimeout(busyTimer);
    busyTimer = busy ? setTimeout(() => byId("answer").classList.add("busy"), PATIENCE) : byId("answer").classList.remove("busy");
  },
});

function fail(error) {
  // Nothing is on its way any more.
  if (!last) clear(byId("view-results"));
  blame(error, index ? ask : start);
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
    return fail(error);
  }
  index = answer.indexes.find((each) => each.served) ?? answer.indexes.find((each) => each.schema && each.name === answer.serving.name);
  if (!index) return fail(new Error("The server does not say what its catalogue holds."));
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

watchServer(() => (index ? ask() : start()));
buildTabs();
start();
