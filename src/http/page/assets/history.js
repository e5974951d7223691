// The state goes to the address, and the browser's history.

import { settled } from "./dom.js";
import { encode } from "./url.js";

let lastFrom = null;

// Changes by the same control one after the other are one entry in the history.
export function remember(now, { from, history: is }) {
  if (is) {
    lastFrom = null;
    return;
  }
  const hash = encode(now);
  if (hash === location.hash) return;
  const address = location.pathname + location.search + hash;
  if (from && from === lastFrom) write(address);
  else {
    write.flush();
    history.pushState(null, "", address);
  }
  lastFrom = from;
}

// Browsers refuse to be told hundreds of times a second.
export const write = (() => {
  let pending = null;
  const flush = () => {
    if (pending !== null) history.replaceState(null, "", pending);
    pending = null;
  };
  const later = settled(100, flush);
  const drop = () => (pending = null);
  return Object.assign((address) => ((pending = address), later()), { flush, drop });
})();
