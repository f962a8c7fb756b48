// The keys: one table, from which they are bound, and from which the legend and the page to change them are made.

import { make } from "/static/dom.js";
import { _ } from "/static/texts.js";

const ARROWS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

/** `fixed` keys belong together: they can be switched off, and not be changed. */
export const KEYS = [
  { act: "accept", keys: ["Enter"], words: _("These are right; in single mode: the first answer") },
  { act: "second", keys: ["Shift+Enter"], words: _("The model's second choice") },
  { act: "toggle", keys: [" "], words: _("In a grid the next choice; in single mode, zoom") },
  { act: "digit", keys: [..."1234567890"], fixed: true, words: _("Choose a category by its number") },
  { act: "find", keys: ["/"], words: _("Find a category by name") },
  { act: "notOurs", keys: ["x"], words: _("Not ours") },
  { act: "unreadable", keys: ["u"], words: _("Unreadable") },
  { act: "skip", keys: ["Backspace"], words: _("Skip; somebody else may know") },
  { act: "colleague", keys: ["a"], words: _("Ask a colleague, who sees it without your opinion") },
  { act: "undo", keys: ["z"], words: _("Undo the last step; a swept screen is one") },
  { act: "redo", keys: ["Shift+z"], words: _("Do again what was undone") },
  { act: "move", keys: ARROWS, fixed: true, words: _("Move between the cells") },
  { act: "first", keys: ["f"], words: _("Pair: the first of the two, and on to the next") },
  { act: "other", keys: ["j"], words: _("Pair: the second of the two, and on to the next") },
  { act: "neighbours", keys: ["n"], words: _("Single: what is like it, and the product's other photographs") },
  { act: "comment", keys: ["c"], words: _("Write a comment at the image") },
  { act: "single", keys: ["s"], words: _("Single mode") },
  { act: "sweep", keys: ["w"], words: _("Sweep mode") },
  { act: "pair", keys: ["p"], words: _("Pair mode") },
  { act: "product", keys: ["o"], words: _("Product mode") },
  { act: "help", keys: ["?"], words: _("Show these keys") },
];

const NAMES = { " ": _("Space"), Backspace: "⌫", "Shift+Enter": "⇧ Enter" };

/** Name a press as the table does: letters in lower case, with Shift+ before what Shift does not change into another sign. */
export function pressed({ key, shiftKey }) {
  const isSign = key.length === 1 && key.toLowerCase() === key.toUpperCase() && key !== " ";
  const name = key.length === 1 ? key.toLowerCase() : key;
  return shiftKey && !isSign ? `Shift+${name}` : name;
}

export function shownKeys(keys) {
  if (keys === ARROWS || keys.length === 4 && keys[0] === ARROWS[0]) return "← → ↑ ↓";
  if (keys.length === 10) return "1 … 9, 0";
  return keys.map((key) => NAMES[key] ?? key.replace("Shift+", "⇧ ").replace(/(^|\s)(\w)$/, (all) => all.toUpperCase())).join(", ");
}

const store = (user) => `tagger-keys:${user}`;

/** Return the table with the keys that somebody has chosen in this browser; an act without keys is switched off. */
export function keysOf(user) {
  let own = {};
  try { own = JSON.parse(localStorage.getItem(store(user))) ?? {}; } catch { /* as if nothing were chosen */ }
  return KEYS.map((row) => ({ ...row, keys: Array.isArray(own[row.act]) ? own[row.act] : row.keys }));
}

/** Keep somebody's keys: those that differ from the table. */
export function keepKeys(user, table) {
  const own = table.filter(({ keys }, place) => String(keys) !== String(KEYS[place].keys)).map(({ act, keys }) => [act, keys]);
  localStorage.setItem(store(user), JSON.stringify(Object.fromEntries(own)));
}

/** Call `acting[act](key, event)` for each key of the table; none acts in a text field or under a dialog. */
export function bind(acting, table) {
  const acts = new Map(table.flatMap(({ keys, act }) => keys.map((key) => [key, act])));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea") || document.querySelector("dialog[open]")) return;
    const act = acts.get(pressed(event));
    if (!act || (event.key === "Enter" && event.target.closest("a, summary, .tools button"))) return;
    if (event.key === " " && event.target.closest("a, summary, .tools button, .answers button")) return;
    event.preventDefault();
    if (!event.repeat || act === "move") acting[act]?.(event.key, event);
  });
}

export function legend(list, table) {
  list.replaceChildren(...table.filter(({ keys }) => keys.length).flatMap(({ keys, words }) => [
    make("dt", {}, make("kbd", { textContent: shownKeys(keys) })),
    make("dd", { textContent: words }),
  ]));
}
