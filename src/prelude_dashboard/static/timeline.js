// The list that grows at the top. Nothing moves under somebody who reads: rows wait while it is paused, scrolled, or walked through by keys.
import { lasted } from "./drawn.js";

const KEPT = 300;
const PACE = 250;

export function timeline(root, draw, changed) {
  const scroller = root.querySelector("[data-scroll]");
  const body = scroller.querySelector("tbody");
  const show = root.querySelector("[data-show]");
  let waiting = []; // the newest last; no more than are kept
  let count = 0;
  let paused = false;

  function walked() {
    const focused = document.activeElement;
    return body.contains(focused) && focused.matches(":focus-visible");
  }

  function held() {
    return paused || scroller.scrollTop > 8 || scroller.getBoundingClientRect().bottom < 0 || root.getBoundingClientRect().top < -8 || walked();
  }

  function trim() {
    for (let last = body.lastElementChild; body.rows.length > KEPT && last;) {
      const before = last.previousElementSibling;
      if (!last.classList.contains("chosen") && !last.contains(document.activeElement)) last.remove();
      last = before;
    }
  }

  function take() {
    const rows = waiting.map(draw).reverse();
    for (const row of rows) row.classList.add("new");
    body.prepend(...rows);
    waiting = [];
    count = 0;
    trim();
    root.querySelector("[data-empty]").hidden = body.rows.length > 0;
    tell();
  }

  function tell() {
    const stays = count > 0 && held();
    show.hidden = !stays;
    if (stays) show.textContent = `${count.toLocaleString("en").replaceAll(",", "\u202f")} new: show`;
    changed(stays ? count : 0, body.rows.length);
  }

  setInterval(() => {
    if (count && !held()) take();
    else tell();
  }, PACE);
  show.addEventListener("click", () => {
    scroller.scrollTop = 0;
    if (root.getBoundingClientRect().top < 0) root.scrollIntoView();
    scroller.focus({ preventScroll: true });
    take();
  });

  return {
    add(rows) {
      count += rows.length;
      waiting = waiting.concat(rows).slice(-KEPT);
    },
    amend({ event_id, duration_ms }) {
      for (const row of waiting) if (row.event_id === event_id) row.duration_ms = duration_ms;
      const took = document.getElementById(`r-${event_id}`)?.lastElementChild;
      if (!took) return;
      took.textContent = lasted(duration_ms);
      took.classList.add("amended");
    },
    pause(wanted) { paused = wanted; },
  };
}
