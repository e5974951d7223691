// From the state to a request, and from requests to the newest answer.

import { similar } from "./api.js";

// A moving slider asks at most this often, in milliseconds.
const PAUSE = 40;
// More questions than these under way, and the oldest is given up.
const MOST = 2;

export const isEmpty = (state) => !state.seeds.length && !Object.keys(state.targets).length;

export const profileWeight = (schema, state, feature) => schema.profiles[state.base]?.[feature] ?? 0;

export const weightOf = (schema, state, feature) => state.weights[feature] ?? profileWeight(schema, state, feature);

// The body of POST /api/v1/similar.
export function requestOf(schema, state) {
  const weights = { ...state.weights };
  // What the sliders show is what is asked for: the server would raise the weight of a target.
  for (const feature of Object.keys(state.targets)) weights[feature] = weightOf(schema, state, feature);
  const filters = {};
  const give = (name, value) => {
    if (Array.isArray(value) ? value.length : value !== null && Object.keys(value ?? {}).length) filters[name] = value;
  };
  give("genres", state.genres);
  give("artists", state.artists);
  give("exclude_artists", state.notArtists);
  give("year", state.year);
  give("popularity", state.popularity);
  give("features", state.features);
  if (state.explicit !== null) filters.explicit = state.explicit;
  return {
    seeds: state.seeds,
    ...(state.unlike.length && { negative_seeds: state.unlike, negative_weight: state.pushAway }),
    ...(Object.keys(state.targets).length && { targets: state.targets }),
    base_weights: state.base,
    weights,
    ...(state.anchor !== null && { anchor: state.anchor }),
    k: state.k,
    ...(state.engine !== "auto" && { engine: state.engine }),
    ...(state.diversity && { diversity: state.diversity }),
    ...(state.perArtist && { max_per_artist: state.perArtist }),
    ...(!state.collapse && { collapse_duplicates: false }),
    ...(Object.keys(filters).length && { filters }),
  };
}

// Asks for the newest request again and again; an answer that is older than the one shown is never shown.
export class Runner {
  #asked = 0;
  #shown = 0;
  #wanted = null;
  #timer = null;
  #last = -PAUSE;
  #running = new Map();

  constructor({ onAnswer, onError, onBusy }) {
    Object.assign(this, { onAnswer, onError, onBusy });
  }

  ask(request) {
    this.#wanted = request;
    if (this.#timer !== null) return;
    const wait = Math.max(0, this.#last + PAUSE - performance.now());
    this.#timer = setTimeout(() => this.#send(), wait);
  }

  // Nothing is wanted any more.
  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#shown = this.#asked;
    this.#giveUp(Infinity);
    this.onBusy(false);
  }

  async #send() {
    this.#timer = null;
    this.#last = performance.now();
    const number = ++this.#asked;
    const request = this.#wanted;
    const controller = new AbortController();
    this.#running.set(number, controller);
    this.#giveUp(number - MOST + 1);
    this.onBusy(true);
    try {
      const answer = await similar({ ...request, explain: true }, controller.signal);
      if (number <= this.#shown) return;
      this.#shown = number;
      this.#giveUp(number);
      this.onAnswer({ ...answer, request });
    } catch (error) {
      if (error.name !== "AbortError" && number === this.#asked && number > this.#shown) this.onError(error);
    } finally {
      this.#running.delete(number);
      if (!this.#running.size) this.onBusy(false);
    }
  }

  #giveUp(before) {
    for (const [number, controller] of this.#running) {
      if (number < before) controller.abort();
    }
  }
}
