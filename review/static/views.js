// Views: what a reviewer wants to see is in the address of the page, so that it can be kept and sent to others.

const TEXTS = ["mode", "category", "reason", "prefix", "product", "age", "plan"];

export function wantedOf(search) {
  const query = new URLSearchParams(search), wanted = {};
  for (const name of TEXTS) if (query.get(name)) wanted[name] = query.get(name);
  if (query.get("run")) wanted.run = Number(query.get("run"));
  if (query.getAll("pair").length === 2) wanted.pair = query.getAll("pair");
  if (query.get("unflagged")) wanted.unflagged = true;
  return wanted;
}

export function writeWanted(wanted) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(wanted)) for (const one of [value].flat()) query.append(name, one);
  history.replaceState(null, "", `?${query}`);
}

/** The number of cells that the window has room for. */
export function cellsByWidth(mode) {
  const cells = innerWidth < 640 ? 12 : innerWidth < 1200 ? 24 : innerWidth < 1900 ? 48 : 96;
  return mode === "product" ? Math.min(cells, 24) : cells;
}
