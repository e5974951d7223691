// A slider for each feature: how much it matters. Behind "more": the value to aim at, and limits.

import * as state from "./state.js";
import { byId, clear, h, icon } from "./dom.js";
import { grouped, ordinal, write } from "./features.js";
import { isEmpty, profileWeight, weightOf } from "./query.js";

const MOST = 5;
const PROFILES = { default: "Balanced", mood: "Mood", dj: "DJ", playlist: "Playlist", zero: "Nothing yet" };

let schema;
const rows = new Map();

// A counterfactual may be a hair beyond its threshold.
const round = (weight) => Number(weight.toPrecision(9));

// One digit after the point, more where there are more.
export const writeWeight = (weight) => (Math.abs(weight * 10 - Math.round(weight * 10)) < 1e-9 ? weight.toFixed(1) : String(Number(weight.toFixed(3))));

// Weights that differ from the profile are all that is kept.
export function setWeights(weights, from) {
  const now = state.get();
  let kept = now.weights;
  for (const [name, weight] of Object.entries(weights)) {
    kept = state.put(kept, name, round(weight) === profileWeight(schema, now, name) ? null : round(weight));
  }
  state.set({ weights: kept }, from);
}

function setTarget(feature, value) {
  const now = state.get();
  const patch = { targets: state.put(now.targets, feature.name, value) };
  if (value !== null && isEmpty(now) && !Object.keys(now.weights).length) {
    // Without tracks to be like, what has no target says nothing.
    Object.assign(patch, { base: "zero", weights: { [feature.name]: 1 } });
  } else if (value !== null && weightOf(schema, now, feature.name) === 0) {
    patch.weights = { ...now.weights, [feature.name]: 1 };
  }
  state.set(patch, `target ${feature.name}`);
}

// A field for a raw value; `write` gets the value or null.
function valueField(feature, label, field, store) {
  const id = `value-${field}`.replaceAll(".", "-");
  const read = (text) => (text === "" ? null : Number((Number(text) * (feature.choices ? 1 : feature.scale)).toPrecision(12)));
  const input = feature.choices
    ? h("select", { id }, h("option", { value: "" }, "any"), feature.choices.map(([value, name]) => h("option", { value }, name)))
    : h("input", { id, type: "number", step: feature.step, inputmode: "decimal", placeholder: "any" });
  input.addEventListener("change", () => input.validity.valid && store(read(input.value)));
  return {
    element: h("div", { class: "value", "data-field": field }, h("label", { for: id }, label), input),
    show(value) {
      const text = value == null ? "" : String(feature.choices ? value : Number((value / feature.scale).toFixed(4)));
      if (document.activeElement !== input || read(input.value) !== value) input.value = text;
    },
  };
}

function row(feature) {
  const id = `weight-${feature.name}`;
  const slider = h("input", { type: "range", id, min: 0, max: MOST, step: 0.1, "aria-describedby": `${id}-meaning` });
  const output = h("output", { for: id, "aria-hidden": "true" });
  const aim = h("span", { class: "aim" });
  slider.addEventListener("input", () => setWeights({ [feature.name]: Number(slider.value) }, id));
  const limit = (side) => (value) => {
    const now = state.get();
    const bounds = state.put(now.features[feature.name] ?? {}, side, value);
    state.set({ features: state.put(now.features, feature.name, bounds) }, `${side} ${feature.name}`);
  };
  const unit = feature.unit ? ` (${feature.unit})` : "";
  const target = valueField(feature, `Aim at${unit}`, `targets.${feature.name}`, (value) => setTarget(feature, value));
  const limits = feature.choices
    ? []
    : ["min", "max"].map((side) => [
        side,
        valueField(feature, side === "min" ? "At least" : "At most", `filters.features.${feature.name}.${side}`, limit(side)),
      ]);
  const more = h("div", { class: "values", id: `${id}-more`, hidden: true }, target.element, limits.map(([, field]) => field.element));
  const toggle = h(
    "button",
    { type: "button", class: "icon-button", "aria-expanded": "false", "aria-controls": more.id, "aria-label": `Aim and limits of ${feature.label}`, title: "Aim and limits" },
    icon("more"),
  );
  const open = (wanted) => {
    more.hidden = !wanted;
    toggle.setAttribute("aria-expanded", String(wanted));
  };
  toggle.addEventListener("click", () => open(more.hidden));
  const element = h(
    "div",
    { class: "slider", "data-feature": feature.name, "data-field": `weights.${feature.name}` },
    h("label", { for: id }, feature.label),
    aim,
    output,
    slider,
    feature.vector ? null : toggle,
    h("p", { class: "meaning", id: `${id}-meaning` }, feature.meaning),
    more,
  );
  const light = (lit) => {
    for (const part of document.querySelectorAll(`[data-share="${CSS.escape(feature.name)}"]`)) part.classList.toggle("lit", lit);
  };
  for (const [event, lit] of [["pointerenter", true], ["pointerleave", false], ["focusin", true], ["focusout", false]]) {
    element.addEventListener(event, () => light(lit));
  }
  const show = (now) => {
    const weight = weightOf(schema, now, feature.name);
    slider.max = Math.max(MOST, weight);
    slider.value = weight;
    output.textContent = writeWeight(weight);
    element.classList.toggle("off", weight === 0);
    target.show(now.targets[feature.name]);
    for (const [side, field] of limits) field.show(now.features[feature.name]?.[side]);
    if (feature.name in now.targets || feature.name in now.features) open(true);
  };
  return { element, show, feature, aim };
}

export function buildSliders(itsSchema, features) {
  schema = itsSchema;
  const names = Object.keys(schema.profiles).sort((a, b) => (a === "default" ? -1 : b === "default" ? 1 : a === "zero" ? 1 : b === "zero" ? -1 : a < b ? -1 : 1));
  const profile = (name) => {
    const button = h("button", { type: "button", class: "pill", "data-profile": name, "aria-pressed": "false" }, PROFILES[name] ?? name);
    button.addEventListener("click", () => state.set({ base: name, weights: {} }));
    return button;
  };
  const reset = h("button", { type: "button", class: "quiet small", id: "reset-weights" }, "Reset");
  reset.addEventListener("click", () => state.set({ base: "default", weights: {}, targets: {}, features: {} }));
  clear(byId("weights"), h("div", { class: "pills", role: "group", "aria-label": "Start from" }, names.map(profile), reset));
  for (const [group, list] of grouped(features)) {
    const made = list.map(row);
    for (const each of made) rows.set(each.feature.name, each);
    byId("weights").append(h("fieldset", {}, h("legend", {}, group), made.map((each) => each.element)));
  }
}

export function showSliders(now) {
  for (const each of rows.values()) each.show(now);
  const changed = Object.keys(now.weights).length;
  for (const button of byId("weights").querySelectorAll("[data-profile]")) {
    button.setAttribute("aria-pressed", String(button.dataset.profile === now.base && !changed));
  }
  byId("weights-note").textContent = changed ? `${changed} changed` : PROFILES[now.base] ?? now.base;
}

// What the query aims at, as the answer tells it.
export function showAims(answer) {
  const differences = answer?.results?.[0]?.explanation?.differences ?? {};
  for (const { feature, aim } of rows.values()) {
    const told = differences[feature.name];
    if (told?.query == null) {
      aim.textContent = "";
      continue;
    }
    const place = told.query_percentile == null ? "" : `, ${ordinal(told.query_percentile)} percentile`;
    aim.textContent = `near ${told.query_text ?? write(feature, told.query)}`;
    aim.title = `The query is at ${told.query_text ?? write(feature, told.query)}${place}`;
  }
}
