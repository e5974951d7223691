// The state in the address, so that it can be shared: #like=ID,ID&w.energy=2&to.tempo=128&year=1990..1999

import { NONE } from "./state.js";

const LISTS = { like: "seeds", unlike: "unlike", genres: "genres", artists: "artists", "no-artists": "notArtists" };
const RANGES = { year: "year", popularity: "popularity" };
const NUMBERS = { k: "k", diversity: "diversity", "per-artist": "perArtist", anchor: "anchor", away: "pushAway" };
const WORDS = { base: "base", engine: "engine", view: "view" };

const number = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : null);
const range = ({ min, max }) => `${min ?? ""}..${max ?? ""}`;

function parseRange(text) {
  const [min, max] = text.split("..").map(number);
  return { ...(min != null && { min }), ...(max != null && { max }) };
}

export function encode(state) {
  const parts = [];
  const add = (name, value) => parts.push(`${name}=${value}`);
  for (const [name, key] of Object.entries(LISTS)) {
    if (state[key].length) add(name, state[key].map(encodeURIComponent).join(","));
  }
  for (const [name, key] of Object.entries(WORDS)) {
    if (state[key] !== NONE[key]) add(name, encodeURIComponent(state[key]));
  }
  const each = (prefix, map, show) => {
    for (const name of Object.keys(map).sort()) add(`${prefix}.${encodeURIComponent(name)}`, show(map[name]));
  };
  each("w", state.weights, String);
  each("to", state.targets, String);
  each("in", state.features, range);
  for (const [name, key] of Object.entries(RANGES)) {
    if (Object.keys(state[key]).length) add(name, range(state[key]));
  }
  if (state.explicit !== null) add("explicit", state.explicit ? "yes" : "no");
  for (const [name, key] of Object.entries(NUMBERS)) {
    if (state[key] !== NONE[key]) add(name, state[key]);
  }
  if (!state.collapse) add("duplicates", "show");
  return parts.length ? `#${parts.join("&")}` : "";
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// What an address says; whatever it says wrongly is left out.
export function decode(hash) {
  const state = { ...NONE, weights: {}, targets: {}, features: {} };
  for (const part of hash.replace(/^#/, "").split("&")) {
    const at = part.indexOf("=");
    if (at < 0) continue;
    const [name, value] = [part.slice(0, at), part.slice(at + 1)];
    const [prefix, feature] = [name.slice(0, name.indexOf(".")), decoded(name.slice(name.indexOf(".") + 1))];
    if (LISTS[name]) state[LISTS[name]] = value.split(",").filter(Boolean).map(decoded);
    else if (WORDS[name]) state[WORDS[name]] = decoded(value);
    else if (RANGES[name]) state[RANGES[name]] = parseRange(value);
    else if (NUMBERS[name]) state[NUMBERS[name]] = number(value) ?? NONE[NUMBERS[name]];
    else if (name === "explicit") state.explicit = value === "yes" ? true : value === "no" ? false : null;
    else if (name === "duplicates") state.collapse = value !== "show";
    else if (prefix === "w" && number(value) >= 0 && number(value) !== null) state.weights[feature] = number(value);
    else if (prefix === "to" && number(value) !== null) state.targets[feature] = number(value);
    else if (prefix === "in") state.features[feature] = parseRange(value);
  }
  return state;
}
