// What a cell is decided to be: {category} or {none: "not_ours" | "unreadable" | "skip" | "colleague"}.

import { words } from "/static/texts.js";

export const wordsOf = (choice) => choice.none ? words(choice.none) : choice.category;
export const isSame = (one, other) => one.category === other.category && one.none === other.none;

/** Gather a screen's items into cells: one each, in product mode one for a stack of them. */
export function cellsOf(screen) {
  if (screen.mode !== "product") return screen.items.map((item) => ({ ...item, was: item.proposed && item.category, category: item.proposed ?? item.category, items: [item] }));
  const stacks = new Map();
  for (const item of screen.items) {
    stacks.set(item.stack, [...(stacks.get(item.stack) ?? []), item]);
  }
  return [...stacks.values()].map(stack);
}

/** A stack is what its photographs together are most probably. `product_id` is left where they are of several products. */
function stack(items) {
  if (items.length === 1) return { ...items[0], items };
  const shares = new Map();
  for (const { candidates } of items)
    for (const { category, confidence } of candidates) shares.set(category, (shares.get(category) ?? 0) + confidence / items.length);
  const candidates = [...shares].map(([category, confidence]) => ({ category, confidence })).sort((one, other) => other.confidence - one.confidence);
  const isOne = items.every(({ product_id }) => product_id !== null && product_id === items[0].product_id);
  return { ...items[0], items, candidates, category: candidates[0].category, product_id: isOne ? items[0].product_id : null };
}

/** The choices that clicks go through, from what the cell is shown as: in a pair the other category comes first. */
export function cycleOf(screen, cell) {
  if (cell.category === null) return []; // to be judged without a suggestion
  const others = cell.candidates.map(({ category }) => category);
  const names = [cell.category, ...(screen.pair ?? []), ...others];
  return [...[...new Set(names)].slice(0, screen.pair ? 4 : 3).map((category) => ({ category })), { none: "not_ours" }];
}

export function following(screen, place) {
  const cycle = cycleOf(screen, screen.cells[place]);
  return cycle[(cycle.findIndex((one) => isSame(one, screen.choices[place])) + 1) % cycle.length];
}
