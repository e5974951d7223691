// Behind a result: differences feature by feature, and what would change its place.

import { explain } from "./api.js";
import { clear, h } from "./dom.js";
import { labelOf, ordinal, share, write } from "./features.js";
import { setWeights, writeWeight } from "./sliders.js";

const known = (percentile) => typeof percentile === "number";

// Where two values stand among all tracks, 0 to 100.
function strip(difference) {
  const { query_percentile: query, track_percentile: track } = difference;
  if (!known(query) && !known(track)) return "";
  const dot = (kind, percentile) => {
    const mark = h("span", { class: `dot ${kind}` });
    mark.style.left = `${percentile}%`;
    return mark;
  };
  const told = [known(query) && `query ${ordinal(query)}`, known(track) && `track ${ordinal(track)}`].filter(Boolean).join(", ");
  return h("span", { class: "strip", role: "img", "aria-label": `Percentiles: ${told}`, title: `Percentiles: ${told}` }, known(query) && dot("query", query), known(track) && dot("track", track));
}

export function differences(explanation, features) {
  const { contributions, differences: all, missing = [], other_source: others = {} } = explanation;
  const names = Object.keys(contributions).sort((a, b) => Math.abs(contributions[b]) - Math.abs(contributions[a]));
  const line = (name) => {
    const difference = all[name] ?? {};
    const feature = features.find((each) => each.name === name);
    const value = (side) => (feature && name in all ? (difference[`${side}_text`] ?? write(feature, difference[side])) : "");
    const notes = [
      missing.includes(name) && "the track has no value",
      others[name] && `from ${others[name].track ?? "an import"}, the query’s from ${others[name].query.join(", ") || "an import"}`,
    ].filter(Boolean);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, labelOf(name), notes.length > 0 && h("span", { class: "note" }, notes.join("; "))),
      h("td", {}, value("query")),
      h("td", {}, value("track")),
      h("td", {}, difference.text ?? ""),
      h("td", {}, strip(difference)),
      h("td", { class: contributions[name] < 0 ? "number minus" : "number" }, share(contributions[name])),
    );
  };
  const heads = ["Feature", "Query", "Track", "Difference", "Among all tracks", "Adds"];
  return h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, names.map(line)));
}

const times = (factor) => (factor >= 10 ? factor.toFixed(0) : factor.toFixed(2));

function change(feature, { weight, to, factor }, what) {
  const use = h("button", { type: "button", class: "small" }, "Try it");
  use.addEventListener("click", () => setWeights({ [feature]: to }, `try ${feature}`));
  const amount = known(factor) ? ` (× ${times(factor)})` : "";
  return h("li", {}, h("span", {}, h("b", {}, labelOf(feature)), ` from ${writeWeight(weight)} to ${Number(to.toPrecision(6))}${amount} ${what}`), use);
}

// Asks and shows what would drop a track from the answer, or bring it in.
export async function explainInto(panel, request, id) {
  clear(panel, h("p", { class: "muted" }, "Working it out …"));
  panel.hidden = false;
  try {
    const { explain: _, ...query } = request;
    const { data } = await explain(query, id);
    const what = data.in_top_k ? `drops it from the top ${data.k}` : `brings it into the top ${data.k}`;
    const others = Object.entries(data.counterfactuals ?? {}).filter(([name, found]) => found && name !== data.smallest?.feature);
    clear(
      panel,
      h("p", {}, data.summary),
      data.smallest
        ? [h("h4", {}, "The smallest change of one weight"), h("ul", { class: "changes" }, change(data.smallest.feature, data.smallest, what))]
        : !data.undetermined?.length && h("p", { class: "muted" }, `No change of a single weight ${what}.`),
      others.length > 0 && h("details", {}, h("summary", {}, "Other weights"), h("ul", { class: "changes" }, others.map(([name, found]) => change(name, found, what)))),
    );
  } catch (error) {
    clear(panel, h("p", { class: "error" }, error.message));
  }
}
