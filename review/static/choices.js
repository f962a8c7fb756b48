// What a cell is decided to be: {category} or {none: "not_ours" | "unreadable" | "skip" | "colleague"}.

import { words } from "/static/texts.js";

export const wordsOf = (choice) => choice.none ? words(choice.none) : choice.category;
export const isSame = (one, other) => one.category === other.category && one.none === other.none;

/** Gather a screen's items into cells: one each, in product mode one for all photographs of a product. */
export function cellsOf(screen) {
  if (screen.mode !== "product") return screen.items.map((item) => ({ ...item, was: item.proposed && item.category, category: item.proposed ?? item.category, items: [item] }));
  const products = new Map();
  for (const item of screen.items) {
    const name = JSON.stringify([item.bucket, item.product_id ?? item.object_id]);
    products.set(name, [...(products.get(name) ?? []), item]);
  }
  return [...products.values()].map(stack);
}

/** A product is what its photographs together are most probably. */
function stack(items) {
  const shares = new Map();
  for (const { candidates } of items)
    for (const { category, confidence } of candidates) shares.set(category, (shares.get(category) ?? 0) + confidence / items.length);
  const candidates = [...shares].map(([category, confidence]) => ({ category, confidence })).sort((one, other) => other.confidence - one.confidence);
  return { ...items[0], items, candidates, category: candidates[0].category };
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
