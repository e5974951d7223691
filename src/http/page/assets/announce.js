// What is said to those who do not see the page change.

import { byId, settled } from "./dom.js";

// After a pause: a moving slider would be talked over.
export const say = settled(500, (text) => {
  byId("status").textContent = text;
});
