// A row opens beside the list without the page being left: the server draws the panel, and the address names the row as if it had been.
import { parsed } from "./parse.js";

export function panel(beside) {
  let asked = 0;

  function mark() {
    const event = new URL(location.href).searchParams.get("open")?.split("~")[1];
    for (const row of beside.querySelectorAll("tr.chosen")) {
      row.classList.remove("chosen");
      row.querySelector("a.open").removeAttribute("aria-current");
    }
    const row = event && document.getElementById(`r-${event}`);
    row?.classList.add("chosen");
    row?.querySelector("a.open").setAttribute("aria-current", "true");
  }

  function put(fresh) {
    beside.querySelector("[data-part=details]")?.remove();
    beside.classList.toggle("two", Boolean(fresh));
    if (fresh) beside.append(document.adoptNode(fresh));
    mark();
  }

  async function sync() {
    const mine = asked += 1;
    if (!new URL(location.href).searchParams.has("open")) { put(null); return; }
    mark();
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.redirected) { location.reload(); return; }
      const fresh = parsed(await answer.text()).querySelector("[data-part=details]");
      if (mine !== asked) return;
      if (!fresh) { location.reload(); return; }
      put(fresh);
      if (fresh.getBoundingClientRect().top < 0) fresh.scrollIntoView({ block: "nearest" });
    } catch {
      location.reload();
    }
  }

  document.addEventListener("click", (event) => {
    if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const link = event.target.closest?.("a.open, a[data-close]");
    if (!link || !beside.contains(link)) return;
    event.preventDefault();
    const closes = link.matches("[data-close]");
    const back = closes && beside.querySelector("tr.chosen a.open");
    const address = new URL(location.href);
    const open = new URL(link.href).searchParams.get("open");
    if (open === null) address.searchParams.delete("open");
    else address.searchParams.set("open", open);
    history.pushState(null, "", address);
    sync();
    if (back && link.matches(":focus-visible")) back.focus({ preventScroll: true });
  });
  addEventListener("popstate", sync);
}
