// The page on which somebody changes the keys of the screen, or switches them off, for this browser.

import { find, make, say } from "/static/dom.js";
import { keepKeys, KEYS, keysOf, pressed, shownKeys } from "/static/keys.js";
import { _ } from "/static/texts.js";

const { user } = find("keys").dataset;
const body = find("keys").querySelector("tbody");
let table = keysOf(user);
let waiting = null; // the act whose new key is pressed next

function draw(focused) {
  body.replaceChildren(...table.map(row));
  if (focused) body.querySelector(`[data-act="${focused}"]`)?.focus();
}

function row({ act, keys, fixed, words }) {
  const isOff = !keys.length;
  const change = fixed ? "" : button(waiting === act ? _("Press a key") : _("Change"), act, words, () => { waiting = act; draw(act); });
  const off = button(isOff ? _("Switch on") : _("Switch off"), fixed ? act : "", words, () => set(act, isOff ? own(act) : []));
  const name = make("th", { scope: "row", textContent: words }), go = make("td", { className: "go" }, change, " ", off);
  return make("tr", {}, name, make("td", {}, isOff ? make("span", { className: "quiet", textContent: _("off") }) : make("kbd", { textContent: shownKeys(keys) })), go);
}

function button(label, act, words, onclick) {
  const made = make("button", { type: "button", textContent: label, onclick });
  made.dataset.act = act;
  made.append(make("span", { className: "hidden", textContent: ` ${words}` }));
  return made;
}

const own = (act) => KEYS.find((one) => one.act === act).keys;

/** An act gets its keys; whatever else had them is switched off. */
function set(act, keys) {
  waiting = null;
  table = table.map((one) => one.act === act ? { ...one, keys } : { ...one, keys: one.keys.some((key) => keys.includes(key)) ? [] : one.keys });
  keepKeys(user, table);
  draw(act);
  say(_("The keys are kept in this browser."));
}

document.addEventListener("keydown", (event) => {
  if (!waiting || ["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return;
  event.preventDefault();
  if (event.key === "Escape") { const act = waiting; waiting = null; return draw(act); }
  if (!event.ctrlKey && !event.metaKey && !event.altKey) set(waiting, [pressed(event)]);
}, true);
find("reset").onclick = () => { table = KEYS.map((one) => ({ ...one })); keepKeys(user, table); waiting = null; draw(); };
find("keys").hidden = false;
draw();
