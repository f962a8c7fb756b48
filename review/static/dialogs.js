// The dialogs: a category by its name, the photograph large, a comment.

import { find, make, say } from "/static/dom.js";
import { post } from "/static/outbox.js";
import { _ } from "/static/texts.js";

const SHOWN = 12;

/** Return what opens the dialog in which a category is found by its name, title or synonym, and then calls `take`. */
export function picker(names, also, take) {
  const dialog = find("picker"), input = find("find"), list = find("matches");
  const taken = (category) => { dialog.close(); take(category); };
  const draw = () => list.replaceChildren(...matching(names, also, input.value).map(([category, other]) =>
    make("li", {}, make("button", { type: "button", onclick: () => taken(category) }, category, other ? make("span", { className: "quiet", textContent: other }) : ""))));
  input.oninput = draw;
  input.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const [first] = matching(names, also, input.value);
    if (first) taken(first[0]);
  };
  return () => {
    input.value = "";
    draw();
    dialog.showModal();
    input.focus();
  };
}

/** List categories with the other name that matched, if it was one: those that begin so first. */
export function matching(names, also, typed) {
  const wanted = typed.trim().toLowerCase();
  const found = names.flatMap((name) => {
    const hit = [name, ...(also[name] ?? [])].find((one) => one.toLowerCase().includes(wanted));
    return hit === undefined ? [] : [[name, hit === name ? "" : hit, hit.toLowerCase().startsWith(wanted) ? 0 : 1]];
  });
  return found.sort((one, other) => one[2] - other[2]).slice(0, SHOWN);
}

export function zoom({ image, key }) {
  const large = find("zoom").querySelector("img");
  large.src = image.replace("/small?", "/large?");
  large.alt = key;
  find("zoom").showModal();
}

/** Ask for a comment at an image and send it; what is written stays until the server has it. */
export function comment({ object_id, key }) {
  const dialog = find("comment"), text = find("comment-text"), fault = find("comment-fault");
  const id = crypto.randomUUID?.() ?? `c-${Date.now()}-${object_id}`;
  dialog.querySelector(".quiet").textContent = key;
  fault.hidden = true;
  dialog.querySelector("form").onsubmit = async (event) => {
    if (event.submitter?.value === "cancel") return;
    event.preventDefault();
    if (!text.value.trim()) return text.focus();
    const answer = await post(`/api/v1/objects/${object_id}/comments`, { id, text: text.value });
    if (answer.status !== 204) {
      fault.textContent = answer.body?.detail ?? _("The server cannot be reached; try again.");
      fault.hidden = false;
      return;
    }
    text.value = "";
    dialog.close();
    say(_("The comment is kept"));
  };
  dialog.showModal();
  text.focus();
}
