// Making and finding elements.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

// h("p", {class: "x", onclick: f, hidden: true}, "text", child, [children]): an element. Texts stay texts.
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(9).filter((child) => child != null && child !== false));
  return element;
}

export function clear(element, ...children) {
  element.replaceChildren(...children.flat(9).filter((child) => child != null && child !== false));
  return element;
}

const PATHS = {
  up: "M7 11v9H4v-9zm0 0 4-8c1.6 0 2.3 1 2 2.600L12.300 9H19c1.200 0 2 1 1.700 2.200l-1.600 7c-.2 1-1 1.800-2.100 1.800H7",
  down: "M17 13V4h3v9zm0 0-4 8c-1.600 0-2.300-1-2-2.600l.7-3.400H5c-1.200 0-2-1-1.700-2.200l1.600-7C5.100 4.800 6 4 7 4h10",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12M18 6 6 18",
  swap: "M7 4 3 8l4 4M3 8h13M17 12l4 4-4 4M21 16H8",
  more: "M5 12h.01M12 12h.01M19 12h.01",
};

// A drawing beside a text; it has no name of its own.
export function icon(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, svg("path", { d: PATHS[name] }));
}

export function iconButton(name, label, attributes = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, ...attributes }, icon(name));
}

// Calls `job` once things have been quiet for `ms`.
export function settled(ms, job) {
  let timer;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(job, ms, ...given);
  };
}
