// The page on which screens are settled: what is shown, what was decided, and what the keys do.

import { Care } from "/static/care.js";
import { cycleOf, following } from "/static/choices.js";
import { comment, picker, zoom } from "/static/dialogs.js";
import { find, make, notice, say, unnotice } from "/static/dom.js";
import { planEverything } from "/static/everything.js";
import { Grid } from "/static/grid.js";
import { bind, keysOf, legend } from "/static/keys.js";
import { Outbox, post } from "/static/outbox.js";
import { Screens } from "/static/screens.js";
import { Single } from "/static/single.js";
import { _, ngettext, words } from "/static/texts.js";
import { cellsByWidth, wantedOf, writeWanted } from "/static/views.js";

const root = find("review"), stage = find("stage"), settle = find("settle");
const names = JSON.parse(root.dataset.names), also = JSON.parse(root.dataset.also);
const keys = keysOf(root.dataset.user);
const wanted = wantedOf(location.search);

let screen = null; // what is shown, with .cells, .choices of what each is to be, and .left of those that are not decided
let place = 0; // the cell in focus; in single mode, the one shown
let shownAt = 0;
let decided = 0;
const steps = []; // what can be undone: {screen, places, ids}
const undone = []; // what can be done again: {screen, places, choices}
const outbox = new Outbox(root.dataset.user, told);
const care = new Care();
const screens = new Screens(asked, warn);
const grid = new Grid(stage, { keys, pick: () => pick(), tally, onFocus: (index) => { place = index; } });
const single = new Single(stage, { names, keys, choose: (choice) => settleOne(choice), tally });
const pick = picker(names, also, (category) => choose({ category }));
const isGrid = () => screen.mode !== "single";

/** What is asked for: the view, with as many images as there is room for. */
function asked() {
  return wanted.mode === "single" ? wanted : { ...wanted, limit: cellsByWidth(wanted.mode) };
}

/** Show the next screen. Until it is there no key acts: it would be about what is decided, or what nobody has seen. */
async function next() {
  settle.hidden = true;
  screen = null;
  stage.ariaBusy = "true";
  const found = await screens.next();
  if (screen) return found && screens.ahead.unshift(Promise.resolve(found)); // something was undone meanwhile
  if (found) return show(found);
  stage.ariaBusy = "false";
  find("question").textContent = found === null ? _("Nothing waits here any more") : _("The server cannot be reached");
  const back = make("a", { href: "/", className: "button", textContent: _("To the queue") });
  const again = make("button", { type: "button", textContent: _("Try again"), onclick: next });
  stage.replaceChildren(make("p", { className: "actions" }, found === null ? back : again));
  tally("");
  say(find("question").textContent);
  if (found !== null) return;
  await outbox.flush();
  const figures = await care.figures();
  if (!screen) stage.prepend(figures);
}

function show(given, at) {
  screen = given;
  stage.ariaBusy = "false";
  screen.choices ??= screen.cells.map(({ category }) => ({ category }));
  screen.left ??= new Set(screen.cells.keys());
  place = at ?? Math.min(...screen.left);
  for (const button of document.querySelectorAll(".modes button")) button.setAttribute("aria-pressed", String(button.dataset.mode === screen.mode));
  if (isGrid()) grid.show(screen, place);
  else single.show(screen, place);
  shownAt = performance.now();
}

// Decisions

function choose(choice) {
  if (!screen) return;
  if (isGrid()) grid.choose(place, choice);
  else settleOne(choice);
}

function settleOne(choice) {
  if (!screen) return;
  if (!choice) return say(_("There is no suggestion here: choose by number or by name"));
  screen.choices[place] = choice;
  say(words(choice.none) || choice.category);
  settlePlaces([place]);
}

/** Send what these cells are to be, and go on to what is left. */
function settlePlaces(places, { again = false } = {}) {
  const ms = performance.now() - shownAt, looked = isGrid() && !again ? care.looked(screen, ms, places.length) : ms;
  if (looked === null) return;
  if (!again) undone.length = 0;
  send(places, looked / (isGrid() ? screen.items.length : 1));
  for (const at of places) screen.left.delete(at);
  if (screen.left.size) return show(screen);
  screens.settled(screen.id);
  next();
}

function send(places, dwell) {
  const decisions = places.flatMap((at) => screen.cells[at].items.map((item) => decision(item, screen.choices[at], Math.round(dwell))));
  steps.push({ screen, places, ids: decisions.map(({ id }) => id) });
  decided += decisions.length;
  outbox.add(screen.id, decisions);
}

function decision({ object_id, version }, { none, category }, dwell_ms) {
  const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`.replace("0.", "");
  return { id, object_id, version, dwell_ms, ...(none ? { [root.dataset.none]: none } : { category }) };
}

async function undo() {
  const step = steps.pop();
  if (!step) return say(_("There is nothing to undo"));
  await outbox.flush();
  const whole = step.ids.length > 1;
  const answer = await post(whole ? `/api/v1/screens/${step.screen.id}/undo` : `/api/v1/decisions/${encodeURIComponent(step.ids[0])}/undo`);
  if (answer.status !== 200) {
    if (answer.status === 0) steps.push(step);
    return notice(answer.body?.detail ?? _("The server cannot be reached: nothing was undone"), { bad: true });
  }
  const restored = new Map((whole ? answer.body.undone : [answer.body]).map((row) => [row.object_id, row]));
  for (const at of step.places) {
    for (const item of step.screen.cells[at].items) item.version = restored.get(item.object_id)?.version ?? item.version;
    step.screen.left.add(at);
  }
  decided -= step.ids.length;
  undone.push({ screen: step.screen, places: step.places, choices: step.places.map((at) => step.screen.choices[at]) });
  if (screen && screen !== step.screen) screens.ahead.unshift(Promise.resolve(screen));
  show(step.screen, step.places[0]);
  say(_("Undone"));
}

function redo() {
  const step = undone.at(-1);
  if (!step || step.screen !== screen) return say(_("There is nothing to do again"));
  undone.pop();
  step.places.forEach((at, index) => { screen.choices[at] = step.choices[index]; });
  place = step.places[0];
  say(_("Done again"));
  settlePlaces(step.places, { again: true });
}

// What is told

function tally(line) {
  find("tally").textContent = [line, decided && ngettext("%(num)s decided", "%(num)s decided", decided)].filter(Boolean).join(" · ");
}

function told({ conflicts = [], batch = [], probes, careless, refused, count, login, offline, waiting }) {
  care.told({ probes, careless });
  for (const conflict of conflicts) {
    const { decision: mine } = batch.find((row) => row.decision.object_id === conflict.object_id);
    const link = make("a", { href: `/objects/${conflict.object_id}`, target: "_blank", rel: "noopener", textContent: _("Look at it") });
    const said = { yours: mine.category ?? words(mine[root.dataset.none]), by: conflict.by, theirs: conflict.category || _("no category") };
    notice(conflict.by ? _("You said “%(yours)s”, but %(by)s said “%(theirs)s”.", said) : _("You said “%(yours)s”, but the image is gone.", said), { bad: true, more: link });
  }
  if (refused) notice(ngettext("%(num)s decision was refused: %(why)s", "%(num)s decisions were refused: %(why)s", count, { why: refused }), { bad: true });
  if (login) notice(_("Your session has ended; what you decided is kept here."), { bad: true, more: make("a", { href: `/login?next=${encodeURIComponent(location.pathname + location.search)}`, textContent: _("Log in again") }) });
  if (offline) notice(ngettext("The server cannot be reached; %(num)s decision is kept here and sent as soon as it can be.", "The server cannot be reached; %(num)s decisions are kept here and sent as soon as it can be.", waiting), { bad: true, kind: "offline" });
  else if (waiting === 0 && unnotice("offline")) say(_("Everything is saved."));
}

function warn(seconds) {
  if (seconds === null) unnotice("held");
  else if (seconds) notice(_("These images are held for you for %(seconds)s s more; any key holds them on.", { seconds }), { bad: true, kind: "held" });
  else notice(_("Your time with these images is over. What you decide still counts, unless somebody was quicker; any key holds them on."), { bad: true, kind: "held" });
}

// Keys and buttons

async function mode(name) {
  if (wanted.mode === name) return;
  const left = screen?.id;
  screen = null;
  await outbox.flush();
  wanted.mode = name;
  writeWanted(wanted);
  await screens.change(left);
  next();
}

const second = () => cycleOf(screen, screen.cells[place])[1];
const acting = {
  accept: () => screen && (isGrid() ? settlePlaces([...screen.left]) : settleOne(cycleOf(screen, screen.cells[place])[0])),
  second: () => screen && choose(second()),
  toggle: () => screen && (isGrid() ? grid.choose(place, following(screen, place)) : zoom(screen.cells[place])),
  digit: (key) => screen && names[(Number(key) + 9) % 10] && choose({ category: names[(Number(key) + 9) % 10] }),
  find: () => screen && pick(),
  notOurs: () => screen && choose({ none: "not_ours" }),
  unreadable: () => screen && choose({ none: "unreadable" }),
  skip: () => screen && choose({ none: "skip" }),
  colleague: () => screen && choose({ none: "colleague" }),
  first: () => screen?.mode === "pair" && grid.side(place, 0),
  other: () => screen?.mode === "pair" && grid.side(place, 1),
  undo,
  redo,
  neighbours: () => screen && !isGrid() && single.neighbours.toggle(screen.cells[place]),
  comment: () => screen && comment(screen.cells[place].items[0]),
  move: (key) => screen && isGrid() && grid.move(key),
  single: () => mode("single"),
  sweep: () => mode("sweep"),
  pair: () => mode("pair"),
  product: () => mode("product"),
  help: () => find("legend").showModal(),
};

legend(find("legend").querySelector("dl"), keys);
bind(acting, keys);
settle.onclick = acting.accept;
find("undo").onclick = undo;
find("help").onclick = acting.help;
find("everything")?.addEventListener("click", () => planEverything(wanted));
for (const button of document.querySelectorAll(".modes button")) button.onclick = () => mode(button.dataset.mode);
outbox.flush();
next();
