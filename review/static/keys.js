// The keys: one table, from which they are bound and from which the legend is made.

import { _ } from "/static/texts.js";

export const KEYS = [
  { keys: ["Enter"], shown: "Enter", act: "accept", words: _("These are right; in single mode: the first answer") },
  { keys: ["Shift+Enter"], shown: "Shift + Enter", act: "second", words: _("The model's second choice") },
  { keys: [" "], shown: "Space", act: "toggle", words: _("Sweep: the next choice. Single: zoom") },
  { keys: [..."0123456789"], shown: "1 … 9, 0", act: "digit", words: _("Choose a category by its number") },
  { keys: ["/"], shown: "/", act: "find", words: _("Find a category by name") },
  { keys: ["x", "X"], shown: "X", act: "notOurs", words: _("Not ours") },
  { keys: ["u", "U"], shown: "U", act: "unreadable", words: _("Unreadable") },
  { keys: ["Backspace"], shown: "Backspace", act: "skip", words: _("Skip; somebody else may know") },
  { keys: ["a", "A"], shown: "A", act: "colleague", words: _("Ask a colleague, who sees it without your opinion") },
  { keys: ["z", "Z"], shown: "Z", act: "undo", words: _("Undo the last step; a swept screen is one") },
  { keys: ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"], shown: "Arrows", act: "move", words: _("Move between the cells") },
  { keys: ["f", "F"], shown: "F", act: "first", words: _("Pair: the first of the two, and on to the next") },
  { keys: ["j", "J"], shown: "J", act: "other", words: _("Pair: the second of the two, and on to the next") },
  { keys: ["s", "S"], shown: "S", act: "single", words: _("Single mode") },
  { keys: ["w", "W"], shown: "W", act: "sweep", words: _("Sweep mode") },
  { keys: ["p", "P"], shown: "P", act: "pair", words: _("Pair mode") },
  { keys: ["o", "O"], shown: "O", act: "product", words: _("Product mode") },
  { keys: ["?"], shown: "?", act: "help", words: _("Show these keys") },
];

const acts = new Map(KEYS.flatMap(({ keys, act }) => keys.map((key) => [key, act])));

/** Call `acting[act](key, event)` for each key of the table; none acts in a text field or under a dialog. */
export function bind(acting) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea") || document.querySelector("dialog[open]")) return;
    const act = acts.get(event.shiftKey && event.key === "Enter" ? "Shift+Enter" : event.key);
    if (!act || (event.key === "Enter" && event.target.closest("a, summary, .tools button"))) return;
    if (event.key === " " && event.target.closest("a, summary, .tools button, .answers button")) return;
    event.preventDefault();
    if (!event.repeat || act === "move") acting[act]?.(event.key, event);
  });
}

export function legend(list) {
  list.replaceChildren(...KEYS.flatMap(({ shown, words }) => {
    const term = document.createElement("dt"), meaning = document.createElement("dd");
    term.append(Object.assign(document.createElement("kbd"), { textContent: shown }));
    meaning.textContent = words;
    return [term, meaning];
  }));
}
