// The grid: a sweep, a pair or products. A click gives the next choice, and the new name stands in the cell.

import { cycleOf, following, isSame, wordsOf } from "/static/choices.js";
import { find, make, say } from "/static/dom.js";
import { shownKeys } from "/static/keys.js";
import { _, ngettext } from "/static/texts.js";
import { longPress } from "/static/touch.js";

export class Grid {
  constructor(stage, { keys, pick, tally, onFocus }) {
    this.keys = ["first", "other"].map((act) => shownKeys(keys.find((row) => row.act === act).keys));
    this.stage = stage;
    this.pick = pick;
    this.tally = tally;
    this.onFocus = onFocus; // called with the cell in focus
    this.anchor = 0; // the cell that was clicked last
  }

  show(screen, place = 0) {
    this.screen = screen;
    this.place = this.anchor = place;
    find("question").textContent = question(screen);
    find("sides").replaceChildren(...(screen.pair ?? []).map((category, number) => make("span", {}, category, this.keys[number] ? make("kbd", { textContent: this.keys[number] }) : "")));
    const cells = screen.cells.map((cell, index) => this.#cell(cell, index));
    this.stage.className = `grid sweep ${screen.mode}`;
    this.stage.replaceChildren(...cells);
    for (const index of cells.keys()) this.#label(index);
    this.#count();
    find("settle").hidden = false;
    this.focus(place);
    say(`${find("question").textContent} ${ngettext("%(num)s image.", "%(num)s images.", screen.items.length)}`);
  }

  choose(index, choice) {
    this.screen.choices[index] = choice;
    this.#label(index);
    this.#count();
    say(`${index + 1}: ${wordsOf(choice)}`);
  }

  next(index) { this.choose(index, following(this.screen, index)); }

  /** In a pair: this cell is the first or the second category; on to the next cell. */
  side(index, number) {
    this.choose(index, { category: this.screen.pair[number] });
    this.stage.children[index].classList.add("seen");
    if (index + 1 < this.screen.cells.length) this.focus(index + 1);
    else find("settle").focus();
  }

  focus(index, move = true) {
    this.stage.children[this.place]?.setAttribute("tabindex", "-1");
    this.place = index;
    this.onFocus(index);
    this.stage.children[index]?.setAttribute("tabindex", "0");
    if (move) this.stage.children[index]?.focus({ preventScroll: false });
  }

  move(key) {
    const columns = getComputedStyle(this.stage).gridTemplateColumns.split(" ").length;
    const to = this.place + { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[key];
    if (to >= 0 && to < this.screen.cells.length) this.focus(to);
  }

  #cell(cell, index) {
    const parts = [this.screen.picture(index), make("span", { className: "name" })];
    if (cell.items.length > 1) parts.push(make("span", { className: "count", textContent: `×${cell.items.length}` }));
    if (this.screen.mode === "product") parts.push(make("span", { className: "quiet", textContent: cell.product_id ?? (cell.items.length > 1 ? _("near-identical") : cell.key) }));
    if (cell.was) parts.push(make("span", { className: "quiet", textContent: _("was %(category)s", { category: cell.was }) }));
    const button = make("button", { type: "button", className: `cell${cell.items.length > 1 ? " stack" : ""}`, tabIndex: -1 }, ...parts);
    button.addEventListener("click", (event) => this.#clicked(index, event.shiftKey));
    button.addEventListener("focus", () => { this.focus(index, false); });
    longPress(button, () => { this.focus(index, false); this.pick(); });
    return button;
  }

  /** With Shift all from the last click to here become what that one is. */
  #clicked(index, whole) {
    this.focus(index, false);
    if (!whole) {
      this.anchor = index;
      return this.next(index);
    }
    for (let at = Math.min(this.anchor, index); at <= Math.max(this.anchor, index); at++) this.choose(at, this.screen.choices[this.anchor]);
  }

  #label(index) {
    const button = this.stage.children[index], { screen } = this, choice = screen.choices[index], cell = screen.cells[index];
    const changed = !isSame(choice, cycleOf(screen, cell)[0]), many = cell.items.length > 1;
    button.querySelector(".name").textContent = wordsOf(choice);
    button.classList.toggle("changed", changed);
    button.classList.toggle("second", choice.category === screen.pair?.[1]);
    const words = [`${index + 1}: ${wordsOf(choice)}`, cell.was && _("was %(category)s", { category: cell.was }), many && ngettext("%(num)s image", "%(num)s images", cell.items.length), changed && _("changed")];
    button.setAttribute("aria-label", words.filter(Boolean).join(", "));
  }

  #count() {
    const { screen } = this;
    const count = screen.choices.filter((choice, index) => !isSame(choice, cycleOf(screen, screen.cells[index])[0])).length;
    this.tally(count ? ngettext("%(num)s changed", "%(num)s changed", count) : hint(screen));
    find("settle").firstChild.textContent = `${count ? _("Settle all as they stand") : _("These are right")} `;
  }
}

function question({ mode, category, pair, cells }) {
  if (cells[0].was) return _("A plan makes these %(category)s. Is that right?", { category });
  if (mode === "pair") return _("%(first)s or %(second)s?", { first: pair[0], second: pair[1] });
  if (mode === "product") return cells.some(({ product_id }) => product_id === null) ? _("Are all of these right?") : ngettext("What is this product?", "What are these %(num)s products?", cells.length);
  return category ? _("Are all of these %(category)s?", { category }) : _("Are all of these right?");
}

function hint({ mode }) {
  if (mode === "pair") return _("Click what is wrong: it becomes the other one");
  if (mode === "product") return _("An answer is for all photographs of a cell");
  return _("Click what is wrong: it becomes the model's second choice");
}
