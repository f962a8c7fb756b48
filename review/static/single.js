// Single mode: one large photograph, the three best with bars, and all other answers by number.

import { find, make } from "/static/dom.js";
import { _, ngettext, words } from "/static/texts.js";

export class Single {
  constructor(stage, { names, choose, tally }) {
    Object.assign(this, { stage, names, choose, tally });
  }

  show(screen, place) {
    const cell = screen.cells[place];
    find("question").textContent = _("What is this?");
    this.tally([words(cell.review_reason), ngettext("%(num)s left on this screen", "%(num)s left on this screen", screen.left.size)].filter(Boolean).join(" · "));
    const picture = screen.pictures[place];
    picture.alt = _("The photograph %(key)s", { key: cell.key });
    this.stage.className = "single";
    this.stage.replaceChildren(make("figure", {}, picture, make("figcaption", { textContent: cell.key })),
      make("div", { className: "answers" }, ...this.#best(cell), this.#numbered(), this.#none()));
    find("settle").hidden = true;
  }

  #best(cell) {
    if (cell.category === null) return [make("p", { className: "quiet", textContent: _("No suggestion this time: say what you see.") })];
    return cell.candidates.map(({ category, confidence }, index) => {
      const number = this.names.indexOf(category);
      const key = index === 0 ? "Enter" : index === 1 ? "⇧ Enter" : number >= 0 && number < 10 ? String((number + 1) % 10) : "";
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
    const answers = [["not_ours", _("Not ours"), "X"], ["unreadable", _("Unreadable"), "U"], ["skip", _("Skip"), "⌫"], ["colleague", _("Ask a colleague"), "A"]];
    return make("div", { className: "many" }, ...answers.map(([none, label, key]) =>
      make("button", { type: "button", onclick: () => this.choose({ none }) }, label, make("kbd", { textContent: key }))));
  }
}
