// A plan that is being compared: its page is asked again until the result is there.

const EVERY_MS = 700;
const comparison = () => document.getElementById("comparison");

async function look() {
  const fresh = await read().catch(() => null);
  if (fresh === undefined) return;
  if (fresh) comparison().replaceWith(fresh);
  if ("running" in comparison().dataset) setTimeout(look, EVERY_MS);
  else document.getElementById("live").textContent = comparison().querySelector("p").textContent;
}

/** Return the section as it is now; undefined where nobody may see it any more. */
async function read() {
  const answer = await fetch(location.href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return page.getElementById("comparison") ?? undefined;
}

if ("running" in comparison().dataset) setTimeout(look, EVERY_MS);
