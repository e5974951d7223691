// Search as you type: a combobox with a list (ARIA 1.2).

import { search } from "./api.js";
import { byId, clear, h, settled } from "./dom.js";
import { say } from "./announce.js";
import { artistsOf, titleOf } from "./tracks.js";

const PAUSE = 60;

// `pick(id, track, unlike)` is called with what was chosen.
export function combobox(input, list, pick) {
  let found = [];
  let active = -1;
  let controller = null;

  const option = (result, at) => {
    const { track } = result;
    const unlike = h("span", { class: "option-unlike", title: "Not like this" }, "not like this");
    const element = h(
      "li",
      { role: "option", id: `${list.id}-${at}`, "aria-selected": "false" },
      h("span", { class: "option-text" }, h("b", {}, titleOf(track, result.id)), h("span", { class: "muted" }, [artistsOf(track), track.year].filter(Boolean).join(" · "))),
      h("span", { "aria-hidden": "true" }, unlike),
    );
    // Before the input loses focus, which closes the list.
    element.addEventListener("pointerdown", (event) => event.preventDefault());
    element.addEventListener("click", (event) => choose(at, event.shiftKey || event.target === unlike));
    return element;
  };

  const close = () => {
    list.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };

  const mark = (at) => {
    active = at;
    [...list.children].forEach((element, place) => element.setAttribute("aria-selected", String(place === at)));
    if (at < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `${list.id}-${at}`);
    list.children[at].scrollIntoView({ block: "nearest" });
  };

  const show = (results, message) => {
    found = results;
    clear(list, results.map(option));
    if (!results.length) list.append(h("li", { role: "option", "aria-disabled": "true", "aria-selected": "false", class: "muted" }, message));
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(-1);
  };

  const ask = settled(PAUSE, async () => {
    controller?.abort();
    const text = input.value.trim();
    if (!text) return close();
    controller = new AbortController();
    try {
      const { data } = await search(text, controller.signal);
      // Whoever went on does not want a list any more.
      if (document.activeElement !== input) return;
      show(data.results, "Nothing found. Try fewer letters.");
      say(data.results.length ? `${data.results.length} tracks found` : "nothing found");
    } catch (error) {
      if (error.name !== "AbortError") show([], error.message);
    }
  });

  const choose = (at, unlike) => {
    const result = found[at];
    if (!result) return;
    controller?.abort();
    input.value = "";
    found = [];
    close();
    pick(result.id, result.track, unlike);
  };

  input.addEventListener("input", ask);
  input.addEventListener("focus", () => input.value.trim() && ask());
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const last = found.length - 1;
    const moves = { ArrowDown: active < last ? active + 1 : 0, ArrowUp: active > 0 ? active - 1 : last };
    if (event.key in moves) {
      event.preventDefault();
      if (list.hidden) ask();
      else if (found.length) mark(moves[event.key]);
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (!list.hidden) choose(Math.max(active, 0), event.shiftKey);
    } else if (event.key === "Escape") {
      if (!list.hidden) {
        event.preventDefault();
        close();
      } else {
        input.value = "";
      }
    }
  });
}

export function focusSearch() {
  byId("search").focus();
}
