// Try it: photographs that are dropped on the page, or chosen, are sent at once.

const form = document.getElementById("try"), field = form.querySelector("[type=file]");
const over = (is) => (event) => { event.preventDefault(); form.classList.toggle("over", is); };

for (const kind of ["dragenter", "dragover"]) addEventListener(kind, over(true));
addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("over"); });
addEventListener("drop", (event) => {
  over(false)(event);
  if (!event.dataTransfer.files.length) return;
  field.files = event.dataTransfer.files;
  form.requestSubmit();
});
field.addEventListener("change", () => { if (field.files.length) form.requestSubmit(); });
