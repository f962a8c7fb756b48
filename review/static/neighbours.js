// Neighbours: in single mode, the product's other photographs and what people have settled like this one.

import { make } from "/static/dom.js";
import { _ } from "/static/texts.js";

export class Neighbours {
  constructor() {
    this.on = false;
    this.element = make("section", { className: "neighbours", hidden: true });
    this.shown = 0;
  }

  toggle(cell) {
    this.on = !this.on;
    this.show(cell);
  }

  /** Show an image's neighbours, if they are switched on; those of an image that is gone by then are not shown. */
  async show({ object_id, category }) {
    const isShown = this.on && category !== null; // what is judged without a suggestion is judged without these, too
    this.element.hidden = !isShown;
    this.shown = object_id;
    if (!isShown) return;
    this.element.replaceChildren(make("p", { className: "quiet", textContent: _("Looking for what is like it…") }));
    const answer = await fetch(`/api/v1/objects/${object_id}/neighbours`).then((response) => response.ok ? response.json() : null).catch(() => null);
    if (this.shown !== object_id) return;
    const groups = answer ? [[_("The product"), answer.product], ...answer.settled.map(({ category, items }) => [category, items])] : [];
    const rows = groups.filter(([, items]) => items.length).map(([title, items]) => group(title, items));
    this.element.replaceChildren(...(rows.length ? rows : [make("p", { className: "quiet", textContent: _("Nothing settled is like it yet.") })]));
  }
}

function group(title, items) {
  const pictures = items.slice(0, 4).map(({ object_id, image, category, key }) =>
    make("a", { href: `/objects/${object_id}`, target: "_blank", rel: "noopener", title: `${category}: ${key}` }, make("img", { src: image, alt: `${category}: ${key}`, width: 80, height: 80 })));
  return make("div", {}, make("h2", { textContent: title }), make("div", { className: "row" }, ...pictures));
}
