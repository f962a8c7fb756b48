// Short names for what all modules do with the page.

import { _ } from "/static/texts.js";

export const find = (id) => document.getElementById(id);
export const say = (words) => { find("live").textContent = words; };

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Show one line above the stage; it is closed by its button or replaced by the next. */
export function notice(words, { bad = false, kind = "", more = "" } = {}) {
  const close = make("button", { type: "button", textContent: _("Close") });
  const row = make("p", { className: `notice${bad ? " bad" : ""}` }, make("span", { textContent: words }), more, close);
  row.dataset.kind = kind;
  row.setAttribute("role", "status");
  close.onclick = () => row.remove();
  find("notices").replaceChildren(row);
}

/** Remove the line of a kind; whether it was shown. */
export function unnotice(kind) {
  const row = find("notices").querySelector(`[data-kind="${kind}"]`);
  row?.remove();
  return row !== null;
}
