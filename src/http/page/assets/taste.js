// Thumbs, and the weights that can be learned from them. They stay in this tab.

import * as state from "./state.js";
import { infer } from "./api.js";
import { byId, clear, h } from "./dom.js";
import { labelOf } from "./features.js";
import { say } from "./announce.js";

const STORE = "verdicts";
const verdicts = stored();
let schema = null;

function stored() {
  try {
    return new Map(JSON.parse(sessionStorage.getItem(STORE)));
  } catch {
    return new Map();
  }
}

function keep() {
  try {
    sessionStorage.setItem(STORE, JSON.stringify([...verdicts]));
  } catch {
    // A browser that keeps nothing forgets them.
  }
  showTaste();
}

export const verdictOf = (id) => verdicts.get(id);

// The same thumb again takes it back.
export function thumb(id, which) {
  if (verdicts.get(id) === which) verdicts.delete(id);
  else verdicts.set(id, which);
  keep();
}

const given = (which) => [...verdicts].filter(([, verdict]) => verdict === which).map(([id]) => id);

export function buildTaste(itsSchema) {
  schema = itsSchema;
  showTaste();
}

function showTaste() {
  const [liked, disliked] = [given("up"), given("down")];
  const learn = h("button", { type: "button", class: "small" }, "Learn what matters");
  const forget = h("button", { type: "button", class: "quiet small" }, "Forget them");
  const learned = h("div", { class: "learned", "aria-live": "polite" });
  learn.addEventListener("click", () => learnInto(learned, liked, disliked));
  forget.addEventListener("click", () => {
    verdicts.clear();
    keep();
    for (const button of document.querySelectorAll(".actions [aria-pressed]")) button.dispatchEvent(new Event("verdict"));
  });
  const said = `${liked.length} liked, ${disliked.length} not.`;
  clear(byId("taste"), liked.length + disliked.length > 0 && h("div", { class: "taste" }, h("p", {}, h("b", {}, "Your thumbs: "), said), h("div", { class: "row" }, learn, forget), learned));
}

async function learnInto(panel, liked, disliked) {
  clear(panel, h("p", { class: "muted" }, "Learning …"));
  try {
    // The seeds are liked, too: that is why they were chosen.
    const all = [...new Set([...liked, ...state.get().seeds])].filter((id) => !disliked.includes(id));
    const { data } = await infer({ liked: all, disliked });
    const names = Object.keys(data.weights).sort((a, b) => data.weights[b] - data.weights[a]);
    const line = (name) => {
      const sure = data.confidence?.[name] ?? 0;
      const meter = h("meter", { min: 0, max: 1, value: sure, "aria-label": `Confidence in ${labelOf(name)}`, title: `confidence ${Math.round(100 * sure)} %` });
      return h("tr", {}, h("th", { scope: "row" }, labelOf(name)), h("td", { class: "number" }, data.weights[name].toFixed(2)), h("td", {}, meter));
    };
    const use = h("button", { type: "button", class: "primary small" }, "Use these weights");
    use.addEventListener("click", () => {
      const weights = {};
      for (const name of Object.keys(schema.profiles.default)) weights[name] = Math.round(100 * (data.weights[name] ?? 0)) / 100;
      state.set({ base: "default", weights, ...(typeof data.anchor === "number" && { anchor: data.anchor }) });
      say("The learned weights are in use.");
    });
    const heads = ["Feature", "Weight", "Confidence"].map((head) => h("th", { scope: "col" }, head));
    clear(
      panel,
      (data.warnings ?? []).map((warning) => h("p", { class: "hint" }, warning)),
      h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, names.filter((name) => data.weights[name] > 0).map(line))),
      use,
    );
  } catch (error) {
    clear(panel, h("p", { class: "error" }, error.message));
  }
}
