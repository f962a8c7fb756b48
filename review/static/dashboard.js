// The dashboard, kept fresh by server-sent events: still while the tab is hidden, marked when they stop.

import { _ } from "/static/texts.js";

const SILENT_MS = 15_000;
const AGAIN_MS = 10_000; // a browser that was refused the stream does not ask again by itself
const live = document.getElementById("live"), sections = document.getElementById("sections");
let source = null, silent = null, again = null, at = null;

function tell(state) {
  live.dataset.state = state;
  if (!at) live.textContent = _("Not live");
  else if (state === "live") live.textContent = _("Live, %(time)s UTC", { time: at });
  else live.textContent = _("Not live since %(time)s UTC", { time: at });
}

function heard(event) {
  const news = JSON.parse(event.data);
  at = news.at ?? at;
  clearTimeout(silent);
  silent = setTimeout(() => tell("stale"), SILENT_MS);
  if (news.html) show(news.html);
  tell("live");
}

/** Exchange the sections that have changed, except one in which somebody types or is about to press a button. */
function show(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  const ids = (root) => [...root.querySelectorAll("section")].map((section) => section.id).join();
  if (ids(sections) !== ids(fresh)) return sections.replaceChildren(...fresh.children);
  for (const section of fresh.querySelectorAll("section")) {
    const old = document.getElementById(section.id);
    if (!old.isEqualNode(section) && !old.contains(document.activeElement)) old.replaceWith(section);
  }
}

function listen() {
  rest();
  source = new EventSource("/dashboard/events");
  source.addEventListener("message", heard);
  source.addEventListener("error", refused);
  silent = setTimeout(() => tell("stale"), SILENT_MS);
}

function refused() {
  if (source.readyState !== EventSource.CLOSED) return;
  tell("stale");
  clearTimeout(again);
  again = setTimeout(listen, AGAIN_MS);
}

function rest() {
  source?.close();
  clearTimeout(silent);
  clearTimeout(again);
}

document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
addEventListener("pagehide", rest);
addEventListener("pageshow", (event) => { if (event.persisted) listen(); });
if (!document.hidden) listen();
