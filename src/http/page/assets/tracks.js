// Tracks as they are shown everywhere.

import { addSeed } from "./state.js";
import { h, iconButton } from "./dom.js";

export const titleOf = (track, id = "") => track?.name || (id && `Track ${id}`) || "Untitled";

export const artistsOf = (track) => (track?.artists?.length ? track.artists.join(", ") : "unknown artist");

export const nameOf = (track, id) => `${titleOf(track, id)} by ${artistsOf(track)}`;

// Cover, or a drawn one of its own colour where there is none.
export function cover(track, id) {
  const text = track.album || track.name || id;
  const drawn = h("span", { class: "cover drawn", "aria-hidden": "true" }, [...text][0]?.toUpperCase() ?? "");
  let sum = 7;
  for (const letter of text + artistsOf(track)) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  drawn.style.setProperty("--hue", sum);
  if (!track.album_image) return drawn;
  const image = h("img", { class: "cover", src: track.album_image, alt: "", loading: "lazy", width: 56, height: 56, referrerpolicy: "no-referrer" });
  image.addEventListener("error", () => image.replaceWith(drawn));
  return image;
}

// A short line with buttons, for lists beside the answer.
export function trackLine(id, track, attributes = {}, beside = artistsOf(track)) {
  return h(
    "li",
    { class: "line", ...attributes },
    h("span", { class: "line-text" }, h("b", {}, titleOf(track, id)), " ", h("span", { class: "muted" }, beside)),
    iconButton("plus", `More like ${titleOf(track, id)}`, { onclick: () => addSeed(id) }),
    iconButton("minus", `Not like ${titleOf(track, id)}`, { onclick: () => addSeed(id, true) }),
  );
}
