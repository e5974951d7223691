// A server that is gone, and comes back.

import { call } from "./api.js";
import { byId, clear, h } from "./dom.js";

// `back` is called when it answers again.
export function watchServer(back) {
  let timer = null;
  const banner = byId("gone");
  addEventListener("server-gone", () => {
    if (timer !== null) return;
    clear(banner, h("p", {}, "The server does not answer. Trying again …"));
    banner.hidden = false;
    timer = setInterval(() => call("/healthz").catch(() => {}), 2000);
  });
  addEventListener("server-there", () => {
    if (timer === null) return;
    clearInterval(timer);
    timer = null;
    banner.hidden = true;
    back();
  });
}
