// Asks for this page again and again, and swaps the parts that have changed; focus, selection and scroll stay where they are.
import { parsed } from "./parse.js";

const root = document.documentElement;
let tag = "";

// An element of the new part that is the same link or field as the focused one of the old.
function twin(part, focused) {
  if (!part.contains(focused)) return () => {};
  const like = focused.id ? `#${CSS.escape(focused.id)}` : focused.hasAttribute("href") ? `[href="${CSS.escape(focused.getAttribute("href"))}"]` : "";
  return (fresh) => (like ? fresh.querySelector(like) : null)?.focus({ preventScroll: true });
}

// Ages are told by the browser, and folds opened by the reader: they are no change.
function told(part) {
  const copy = part.cloneNode(true);
  copy.querySelectorAll("[data-age]").forEach((time) => { time.textContent = ""; });
  copy.querySelectorAll("time").forEach((time) => { time.title = ""; });
  copy.querySelectorAll("details").forEach((fold) => { fold.open = false; });
  return copy.innerHTML;
}

function inUse(part) {
  const chosen = getSelection();
  return part.querySelector("details.menu[open], .brush") || (!chosen.isCollapsed && part.contains(chosen.anchorNode));
}

// The row on top of a list that is scrolled, and how far below the edge: new rows come above it, and it stays where it is.
function topRow(room) {
  if (!room?.scrollTop) return () => {};
  const edge = room.getBoundingClientRect().top;
  const rows = [...room.querySelectorAll("tr[id]")];
  const row = rows.find((one) => one.getBoundingClientRect().bottom > edge + 40);
  const below = row ? row.getBoundingClientRect().top - edge : 0;
  const { scrollTop } = room;
  return (fresh) => {
    if (!fresh) return;
    fresh.scrollTop = scrollTop;
    const same = row && fresh.querySelector(`#${CSS.escape(row.id)}`);
    if (same) fresh.scrollTop += same.getBoundingClientRect().top - fresh.getBoundingClientRect().top - below;
  };
}

function swap(page) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const fresh = page.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
    if (!fresh || told(part) === told(fresh) || inUse(part)) continue;
    const focus = twin(part, document.activeElement);
    const back = topRow(part.querySelector(".scroll"));
    const taken = document.adoptNode(fresh);
    part.replaceWith(taken);
    back(taken.querySelector(".scroll"));
    focus(taken);
  }
}

// What is shown is of before: there is no answer now, and where there was one, this is its id.
function stale(trouble, request = "") {
  root.toggleAttribute("data-stale", trouble);
  document.querySelectorAll(".fresh").forEach((one) => { one.dataset.trouble = request ? `(request ${request})` : ""; });
}

async function look(after) {
  if (document.hidden) return;
  try {
    const answer = await fetch(location.href, { headers: tag ? { "if-none-match": tag } : {}, cache: "no-store" });
    // The session is over: the sign-in page leads back here.
    if (answer.redirected) { location.reload(); return; }
    stale(!answer.ok && answer.status !== 304, answer.headers.get("x-request-id") ?? "");
    if (!answer.ok) return;
    tag = answer.headers.get("etag") ?? "";
    swap(parsed(await answer.text()));
    after();
  } catch {
    stale(true);
  }
}

export function refreshing(after) {
  const seconds = Number(document.body.dataset.refresh ?? 0);
  if (!seconds) return;
  setInterval(look, seconds * 1000, after);
  addEventListener("prelude:refresh", () => look(after));
}
