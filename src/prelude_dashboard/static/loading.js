// Between a click and the next page: after a moment the cards show that they are being filled anew.
const PATIENCE = 150;
let waiting = 0;

// A click that somebody else has taken up by then leads nowhere.
function wait(event) {
  clearTimeout(waiting);
  waiting = setTimeout(() => { if (!event.defaultPrevented) document.documentElement.toggleAttribute("data-loading", true); }, PATIENCE);
}

function done() {
  clearTimeout(waiting);
  document.documentElement.toggleAttribute("data-loading", false);
}

function leads(event) {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return false;
  const link = event.target.closest?.("a[href]");
  if (!link || link.hasAttribute("download") || link.target) return false;
  const to = new URL(link.href.baseVal ?? link.href, location.href);
  return to.origin === location.origin && (to.pathname !== location.pathname || to.search !== location.search);
}

export function loading() {
  document.addEventListener("click", (event) => { if (leads(event)) wait(event); });
  document.addEventListener("submit", (event) => { if (event.target.method !== "dialog") wait(event); });
  addEventListener("pageshow", done);
  addEventListener("pagehide", done);
}
