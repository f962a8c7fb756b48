// The dialogs: a category by its name, and the photograph large.

import { find, make } from "/static/dom.js";

/** Return what opens the dialog in which a category is found by its name, and then calls `take`. */
export function picker(names, take) {
  const dialog = find("picker"), input = find("find"), list = find("matches");
  const matching = () => names.filter((name) => name.toLowerCase().includes(input.value.trim().toLowerCase())).slice(0, 12);
  const taken = (category) => { dialog.close(); take(category); };
  const draw = () => list.replaceChildren(...matching().map((category) =>
    make("li", {}, make("button", { type: "button", textContent: category, onclick: () => taken(category) }))));
  input.oninput = draw;
  input.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (matching()[0]) taken(matching()[0]);
  };
  return () => {
    input.value = "";
    draw();
    dialog.showModal();
    input.focus();
  };
}

export function zoom({ image, key }) {
  const large = find("zoom").querySelector("img");
  large.src = image.replace("/small?", "/large?");
  large.alt = key;
  find("zoom").showModal();
}
