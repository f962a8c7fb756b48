// What keeps a session honest: a question before what nobody can have looked at, what checks have told, and figures.

import { make, notice, say, unnotice } from "/static/dom.js";
import { post } from "/static/outbox.js";
import { _, ngettext } from "/static/texts.js";

const FLOOR_MS = 40; // nobody looks at a cell in less
const A_GRID = 8; // fewer are seen at a glance
const AGAIN_MS = 1000; // whoever is asked and takes longer than this besides has looked

export class Care {
  #asked = null; // the screen about which was asked, and how long it had been looked at then

  /** Return for how many milliseconds a grid was looked at; null while that is asked about, once a screen. */
  looked(screen, ms, cells) {
    const asked = this.#asked?.screen === screen ? this.#asked : null;
    unnotice("hurry");
    if (cells < A_GRID || ms >= FLOOR_MS * cells + (asked ? AGAIN_MS : 0)) return ms;
    if (asked) return Math.min(asked.ms, ms);
    this.#asked = { screen, ms };
    const words = ngettext("That was quick for %(num)s image. Press again to settle it all the same.",
      "That was quick for %(num)s images. Press again to settle them all the same.", cells);
    notice(words, { kind: "hurry" });
    say(words);
    return null;
  }

  /** Tell what the checks of a batch have come to, and a warning if the server gives one. */
  told({ probes = [], careless = false }) {
    const missed = probes.filter(({ found }) => found === false);
    if (careless) return this.#warn(missed);
    if (missed.length) return this.#show(missed[0], _("This was a check, and you let it pass: it is “%(truth)s”, not “%(shown)s”.", missed[0]), true);
    const found = probes.find((probe) => probe.found);
    if (found) this.#show(found, _("This was a check, and you found it: it is “%(truth)s”, not “%(shown)s”.", found), false);
  }

  /** Return the figures of the session, as a list; nothing if they cannot be had. */
  async figures() {
    const { status, body } = await post("/api/v1/sessions/last", undefined, "GET");
    if (status !== 200) return "";
    const rows = [[_("Decisions"), body.decisions], [_("A minute"), body.per_minute ?? "–"], [_("Corrected"), body.corrections],
      [_("Checks found"), body.probes ? _("%(found)s of %(all)s", { found: body.probes_found, all: body.probes }) : "–"]];
    return make("dl", { className: "figures" }, ...rows.map(([name, value]) =>
      make("div", {}, make("dt", { textContent: name }), make("dd", { textContent: value }))));
  }

  #show({ object_id: id }, words, bad) {
    const link = make("a", { href: `/objects/${id}`, target: "_blank", rel: "noopener" });
    link.append(make("img", { src: `/images/${id}/small`, alt: _("Look at it"), width: 48, height: 48 }));
    notice(words, { bad, kind: "check", more: link });
    say(words);
  }

  #warn(missed) {
    const words = missed.length ? _("You let checks pass again: please look at each image, or take a break.")
      : _("Screens were settled faster than anybody can look: please slow down, or take a break.");
    notice(words, { bad: true, kind: "careless", more: make("a", { href: "/sessions", textContent: _("Look at this session, or undo it") }) });
    say(words);
  }
}
