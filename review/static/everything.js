// Everything that matches: of all images that a view means an operator makes a plan, to be looked at and opened as a run.

import { make, notice } from "/static/dom.js";
import { post } from "/static/outbox.js";
import { _, ngettext } from "/static/texts.js";

const FLAGS = ["low_confidence", "unlike_training"];
const given = (...values) => values.filter((value) => value !== undefined);

/** Say a view as a plan's selection; null for what a plan cannot say. */
export function selectionOf({ category, pair, prefix, product, run, reason, age, plan }) {
  if (age || plan || (reason && !FLAGS.includes(reason))) return null;
  const selection = { categories: pair ?? given(category), prefixes: given(prefix), products: given(product), runs: given(run) };
  if (reason) selection[reason] = true;
  return { ...selection, everything: !reason && Object.values(selection).every((values) => !values.length) };
}

export async function planEverything(wanted) {
  const selection = selectionOf(wanted);
  if (!selection) return notice(_("A plan can be made by category, key, product, run, low confidence and what is unlike the training alone."), { bad: true });
  notice(_("Making a plan of everything that matches…"));
  const answer = await post("/api/v1/plans", selection);
  if (answer.status !== 201) return notice(answer.body?.detail ?? _("The server cannot be reached; try again."), { bad: true });
  const { plan, images } = answer.body, more = make("a", { href: `/plans/${plan}`, textContent: _("Look at it and open it") });
  const count = ngettext("The plan %(plan)s has %(num)s image to tag again; nothing has happened yet.", "The plan %(plan)s has %(num)s images to tag again; nothing has happened yet.", images, { plan });
  return notice(count, { more });
}
