// Screens: claimed ahead, with their pictures decoded, and given back when the page is left.

import { cellsOf } from "/static/choices.js";
import { post } from "/static/outbox.js";

const AHEAD = 2;
const EXTEND_EVERY_MS = 60_000;
const IDLE_MS = 300_000;

export class Screens {
  constructor(asked, warned) {
    this.asked = asked; // returns what to ask the server for
    this.warned = warned; // called with the seconds that the claims still last, or 0 if that is no worry
    this.ahead = []; // promises of screens
    this.held = new Map(); // id -> expires_at
    this.active = Date.now();
    for (const kind of ["keydown", "pointerdown"]) document.addEventListener(kind, () => { this.active = Date.now(); this.warned(0); }, true);
    addEventListener("pagehide", () => this.#giveBack());
    setInterval(() => this.#extend(), EXTEND_EVERY_MS);
  }

  /** Return the next screen; null if nothing waits; undefined if the server cannot be reached. */
  async next() {
    const first = this.ahead.shift() ?? this.#claim();
    const screen = await first;
    if (screen) while (this.ahead.length < AHEAD) this.ahead.push(this.#claim());
    else this.ahead = [];
    return screen;
  }

  settled(id) { this.held.delete(id); }

  /** Give everything back and ask for other images from now on. */
  async change(shown) {
    const waiting = this.ahead;
    this.ahead = [];
    await Promise.all(waiting);
    if (shown) this.held.set(shown, this.held.get(shown));
    await Promise.all([...this.held.keys()].map((id) => post(`/api/v1/screens/${id}`, undefined, "DELETE")));
    this.held.clear();
  }

  async #claim() {
    const answer = await post("/api/v1/screens", this.asked());
    if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    if (answer.status !== 200 && answer.status !== 201) return undefined;
    if (!answer.body.items.length) return null;
    const screen = answer.body;
    this.held.set(screen.id, screen.expires_at);
    const large = screen.mode === "single";
    screen.cells = cellsOf(screen);
    screen.pictures = screen.cells.map((cell, place) => picture(cell, large, place));
    return screen;
  }

  async #extend() {
    if (document.hidden || Date.now() - this.active > IDLE_MS) {
      const ends = Math.min(...[...this.held.values()].map((at) => Date.parse(at)));
      if (this.held.size && ends - Date.now() < 120_000) this.warned(Math.max(0, Math.round((ends - Date.now()) / 1000)));
      return;
    }
    for (const id of this.held.keys()) {
      const answer = await post(`/api/v1/screens/${id}/extend`);
      if (answer.status === 200 && this.held.has(id)) this.held.set(id, answer.body.expires_at);
    }
  }

  #giveBack() {
    for (const id of this.held.keys()) fetch(`/api/v1/screens/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
  }
}

function picture(item, large, place) {
  const image = new Image();
  image.alt = "";
  image.decoding = "async";
  if (large && place > 2) image.fetchPriority = "low";
  image.src = large ? item.image.replace("/small?", "/large?") : item.image;
  image.decode().catch(() => image.classList.add("missing"));
  return image;
}
