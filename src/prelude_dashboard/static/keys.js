// Keys: "?" tells them.
const MOVES = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };
let went = 0;

function typing(target) {
  return target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
}

// Whether a key is for us: not for a field, a dialog, or the browser.
export function ours(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return false;
  return !typing(event.target) && !document.querySelector("dialog[open]");
}

function walk(by) {
  const rows = [...document.querySelectorAll("[data-walk] a.open")];
  if (!rows.length) return false;
  const at = rows.indexOf(document.activeElement);
  const next = at < 0 ? rows.findIndex((row) => row.ariaCurrent) : at;
  rows[Math.min(rows.length - 1, Math.max(0, next < 0 ? 0 : next + by))].focus();
  return true;
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.key === "Escape") {
    document.querySelectorAll("details.menu[open]").forEach((menu) => { menu.open = false; });
    document.querySelector("[data-close]")?.click();
    return;
  }
  if (!ours(event)) return;
  if (Date.now() - went < 1500) {
    went = 0;
    const screen = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (screen) { event.preventDefault(); screen.click(); }
    return;
  }
  if (event.key === "g") went = Date.now();
  else if (event.key === "?") document.querySelector("#keys").showModal();
  else if (event.key === "/") {
    const menu = document.querySelector("#filter-menu");
    if (!menu) return;
    event.preventDefault();
    menu.open = true;
    menu.querySelector("select").focus();
  } else if (event.key === "r") dispatchEvent(new Event("prelude:refresh"));
  else if (event.key in MOVES && walk(MOVES[event.key])) event.preventDefault();
}

export function keys() {
  const dialog = document.querySelector("#keys");
  if (!dialog) return;
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });
  const button = document.querySelector("[data-keys]");
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
}
