// Between a click and the next page: after a moment the cards show that they are being filled anew.
const PATIENCE = 150;
let waiting = 0;

function wait() {
  clearTimeout(waiting);
  waiting = setTimeout(() => document.documentElement.toggleAttribute("data-loading", true), PATIENCE);
}

function done() {
  clearTimeout(waiting);
  document.documentElement.toggleAttribute("data-loading", false);
}

function leads(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return false;
  const link = event.target.closest?.("a[href]");
  if (!link || link.hasAttribute("download") || link.target) return false;
  const to = new URL(link.href.baseVal ?? link.href, location.href);
  return to.origin === location.origin && (to.pathname !== location.pathname || to.search !== location.search);
}

export function loading() {
  document.addEventListener("click", (event) => { if (leads(event)) wait(); });
  document.addEventListener("submit", (event) => { if (!event.defaultPrevented && event.target.method !== "dialog") wait(); });
  addEventListener("pageshow", done);
  addEventListener("pagehide", done);
}
