// The page on which screens are settled: a grid to sweep, or one image at a time.

import { bind, legend } from "/static/keys.js";
import { Outbox, post } from "/static/outbox.js";
import { Screens } from "/static/screens.js";
import { _, ngettext, words } from "/static/texts.js";

const root = document.querySelector("#review");
const find = (id) => document.getElementById(id);
const stage = find("stage"), live = find("live"), settle = find("settle");
const names = JSON.parse(root.dataset.names);
const wanted = { category: root.dataset.category || undefined, reason: root.dataset.reason || undefined };
if (root.dataset.mode) wanted.mode = root.dataset.mode;

let screen = null; // what is shown, with .choices: what each item is to be
let anchor = 0; // sweep: the cell that was clicked last
let place = 0; // single: the item shown; sweep: the cell in focus
let shownAt = 0;
let decided = 0;
const steps = []; // what can be undone: {screen, ids, items}
const outbox = new Outbox(root.dataset.user, told);
const screens = new Screens(wanted, warn);

const say = (words) => { live.textContent = words; };
const wordsOf = (choice) => choice.none ? words(choice.none) : choice.category;
const isSame = (one, other) => one.category === other.category && one.none === other.none;
const choicesOf = (item) => [...item.candidates.map(({ category }) => ({ category })), { none: "not_ours" }];
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

async function next() {
  settle.hidden = true;
  const found = await screens.next();
  if (found) return show(found);
  screen = null;
  find("question").textContent = found === null ? _("Nothing waits here any more") : _("The server cannot be reached");
  const back = make("a", { href: "/", className: "button", textContent: _("To the queue") });
  const again = make("button", { type: "button", textContent: _("Try again"), onclick: next });
  stage.replaceChildren(make("p", { className: "actions" }, found === null ? back : again));
  say(find("question").textContent);
}

function show(given) {
  screen = given;
  screen.choices ??= screen.items.map((item) => ({ category: item.category }));
  screen.left ??= new Set(screen.items.keys());
  anchor = place = Math.min(...screen.left);
  shownAt = performance.now();
  for (const button of document.querySelectorAll(".modes button")) button.setAttribute("aria-pressed", String(button.dataset.mode === screen.mode));
  if (screen.mode === "sweep") sweep();
  else single();
}

// Sweep

function sweep() {
  find("question").textContent = screen.category ? _("Are all of these %(category)s?", { category: screen.category }) : _("Are all of these right?");
  const cells = screen.items.map((item, index) => {
    const name = make("span", { className: "name" });
    const cell = make("button", { type: "button", className: "cell", tabIndex: index === place ? 0 : -1 }, screen.pictures[index], name);
    cell.addEventListener("click", (event) => clicked(index, event.shiftKey));
    cell.addEventListener("focus", () => { place = index; });
    return cell;
  });
  stage.className = "grid sweep";
  stage.replaceChildren(...cells);
  cells.forEach((_, index) => label(index));
  settle.hidden = false;
  focus(place);
  say(`${find("question").textContent} ${ngettext("%(num)s image.", "%(num)s images.", screen.items.length)}`);
}

function label(index) {
  const cell = stage.children[index], choice = screen.choices[index], item = screen.items[index];
  const changed = choice.none || choice.category !== item.category;
  cell.querySelector(".name").textContent = wordsOf(choice);
  cell.classList.toggle("changed", Boolean(changed));
  const values = { place: index + 1, category: wordsOf(choice) };
  cell.setAttribute("aria-label", changed ? _("%(place)s: %(category)s, changed", values) : _("%(place)s: %(category)s", values));
  const count = screen.choices.filter((one, at) => one.none || one.category !== screen.items[at].category).length;
  tally(count ? ngettext("%(num)s changed", "%(num)s changed", count) : _("Click what is wrong: it becomes the model's second choice"));
  settle.firstChild.textContent = `${count ? _("Settle all as they stand") : _("These are right")} `;
}

/** A click gives the next choice; with Shift all from the last click to here become what that one is. */
function clicked(index, whole) {
  focus(index, false);
  if (!whole) {
    anchor = index;
    return choose(index, following(index));
  }
  for (let at = Math.min(anchor, index); at <= Math.max(anchor, index); at++) choose(at, screen.choices[anchor]);
}

function following(index) {
  const cycle = choicesOf(screen.items[index]);
  return cycle[(cycle.findIndex((one) => isSame(one, screen.choices[index])) + 1) % cycle.length];
}

function choose(index, choice) {
  if (screen.mode !== "sweep") return settleOne(choice);
  screen.choices[index] = choice;
  label(index);
  say(_("%(place)s: %(category)s", { place: index + 1, category: wordsOf(choice) }));
}

function focus(index, move = true) {
  stage.children[place]?.setAttribute("tabindex", "-1");
  place = index;
  stage.children[index]?.setAttribute("tabindex", "0");
  if (move) stage.children[index]?.focus({ preventScroll: false });
}

function settleAll() {
  const dwell = Math.round((performance.now() - shownAt) / screen.items.length);
  send([...screen.items.keys()], dwell);
  screens.settled(screen.id);
  next();
}

// Single

function single() {
  const item = screen.items[place];
  find("question").textContent = _("What is this?");
  tally(`${words(item.review_reason)} · ${ngettext("%(num)s left on this screen", "%(num)s left on this screen", screen.left.size)}`);
  const answers = item.candidates.map(({ category, confidence }, index) => {
    const number = names.indexOf(category);
    const key = index === 0 ? "Enter" : index === 1 ? "⇧ Enter" : number >= 0 && number < 10 ? String((number + 1) % 10) : "";
    const button = make("button", { type: "button", className: `candidate${index ? "" : " first"}`, onclick: () => settleOne({ category }) },
      make("span", { textContent: category }), make("meter", { min: 0, max: 1, value: confidence }),
      make("span", { className: "number", textContent: `${Math.round(100 * confidence)} %` }), key ? make("kbd", { textContent: key }) : "");
    return button;
  });
  const others = names.slice(0, 10).map((category, index) => make("button", { type: "button", onclick: () => settleOne({ category }) },
    make("kbd", { textContent: String((index + 1) % 10) }), category));
  const none = [["not_ours", _("Not ours"), "X"], ["unreadable", _("Unreadable"), "U"], ["skip", _("Skip"), "⌫"]].map(([value, label, key]) =>
    make("button", { type: "button", onclick: () => settleOne({ none: value }) }, label, make("kbd", { textContent: key })));
  const picture = screen.pictures[place];
  picture.alt = _("The photograph %(key)s", { key: item.key });
  stage.className = "single";
  stage.replaceChildren(make("figure", {}, picture, make("figcaption", { textContent: item.key })),
    make("div", { className: "answers" }, ...answers, make("div", { className: "many" }, ...others), make("div", { className: "many" }, ...none)));
  settle.hidden = true;
  shownAt = performance.now();
}

function settleOne(choice) {
  screen.choices[place] = choice;
  send([place], Math.round(performance.now() - shownAt));
  say(wordsOf(choice));
  screen.left.delete(place);
  if (screen.left.size) {
    place = Math.min(...screen.left);
    single();
  } else {
    screens.settled(screen.id);
    next();
  }
}

// Decisions

function send(places, dwell) {
  const decisions = places.map((index) => {
    const { none, category } = screen.choices[index], { object_id, version } = screen.items[index];
    const answer = none ? { [root.dataset.none]: none } : { category };
    return { id: crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`.replace("0.", ""), object_id, version, dwell_ms: dwell, ...answer };
  });
  steps.push({ screen, places, ids: decisions.map(({ id }) => id) });
  decided += places.length;
  outbox.add(screen.id, decisions);
}

async function undo() {
  const step = steps.pop();
  if (!step) return say(_("There is nothing to undo"));
  await outbox.flush();
  const whole = step.places.length > 1;
  const answer = await post(whole ? `/api/v1/screens/${step.screen.id}/undo` : `/api/v1/decisions/${encodeURIComponent(step.ids[0])}/undo`);
  if (answer.status !== 200) {
    if (answer.status === 0) steps.push(step);
    return notice(answer.body?.detail ?? _("The server cannot be reached: nothing was undone"), true);
  }
  const restored = new Map((whole ? answer.body.undone : [answer.body]).map((row) => [row.object_id, row]));
  for (const index of step.places) {
    const item = step.screen.items[index], row = restored.get(item.object_id);
    if (!row) continue;
    item.version = row.version;
    step.screen.left.add(index);
  }
  decided -= restored.size;
  if (screen && screen !== step.screen) screens.ahead.unshift(Promise.resolve(screen));
  show(step.screen);
  if (screen.mode === "single") { place = step.places[0]; single(); }
  say(_("Undone"));
}

// What is told

function tally(text) { find("tally").textContent = decided ? `${text} · ${ngettext("%(num)s decided", "%(num)s decided", decided)}` : text; }

function notice(text, bad = false, link = null, kind = "") {
  const close = make("button", { type: "button", textContent: _("Close") });
  const row = make("p", { className: `notice${bad ? " bad" : ""} ${kind}` }, make("span", { textContent: text }), link ?? "", close);
  row.setAttribute("role", "status");
  close.onclick = () => row.remove();
  find("notices").replaceChildren(row);
}

function told({ conflicts = [], batch = [], refused, count, login, offline, waiting }) {
  for (const conflict of conflicts) {
    const { decision } = batch.find((row) => row.decision.object_id === conflict.object_id);
    const yours = decision.category ?? words(decision[root.dataset.none]);
    const link = make("a", { href: `/objects/${conflict.object_id}`, target: "_blank", rel: "noopener", textContent: _("Look at it") });
    const values = { yours, theirs: conflict.category || _("no category"), name: conflict.by };
    notice(conflict.by ? _("You said “%(yours)s”, but %(name)s said “%(theirs)s”.", values) : _("You said “%(yours)s”, but the image is gone.", values), true, link);
  }
  if (refused) notice(ngettext("%(num)s decision was refused: %(why)s", "%(num)s decisions were refused: %(why)s", count, { why: refused }), true);
  if (login) notice(_("Your session has ended; what you decided is kept here."), true, make("a", { href: "/login?next=/screen", textContent: _("Log in again") }));
  if (offline) notice(ngettext("The server cannot be reached; %(num)s decision is kept here and sent as soon as it can be.", "The server cannot be reached; %(num)s decisions are kept here and sent as soon as it can be.", waiting), true, null, "offline");
  if (!offline && waiting === 0 && find("notices").querySelector(".offline")) find("notices").replaceChildren();
}

function warn(seconds) {
  if (seconds) notice(_("These images are held for you for %(seconds)s s more; any key holds them on.", { seconds }), true, null, "ending");
  else if (find("notices").querySelector(".ending")) find("notices").replaceChildren();
}

// Keys and buttons

async function mode(name) {
  if (wanted.mode === name) return;
  await outbox.flush();
  Object.assign(wanted, { mode: name });
  await screens.change(wanted, screen?.id);
  next();
}

const acting = {
  accept: () => screen && (screen.mode === "sweep" ? settleAll() : settleOne(choicesOf(screen.items[place])[0])),
  second: () => screen && choose(place, choicesOf(screen.items[place])[1]),
  toggle: () => screen && (screen.mode === "sweep" ? choose(place, following(place)) : zoom()),
  digit: (key) => screen && names[(Number(key) + 9) % 10] && choose(place, { category: names[(Number(key) + 9) % 10] }),
  find: () => screen && pick(),
  notOurs: () => screen && choose(place, { none: "not_ours" }),
  unreadable: () => screen && choose(place, { none: "unreadable" }),
  skip: () => screen && choose(place, { none: "skip" }),
  undo,
  move: (key) => screen?.mode === "sweep" && moved(key),
  single: () => mode("single"),
  sweep: () => mode("sweep"),
  help: () => find("legend").showModal(),
};

function moved(key) {
  const columns = getComputedStyle(stage).gridTemplateColumns.split(" ").length;
  const to = place + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
  if (to >= 0 && to < screen.items.length) focus(to);
}

function zoom() {
  const image = find("zoom").querySelector("img");
  image.src = screen.items[place].image.replace("/small?", "/large?");
  image.alt = screen.items[place].key;
  find("zoom").showModal();
}

function pick() {
  const input = find("find"), list = find("matches");
  const matching = () => names.filter((name) => name.toLowerCase().includes(input.value.trim().toLowerCase())).slice(0, 12);
  const take = (category) => { find("picker").close(); choose(place, { category }); };
  const draw = () => list.replaceChildren(...matching().map((category) => make("li", {}, make("button", { type: "button", textContent: category, onclick: () => take(category) }))));
  input.value = "";
  input.oninput = draw;
  input.onkeydown = (event) => { if (event.key === "Enter") { event.preventDefault(); if (matching()[0]) take(matching()[0]); } };
  draw();
  find("picker").showModal();
  input.focus();
}

legend(find("legend").querySelector("dl"));
bind(acting);
settle.onclick = acting.accept;
find("undo").onclick = undo;
find("help").onclick = acting.help;
for (const button of document.querySelectorAll(".modes button")) button.onclick = () => mode(button.dataset.mode);
outbox.flush();
next();
