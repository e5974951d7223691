// What went wrong, at the field it is about and above the answer.

import { byId, clear, h } from "./dom.js";

// `again` is what the button does.
export function blame(error, again) {
  forgive();
  const path = error.field?.replace(/\[.*$/, "") ?? "";
  const fields = [...document.querySelectorAll("[data-field]")];
  const match = (name) => fields.find((element) => element.dataset.field.split(" ").includes(name));
  let field = null;
  for (let name = path; name && !field; name = name.slice(0, Math.max(0, name.lastIndexOf(".")))) field = match(name);
  if (field) {
    field.closest("details")?.setAttribute("open", "");
    field.classList.add("wrong");
    field.append(h("p", { class: "error field-error", id: "field-error" }, error.message));
    const input = field.querySelector("input, select");
    input?.setAttribute("aria-invalid", "true");
    input?.setAttribute("data-described", input.getAttribute("aria-describedby") ?? "");
    input?.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} field-error`.trim());
  }
  const nothing = error.code === "all_weights_zero" && "Nothing matters yet: move a slider, or start from Balanced.";
  clear(byId("problem"), h("p", {}, nothing || error.message), h("button", { type: "button", class: "small", onclick: () => again() }, "Try again"));
  byId("problem").hidden = false;
}

export function forgive() {
  byId("problem").hidden = true;
  for (const field of document.querySelectorAll(".wrong")) field.classList.remove("wrong");
  for (const message of document.querySelectorAll(".field-error")) message.remove();
  for (const input of document.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    if (input.dataset.described) input.setAttribute("aria-describedby", input.dataset.described);
    else input.removeAttribute("aria-describedby");
    delete input.dataset.described;
  }
}
