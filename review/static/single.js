// Single mode: one large photograph, the three best with bars, and all other answers by number.

import { comment } from "/static/dialogs.js";
import { find, make } from "/static/dom.js";
import { shownKeys } from "/static/keys.js";
import { Neighbours } from "/static/neighbours.js";
import { _, ngettext, words } from "/static/texts.js";

export class Single {
  constructor(stage, { names, keys, choose, tally }) {
    Object.assign(this, { stage, names, choose, tally });
    this.neighbours = new Neighbours();
    this.key = Object.fromEntries(keys.map((row) => [row.act, row.keys.length ? shownKeys(row.keys) : ""]));
  }

  show(screen, place) {
    const cell = screen.cells[place];
    find("question").textContent = _("What is this?");
    find("sides").replaceChildren();
    this.tally([words(cell.review_reason), ngettext("%(num)s left on this screen", "%(num)s left on this screen", screen.left.size)].filter(Boolean).join(" · "));
    const picture = screen.picture(place);
    for (const at of [...screen.left].slice(0, 3)) screen.picture(at); // those that come next
    picture.alt = _("The photograph %(key)s", { key: cell.key });
    this.stage.className = "single";
    this.stage.replaceChildren(make("figure", {}, picture, make("figcaption", { textContent: cell.key })),
      make("div", { className: "answers" }, ...this.#best(cell), this.#numbered(), this.#none(), this.#more(cell), this.neighbours.element));
    this.neighbours.show(cell);
    find("settle").hidden = true;
  }

  #best(cell) {
    if (cell.category === null) return [make("p", { className: "quiet", textContent: _("No suggestion this time: say what you see.") })];
    return cell.candidates.map(({ category, confidence }, index) => {
      const number = this.names.indexOf(category);
      const key = index === 0 ? this.key.accept : index === 1 ? this.key.second : number >= 0 && number < 10 ? String((number + 1) % 10) : "";
      return make("button", { type: "button", className: `candidate${index ? "" : " first"}`, onclick: () => this.choose({ category }) },
        make("span", { textContent: category }), make("meter", { min: 0, max: 1, value: confidence, ariaLabel: _("Probability") }),
        make("span", { className: "number", textContent: `${Math.round(100 * confidence)} %` }), key ? make("kbd", { textContent: key }) : "");
    });
  }

  #numbered() {
    return make("div", { className: "many" }, ...this.names.slice(0, 10).map((category, index) =>
      make("button", { type: "button", onclick: () => this.choose({ category }) }, make("kbd", { textContent: String((index + 1) % 10) }), category)));
  }

  #none() {
    const answers = [["not_ours", _("Not ours"), this.key.notOurs], ["unreadable", _("Unreadable"), this.key.unreadable], ["skip", _("Skip"), this.key.skip], ["colleague", _("Ask a colleague"), this.key.colleague]];
    return make("div", { className: "many" }, ...answers.map(([none, label, key]) =>
      make("button", { type: "button", onclick: () => this.choose({ none }) }, label, key ? make("kbd", { textContent: key }) : "")));
  }

  #more(cell) {
    const button = (label, key, onclick) => make("button", { type: "button", className: "plain", onclick }, label, key ? make("kbd", { textContent: key }) : "");
    return make("div", { className: "many" }, button(_("What is like it"), this.key.neighbours, () => this.neighbours.toggle(cell)),
      button(_("Comment"), this.key.comment, () => comment(cell.items[0])));
  }
}
