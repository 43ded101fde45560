// Asks for this page again and again, and swaps the parts that have changed; focus and scroll stay where they are.
import { parsed } from "./parse.js";

let tag = "";

// An element of the new part that is the same link or field as the focused one of the old.
function twin(part, focused) {
  if (!part.contains(focused)) return () => {};
  const like = focused.id ? `#${CSS.escape(focused.id)}` : focused.hasAttribute("href") ? `[href="${CSS.escape(focused.getAttribute("href"))}"]` : "";
  return (fresh) => (like ? fresh.querySelector(like) : null)?.focus({ preventScroll: true });
}

// Ages are told by the browser: they are no change.
function told(part) {
  const copy = part.cloneNode(true);
  copy.querySelectorAll("time[data-age]").forEach((time) => { time.textContent = ""; });
  return copy.innerHTML;
}

function swap(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (!fresh || told(part) === told(fresh) || part.querySelector("details[open]")) continue;
    const focus = twin(part, document.activeElement);
    const scrolled = part.querySelector(".scroll")?.scrollTop ?? 0;
    const taken = document.adoptNode(fresh);
    part.replaceWith(taken);
    if (scrolled) taken.querySelector(".scroll").scrollTop = scrolled;
    focus(taken);
  }
}

async function look(after) {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: tag ? { "if-none-match": tag } : {}, cache: "no-store" });
    if (answer.redirected) { location.reload(); return; }
    document.documentElement.toggleAttribute("data-stale", !answer.ok && answer.status !== 304);
    if (!answer.ok) return;
    tag = answer.headers.get("etag") ?? "";
    swap(parsed(await answer.text()));
    after();
  } catch {
    document.documentElement.setAttribute("data-stale", "");
  }
}

export function refreshing(after) {
  const seconds = Number(document.body.dataset.refresh ?? 0);
  if (!seconds) return;
  setInterval(look, seconds * 1000, after);
  addEventListener("prelude:refresh", () => look(after));
}
