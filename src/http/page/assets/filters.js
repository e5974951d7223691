// What the answer may contain, and how it is made up.

import * as state from "./state.js";
import { byId, clear, h, icon } from "./dom.js";

let shows = [];
const engines = ["auto", "exact", "hnsw", "forest"];

function field(id, label, input, path, hint) {
  return h("div", { class: "field", "data-field": path }, h("label", { for: id }, label), input, hint && h("p", { class: "hint" }, hint));
}

// Names, each added by Enter.
function names(key, label, path, suggestions) {
  const id = `filter-${key}`;
  const list = h("ul", { class: "tags", "aria-label": label });
  const input = h("input", { id, type: "text", list: suggestions, autocomplete: "off", placeholder: "any; type a name, then Enter" });
  const add = () => {
    const name = input.value.trim();
    input.value = "";
    if (name && !state.get()[key].includes(name)) state.set({ [key]: [...state.get()[key], name] });
  };
  input.addEventListener("change", add);
  input.addEventListener("keydown", (event) => event.key === "Enter" && (event.preventDefault(), add()));
  const tag = (name) => {
    const button = h("button", { type: "button", class: "chip-button", "aria-label": `Remove ${name}` }, icon("close"));
    button.addEventListener("click", () => {
      state.set({ [key]: state.get()[key].filter((other) => other !== name) });
      input.focus();
    });
    return h("li", { class: "tag" }, name, button);
  };
  shows.push((now, before) => now[key] !== before?.[key] && clear(list, now[key].map(tag)));
  return h("div", { class: "field", "data-field": path }, h("label", { for: id }, label), list, input);
}

function range(key, label, path, limits) {
  const input = (side, text) => {
    const id = `filter-${key}-${side}`;
    const box = h("input", { id, type: "number", step: 1, ...limits, "aria-label": `${label}, ${text}`, placeholder: text });
    box.addEventListener("change", () => {
      if (box.validity.valid) state.set({ [key]: state.put(state.get()[key], side, box.value === "" ? null : Number(box.value)) }, id);
    });
    shows.push((now) => document.activeElement !== box && (box.value = now[key][side] ?? ""));
    return box;
  };
  return h(
    "fieldset",
    { class: "field", "data-field": path },
    h("legend", {}, label),
    h("div", { class: "pair" }, input("min", "from"), h("span", { "aria-hidden": "true" }, "–"), input("max", "to")),
  );
}

function choice(key, label, path, options, hint) {
  const id = `option-${key}`;
  const select = h("select", { id }, options.map(([, name], at) => h("option", { value: at }, name)));
  select.addEventListener("change", () => state.set({ [key]: options[Number(select.value)][0] }));
  shows.push((now) => {
    select.value = Math.max(0, options.findIndex(([value]) => value === now[key]));
  });
  return field(id, label, select, path, hint);
}

function numeric(key, label, path, attributes, hint) {
  const id = `option-${key}`;
  const input = h("input", { id, type: attributes.type ?? "number", ...attributes });
  const output = attributes.type === "range" && h("output", { for: id, "aria-hidden": "true" });
  input.addEventListener(attributes.type === "range" ? "input" : "change", () => {
    const empty = input.value === "";
    if (input.validity.valid && (!empty || state.NONE[key] === null)) state.set({ [key]: empty ? null : Number(input.value) }, id);
  });
  shows.push((now) => {
    if (attributes.type === "range" || document.activeElement !== input || Number(input.value) !== now[key]) input.value = now[key] ?? "";
    if (output) output.textContent = now[key].toFixed(1);
  });
  return field(id, [label, output && " ", output], input, path, hint);
}

function check(key, label, path, hint) {
  const id = `option-${key}`;
  const box = h("input", { id, type: "checkbox" });
  box.addEventListener("change", () => state.set({ [key]: box.checked }));
  shows.push((now) => (box.checked = now[key]));
  return h("div", { class: "field check", "data-field": path }, box, h("label", { for: id }, label), hint && h("p", { class: "hint" }, hint));
}

export function buildFilters() {
  shows = [];
  const reset = h("button", { type: "button", class: "quiet small", id: "reset-filters" }, "Remove filters");
  reset.addEventListener("click", () => {
    const { genres, artists, notArtists, explicit, year, popularity, features } = state.NONE;
    state.set({ genres, artists, notArtists, explicit, year, popularity, features });
  });
  clear(
    byId("filters"),
    names("genres", "Genres", "filters.genres", "known-genres"),
    names("artists", "Only these artists", "filters.artists", "known-artists"),
    names("notArtists", "Without these artists", "filters.exclude_artists", "known-artists"),
    range("year", "Year", "filters.year", { min: 1000, max: 2200 }),
    range("popularity", "Popularity", "filters.popularity", { min: 0, max: 100 }),
    choice("explicit", "Explicit lyrics", "filters.explicit", [[null, "do not matter"], [false, "no"], [true, "yes"]]),
    h("p", { class: "hint" }, "Limits on tempo and other features are behind ⋯ at their sliders."),
    reset,
    h("datalist", { id: "known-genres" }),
    h("datalist", { id: "known-artists" }),
  );
  clear(
    byId("options"),
    numeric("k", "How many tracks", "k", { min: 1, max: 200, step: 1, required: true }),
    numeric("diversity", "Diversity", "diversity", { type: "range", min: 0, max: 1, step: 0.1 }, "Above 0, being unlike the results before counts."),
    numeric("perArtist", "Most by one artist", "max_per_artist", { min: 1, max: 200, step: 1, placeholder: "no limit" }),
    check("collapse", "One of each recording", "collapse_duplicates", "Re-releases of a recording are listed under the first."),
    numeric("pushAway", "Strength of “not like this”", "negative_weight", { type: "range", min: 0, max: 2, step: 0.1 }),
    numeric("anchor", "Anchor", "anchor", { min: 0, max: 100, step: "any", placeholder: "of the catalogue" }, "Above 0, equal values beat values that are only extreme in the same direction."),
    choice("engine", "Engine", "engine", engines.map((name) => [name, name])),
  );
  for (const form of [byId("filters"), byId("options")]) form.addEventListener("submit", (event) => event.preventDefault());
}

export function showFilters(now, before) {
  for (const show of shows) show(now, before);
  const { genres, artists, notArtists, explicit, year, popularity, features } = now;
  const count = [genres, artists, notArtists].filter((list) => list.length).length + [year, popularity].filter((each) => Object.keys(each).length).length + Object.keys(features).length + (explicit !== null);
  byId("filters-note").textContent = count ? `${count} set` : "none";
  byId("options-note").textContent = `${now.k} tracks`;
}

// Names to choose from: those that were seen.
export function suggest(results) {
  for (const [id, of] of [["known-genres", (track) => track.genres], ["known-artists", (track) => track.artists]]) {
    const list = byId(id);
    const there = new Set([...list.children].map((option) => option.value));
    const fresh = new Set(results.flatMap((result) => of(result.track) ?? []).filter((name) => !there.has(name)));
    list.append(...[...fresh].map((value) => h("option", { value })));
  }
}
