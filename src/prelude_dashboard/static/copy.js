// Buttons that copy; they are seen only where copying is possible.
export function copying() {
  if (!navigator.clipboard) return;
  document.documentElement.dataset.copies = "";
  document.addEventListener("click", async ({ target }) => {
    const button = target.closest?.("[data-copy]");
    if (!button) return;
    const before = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}
