// The chosen tracks: what to be like, what not to be like.

import * as state from "./state.js";
import { track } from "./api.js";
import { byId, clear, h, icon } from "./dom.js";
import { focusSearch } from "./search.js";
import { artistsOf, titleOf } from "./tracks.js";

function chip(id, unlike) {
  const name = h("b", {}, "…");
  const artists = h("span", { class: "muted" });
  const swap = h("button", { type: "button", class: "chip-button", onclick: () => state.addSeed(id, !unlike) }, icon("swap"));
  const remove = h("button", { type: "button", class: "chip-button" }, icon("close"));
  remove.addEventListener("click", () => {
    state.removeSeed(id);
    (byId("seeds").querySelector(".chip-button") ?? byId("search")).focus();
  });
  const tell = (title) => {
    name.textContent = title;
    swap.ariaLabel = swap.title = unlike ? `More like ${title} instead` : `Not like ${title} instead`;
    remove.ariaLabel = remove.title = `Remove ${title}`;
  };
  tell(id);
  track(id).then(
    (view) => {
      tell(titleOf(view, id));
      artists.textContent = artistsOf(view);
    },
    (error) => {
      artists.textContent = error.status === 404 ? "is not in this catalogue" : "could not be read";
    },
  );
  return h("li", { class: unlike ? "chip unlike" : "chip", "data-id": id }, h("span", { class: "chip-text" }, name, artists), swap, remove);
}

export function showSeeds() {
  const { seeds, unlike } = state.get();
  const list = (title, ids, isUnlike) =>
    ids.length > 0 && [h("h2", { class: "label" }, title), h("ul", { class: "chips", "aria-label": title }, ids.map((id) => chip(id, isUnlike)))];
  const all = seeds.length + unlike.length > 1;
  const forget = h("button", { type: "button", class: "quiet small" }, "Remove all");
  forget.addEventListener("click", () => {
    state.set({ seeds: [], unlike: [] });
    focusSearch();
  });
  clear(byId("seeds"), list("Like these", seeds, false), list("Not like these", unlike, true), all && forget);
}
