// What is asked for: one object, replaced as a whole, with everybody told.

export const NONE = Object.freeze({
  seeds: [],
  unlike: [],
  base: "default",
  weights: {},
  targets: {},
  features: {},
  genres: [],
  artists: [],
  notArtists: [],
  explicit: null,
  year: {},
  popularity: {},
  k: 10,
  diversity: 0,
  perArtist: null,
  collapse: true,
  anchor: null,
  pushAway: 0.5,
  engine: "auto",
  view: "results",
});

let state = NONE;
const listeners = [];

export const get = () => state;

// `from` says what changed it: changes by one control in a row are one step back in the browser.
export function set(patch, from = null) {
  replace({ ...state, ...patch }, { from });
}

// `why` is {from} for a change on the page, {history: true} where the address already says it.
export function replace(next, why = { history: true }) {
  const before = state;
  state = Object.freeze({ ...next });
  for (const listener of listeners) listener(state, before, why);
}

export function subscribe(listener) {
  listeners.push(listener);
}

export function addSeed(id, unlike = false) {
  const without = (ids) => ids.filter((other) => other !== id);
  const seeds = without(state.seeds);
  const others = without(state.unlike);
  (unlike ? others : seeds).push(id);
  set({ seeds, unlike: others });
}

export function removeSeed(id) {
  const without = (ids) => ids.filter((other) => other !== id);
  set({ seeds: without(state.seeds), unlike: without(state.unlike) });
}

// `map` with `key` set to `value`, or without it where that is null or an object with nothing in it.
export function put(map, key, value) {
  const { [key]: _, ...rest } = map;
  const nothing = value == null || (typeof value === "object" && !Object.keys(value).length);
  return nothing ? rest : { ...rest, [key]: value };
}
