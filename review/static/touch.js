// Fingers: a long press does what has no room on a phone; the tap that ends it does nothing.

const LONG_MS = 500;
const FAR_PX = 10;

export function longPress(element, act) {
  let timer = 0, from = null, isLong = false;
  const end = () => { clearTimeout(timer); from = null; };
  element.addEventListener("pointerdown", (event) => {
    end();
    isLong = false;
    if (event.pointerType === "mouse") return;
    from = event;
    timer = setTimeout(() => { isLong = true; act(); }, LONG_MS);
  });
  element.addEventListener("pointermove", (event) => { if (from && Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) > FAR_PX) end(); });
  for (const kind of ["pointerup", "pointercancel"]) element.addEventListener(kind, end);
  element.addEventListener("contextmenu", (event) => { if (from || isLong) event.preventDefault(); });
  element.addEventListener("click", (event) => {
    if (!isLong) return;
    isLong = false;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
}
