// Contributions as one bar: what adds goes to the right of zero, what takes away to the left, and the mark is their sum.

import { h } from "./dom.js";
import { labelOf, share } from "./features.js";

// About how wide a letter is, in pixels.
const LETTER = 7;

// The scale that all bars of an answer share: 1 is the most there is, but where something takes away.
// `pixels` is how wide they are, to tell which names fit.
export function scaleOf(results, pixels) {
  let [least, most] = [0, 1];
  for (const { explanation } of results) {
    const values = Object.values(explanation?.contributions ?? {});
    most = Math.max(most, values.filter((value) => value > 0).reduce((sum, value) => sum + value, 0));
    least = Math.min(least, values.filter((value) => value < 0).reduce((sum, value) => sum + value, 0));
  }
  return { least, most, pixels };
}

export class Bar {
  constructor() {
    this.parts = new Map();
    this.zero = h("span", { class: "zero" });
    this.sum = h("span", { class: "sum" });
    this.element = h("div", { class: "bar", role: "img" }, this.zero, this.sum);
  }

  show(contributions, { least, most, pixels }, order) {
    const percent = (value) => (100 * value) / (most - least);
    const at = (value) => percent(value - least);
    const names = Object.keys(contributions).sort((a, b) => order.indexOf(a) - order.indexOf(b));
    let [left, right, total] = [0, 0, 0];
    for (const name of names) {
      const value = contributions[name];
      total += value;
      const start = value < 0 ? (left += value) : right;
      if (value >= 0) right += value;
      const width = percent(Math.abs(value));
      const part = this.#part(name);
      part.className = `part ${name === "anchor" ? "anchor" : value < 0 ? "minus" : order.indexOf(name) % 2 ? "plus odd" : "plus"}`;
      part.style.left = `${at(start)}%`;
      part.style.width = `${width}%`;
      const label = labelOf(name);
      const shown = (width / 100) * pixels > LETTER * label.length + 10 ? label : "";
      if (part.textContent !== shown) part.textContent = shown;
      part.title = `${label} ${share(value)}`;
    }
    for (const [name, part] of this.parts) {
      if (!(name in contributions)) {
        part.remove();
        this.parts.delete(name);
      }
    }
    this.zero.style.left = `${at(0)}%`;
    this.sum.style.left = `${at(total)}%`;
    this.element.dataset.sum = total;
    const largest = names.sort((a, b) => Math.abs(contributions[b]) - Math.abs(contributions[a])).slice(0, 4);
    const told = largest.map((name) => `${labelOf(name)} ${share(contributions[name])}`).join(", ");
    this.element.ariaLabel = `Contributions, adding up to ${total.toFixed(3)}: ${told}`;
  }

  #part(name) {
    let part = this.parts.get(name);
    if (!part) {
      part = h("span", { "data-share": name });
      this.parts.set(name, part);
      this.element.insertBefore(part, this.zero);
    }
    return part;
  }
}

export function legend() {
  return h(
    "p",
    { class: "legend" },
    h("span", { class: "key plus" }, "adds"),
    h("span", { class: "key minus" }, "takes away"),
    h("span", { class: "key anchor" }, "anchor"),
    h("span", { class: "key total" }, "sum = similarity"),
  );
}
