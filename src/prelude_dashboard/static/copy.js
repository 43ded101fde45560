// Buttons that copy a value. Where the browser lets nobody copy (http beyond this machine) there are none: a click selects the value instead.
const SAID = 1500;

async function copy(button) {
  const name = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not allowed";
  }
  setTimeout(() => { button.textContent = name; }, SAID);
}

export function copying() {
  if (!navigator.clipboard) return;
  document.documentElement.toggleAttribute("data-copying", true);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (button) copy(button);
  });
}
