// What a first visit sees: what this is, and things to try.

import * as state from "./state.js";
import { similar } from "./api.js";
import { byId, clear, h } from "./dom.js";
import { artistsOf, cover, titleOf } from "./tracks.js";

const EXAMPLES = [
  ["High energy, 128 BPM", { energy: 0.9, tempo: 128 }],
  ["Quiet and acoustic", { energy: 0.15, acousticness: 0.95, loudness: -16 }],
  ["Cheerful, to dance to", { valence: 0.95, danceability: 0.85 }],
  ["Slow and without vocals", { instrumentalness: 0.9, tempo: 70 }],
];

let popular = null;

// The most popular tracks, one by each artist: those nearest to the highest popularity there is.
function mostPopular(schema) {
  if (!schema.features.some(({ name }) => name === "popularity")) return Promise.resolve([]);
  const request = { targets: { popularity: 100 }, base_weights: "zero", weights: { popularity: 1 }, k: 3, max_per_artist: 1 };
  return similar(request).then(({ data }) => data.results, () => []);
}

function aim(targets) {
  const weights = Object.fromEntries(Object.keys(targets).map((name) => [name, 2]));
  state.set({ base: "zero", weights, targets });
}

export async function showWelcome(schema, nItems) {
  const there = new Set(schema.features.map(({ name }) => name));
  const examples = EXAMPLES.filter(([, targets]) => Object.keys(targets).every((name) => there.has(name)));
  const pill = ([text, targets]) => h("button", { type: "button", class: "example", onclick: () => aim(targets) }, text);
  const tracks = h("ul", { class: "starts" });
  const steps = [
    ["Choose", "a track you like, or several; or say what it should sound like."],
    ["Weigh", "what matters: move a slider, and the answer follows."],
    ["See why", "each track is there: what every feature adds, in numbers that add up."],
  ];
  clear(
    byId("view-results"),
    h(
      "div",
      { class: "card welcome" },
      h("h2", {}, "Which tracks are most alike, when you say what matters?"),
      h("ol", { class: "steps" }, steps.map(([name, text]) => h("li", {}, h("b", {}, name), " ", text))),
      examples.length > 0 && [h("h3", {}, "Try"), h("div", { class: "examples" }, examples.map(pill))],
      h("h3", { hidden: true, id: "popular-head" }, `Or begin with one of the most popular of ${nItems.toLocaleString("en")} tracks`),
      tracks,
    ),
  );
  popular ??= mostPopular(schema);
  const found = await popular;
  if (!tracks.isConnected || !found.length) return;
  byId("popular-head").hidden = false;
  const start = ({ id, track }) => {
    const button = h("button", { type: "button", class: "start" }, cover(track, id), h("span", {}, h("b", {}, titleOf(track, id)), h("span", { class: "muted" }, artistsOf(track))));
    button.addEventListener("click", () => state.addSeed(id));
    return h("li", {}, button);
  };
  clear(tracks, found.map(start));
}
