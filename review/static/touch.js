// Fingers: a long press does what has no room on a phone; the tap that ends it does nothing.

const LONG_MS = 500;
const FAR_PX = 10;

export function longPress(element, act) {
  let timer = 0, from = null;
  const end = () => { clearTimeout(timer); from = null; };
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse") return;
    from = event;
    timer = setTimeout(() => {
      element.addEventListener("click", (click) => { click.stopImmediatePropagation(); click.preventDefault(); }, { capture: true, once: true });
      end();
      act();
    }, LONG_MS);
  });
  element.addEventListener("pointermove", (event) => { if (from && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > FAR_PX) end(); });
  for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, end);
  element.addEventListener("contextmenu", (event) => { if (from) event.preventDefault(); });
}
