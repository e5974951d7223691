// The answer as a list of cards, which keep their place on the screen while weights change.

import * as state from "./state.js";
import { remember, track } from "./api.js";
import { Bar, legend, scaleOf } from "./bars.js";
import { byId, clear, h, icon, iconButton } from "./dom.js";
import { differences, explainInto } from "./explain.js";
import { combobox } from "./search.js";
import { thumb, verdictOf } from "./taste.js";
import { artistsOf, cover, nameOf, titleOf, trackLine } from "./tracks.js";

const cards = new Map();
const still = matchMedia("(prefers-reduced-motion: reduce)");

let features = [];
let request = null;
let list;

class Card {
  constructor(id) {
    this.id = id;
    this.rank = h("span", { class: "rank" });
    this.head = h("div", { class: "card-head" });
    this.bar = new Bar();
    this.sentence = h("p", { class: "sentence" });
    this.same = h("div", { class: "same" });
    this.table = h("div", { class: "table-wrap", tabindex: 0, role: "region", "aria-label": "Differences", hidden: true });
    this.compare = h("button", { type: "button", class: "small compare", "aria-expanded": "false" }, "Differences");
    this.compare.addEventListener("click", () => {
      this.table.hidden = !this.table.hidden;
      this.compare.setAttribute("aria-expanded", String(!this.table.hidden));
      this.showTable();
    });
    this.panel = h("div", { class: "panel", hidden: true, "aria-live": "polite" });
    this.why = h("button", { type: "button", class: "small why", "aria-expanded": "false" }, "What would drop it?");
    this.why.addEventListener("click", () => this.toggleWhy());
    this.actions = h("div", { class: "actions" });
    this.element = h("li", { class: "result", "data-id": id }, this.rank, this.head, this.bar.element, this.sentence, this.same, this.actions, this.table, this.panel);
  }

  show(result, scale, order) {
    const { explanation, similarity } = result;
    const fresh = this.title !== titleOf(result.track, this.id);
    this.title = titleOf(result.track, this.id);
    this.explanation = explanation;
    this.rank.textContent = result.rank;
    if (fresh) this.showTrack(result.track);
    this.similarity.textContent = similarity.toFixed(3);
    this.bar.show(explanation.contributions, scale, order);
    this.sentence.textContent = explanation.summary;
    const same = result.collapsed ?? [];
    if (this.others !== same.join()) clear(this.same, same.length > 0 && releases(same));
    this.others = same.join();
    if (this.asked && this.asked !== JSON.stringify(request)) this.closeWhy();
    this.showTable();
  }

  showTrack(view) {
    const { id, title } = this;
    this.similarity = h("span", { class: "similarity", title: "Similarity, −1 to 1" });
    const genre = (name) => {
      const button = h("button", { type: "button", class: "genre", title: `Only ${name}` }, name);
      button.addEventListener("click", () => state.set({ genres: [...new Set([...state.get().genres, name])] }));
      return button;
    };
    const more = [view.album, view.year].filter(Boolean).join(" · ");
    clear(
      this.head,
      cover(view, id),
      h("div", { class: "names" }, h("h3", {}, title), h("p", {}, artistsOf(view)), h("p", { class: "muted" }, more, view.explicit && h("abbr", { title: "explicit lyrics" }, "E"), (view.genres ?? []).slice(0, 3).map(genre))),
      h("div", { class: "score" }, this.similarity, h("span", { class: "muted" }, "similar")),
    );
    const add = (name, label, unlike) => {
      const button = h("button", { type: "button", class: "small" }, icon(name), h("span", { class: "wide" }, label));
      button.setAttribute("aria-label", `${label}: ${title}`);
      button.addEventListener("click", () => {
        byId("answer").focus({ preventScroll: true });
        state.addSeed(id, unlike);
      });
      return button;
    };
    clear(this.actions, this.thumb("up"), this.thumb("down"), add("plus", "More like this", false), add("minus", "Not like this", true), this.compare, this.why);
    this.table.ariaLabel = `Differences of ${title}`;
  }

  thumb(which) {
    const button = iconButton(which, which === "up" ? `I like ${this.title}` : `I do not like ${this.title}`);
    const show = () => button.setAttribute("aria-pressed", String(verdictOf(this.id) === which));
    button.addEventListener("click", () => {
      thumb(this.id, which);
      for (const other of this.actions.querySelectorAll("[aria-pressed]")) other.dispatchEvent(new Event("verdict"));
    });
    button.addEventListener("verdict", show);
    show();
    return button;
  }

  showTable() {
    if (!this.table.hidden) clear(this.table, differences(this.explanation, features));
  }

  toggleWhy() {
    if (!this.panel.hidden) return this.closeWhy();
    this.asked = JSON.stringify(request);
    this.why.setAttribute("aria-expanded", "true");
    explainInto(this.panel, request, this.id);
  }

  closeWhy() {
    this.panel.hidden = true;
    this.asked = null;
    this.why.setAttribute("aria-expanded", "false");
  }
}

// Other releases of the same recording, looked up when they are asked for.
function releases(ids) {
  const lines = h("ul", { class: "lines" });
  const title = `${ids.length} more ${ids.length === 1 ? "release" : "releases"} of this recording`;
  const fold = h("details", {}, h("summary", {}, title), lines);
  const line = (id) => track(id).then((view) => trackLine(id, view, {}, [view.album, view.year].filter(Boolean).join(" · ")), () => h("li", { class: "muted" }, id));
  fold.addEventListener("toggle", async () => fold.open && !lines.children.length && clear(lines, await Promise.all(ids.map(line))), { once: true });
  return fold;
}

// A track that is not in the answer, and what would bring it in.
function elsewhere() {
  const input = h("input", { id: "elsewhere", type: "search", role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": "elsewhere-found", autocomplete: "off", placeholder: "Title or artist" });
  const found = h("ul", { id: "elsewhere-found", role: "listbox", "aria-label": "Tracks found", hidden: true });
  const panel = h("div", { class: "panel", hidden: true, "aria-live": "polite" });
  const title = h("p", { class: "muted" });
  combobox(input, found, (id, view) => {
    title.textContent = nameOf(view, id);
    explainInto(panel, request, id);
  });
  return h("div", { class: "card elsewhere" }, h("label", { for: "elsewhere", class: "label" }, "Why is a track not here?"), h("div", { class: "combo plain" }, input, found), title, panel);
}

export function buildResults(itsFeatures) {
  features = itsFeatures;
  list = h("ol", { class: "results", "aria-label": "Most similar tracks" });
}

export function showResults(answer, itsRequest) {
  request = itsRequest;
  const { results } = answer;
  const view = byId("view-results");
  const scale = scaleOf(results, (view.clientWidth || 600) - 66);
  const order = ["anchor", ...features.map((feature) => feature.name)];
  const before = new Map([...list.children].map((element) => [element, element.getBoundingClientRect().top]));
  const kept = results.map((result) => {
    remember(result.id, result.track);
    if (!cards.has(result.id)) cards.set(result.id, new Card(result.id));
    const card = cards.get(result.id);
    card.show(result, scale, order);
    return card.element;
  });
  for (const id of cards.keys()) if (!results.some((result) => result.id === id)) cards.delete(id);
  arrange(kept);
  if (!view.contains(list)) clear(view, legend(), list, elsewhere());
  view.querySelector(".nothing")?.remove();
  if (!results.length) list.after(h("p", { class: "nothing card" }, "No track passes these filters. Take one away, or widen its limits."));
  if (!still.matches) glide(before);
}

// Moves only what is in the wrong place, so that focus stays where it is.
function arrange(wanted) {
  for (const element of [...list.children]) if (!wanted.includes(element)) element.remove();
  wanted.forEach((element, at) => {
    if (list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
  });
}

function glide(before) {
  for (const element of list.children) {
    const from = before.get(element);
    const by = from === undefined ? 0 : from - element.getBoundingClientRect().top;
    if (by) element.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: 160, easing: "ease-out" });
    else if (from === undefined && before.size) element.animate([{ opacity: 0 }, { opacity: 1 }], { duration: 160 });
  }
}
