// Screens: claimed ahead, with their pictures decoded, held while somebody is there, and given back when the page is left.

import { cellsOf } from "/static/choices.js";
import { post } from "/static/outbox.js";

const AHEAD = 2;
const LARGE_AHEAD = 3; // large pictures that are fetched ahead; small ones are all
const TICK_MS = 10_000;
const EXTEND_EVERY_MS = 60_000;
const IDLE_MS = 300_000;
const WARN_S = 120;

export class Screens {
  constructor(asked, warned) {
    this.asked = asked; // returns what to ask the server for
    this.warned = warned; // called with the seconds that the claims still last, or null if that is no worry
    this.ahead = []; // promises of screens
    this.held = new Map(); // id -> expires_at
    this.active = this.extended = Date.now();
    this.warning = false;
    for (const kind of ["keydown", "pointerdown"]) document.addEventListener(kind, () => this.#isHere(), true);
    addEventListener("pagehide", () => this.#giveBack());
    setInterval(() => this.#tick(), TICK_MS);
  }

  /** Return the next screen; null if nothing waits; undefined if the server cannot be reached. */
  async next() {
    const first = this.ahead.shift() ?? this.#claim();
    const screen = await first;
    if (screen) while (this.ahead.length < AHEAD) this.ahead.push(this.#claimAfter(this.ahead.at(-1)));
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

  /** Claim one after the other: at once, the second might be given the last images, and the first none. */
  async #claimAfter(before) {
    const screen = before ? await before : true;
    return screen ? this.#claim() : screen;
  }

  async #claim() {
    const answer = await post("/api/v1/screens", this.asked());
    if (answer.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    if (answer.status !== 200 && answer.status !== 201) return undefined;
    if (!answer.body.items.length) return null;
    const screen = answer.body, pictures = [], large = screen.mode === "single";
    this.held.set(screen.id, screen.expires_at);
    screen.cells = cellsOf(screen);
    screen.picture = (place) => pictures[place] ??= picture(screen.cells[place], large);
    for (let place = 0; place < Math.min(screen.cells.length, large ? LARGE_AHEAD : Infinity); place++) screen.picture(place);
    return screen;
  }

  /** A key or a click: after a warning it holds the images on at once. */
  #isHere() {
    this.active = Date.now();
    if (!this.warning) return;
    this.warning = false;
    this.warned(null);
    this.#extend();
  }

  #tick() {
    if (!this.held.size) return;
    const ends = Math.min(...[...this.held.values()].map((at) => Date.parse(at))), left = Math.round((ends - Date.now()) / 1000);
    const isAway = document.hidden || Date.now() - this.active > IDLE_MS;
    if (!isAway && Date.now() - this.extended >= EXTEND_EVERY_MS) this.#extend();
    if (isAway && left < WARN_S) {
      this.warning = true;
      this.warned(Math.max(0, left));
    }
  }

  async #extend() {
    this.extended = Date.now();
    for (const id of this.held.keys()) {
      const answer = await post(`/api/v1/screens/${id}/extend`);
      if (answer.status === 200 && this.held.has(id)) this.held.set(id, answer.body.expires_at);
    }
  }

  #giveBack() {
    for (const id of this.held.keys()) fetch(`/api/v1/screens/${id}`, { method: "DELETE", keepalive: true }).catch(() => {});
  }
}

function picture(cell, large) {
  const image = new Image();
  image.alt = "";
  image.decoding = "async";
  image.src = large ? cell.image.replace("/small?", "/large?") : cell.image;
  image.decode().catch(() => image.classList.add("missing"));
  return image;
}
