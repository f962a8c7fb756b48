// The texts of scripts in the language of the page, which are in its element #texts; without one they are English.

const element = document.getElementById("texts");
const texts = element ? JSON.parse(element.textContent) : {};
const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_, name) => values[name]);

/** Translate a text; `values` take the places of its %(name)s. */
export function _(text, values = {}) {
  return fill(texts[text] ?? text, values);
}

/** Translate a text that depends on a number, which takes the place of %(num)s. */
export function ngettext(one, many, num, values = {}) {
  return fill((texts[one] ?? [one, many])[num === 1 ? 0 : 1], { num, ...values });
}

/** Say a value of the catalogue, as the reason low_confidence, in words. */
export function words(value) {
  return value ? _(value.replaceAll("_", " ")) : "";
}
