// The screen Live: the feed, its list, its rate and its state. Without it the page is a list of the newest rows.
import { drawer } from "./drawn.js";
import { feed } from "./feed.js";
import { ours } from "./keys.js";
import { panel } from "./panel.js";
import { rate } from "./rate.js";
import { timeline } from "./timeline.js";

const SAID_EVERY = 10_000;
const STATES = {
  connecting: () => "Connecting …",
  connected: () => "Live",
  waiting: (seconds) => `Reconnecting in ${seconds} s`,
  out: () => "Signed out",
};

function link(text, href) {
  const made = document.createElement("a");
  made.href = href;
  made.textContent = text;
  return made;
}

function begin(page) {
  const find = (name) => document.querySelector(`[data-${name}]`);
  const root = page.querySelector("section");
  const blanks = new Map([...page.querySelectorAll("template[data-row]")].map((one) => [one.dataset.row, one]));
  const state = find("link");
  const said = find("link-said");
  const told = find("told");
  const pause = find("pause");
  const came = rate(find("rate"));
  const title = document.title;
  let seen = page.dataset.asOf; // up to then nothing was missed
  let untold = 0;
  let paused = false;
  let now = "connecting";

  const list = timeline(root, drawer(blanks, page.dataset.tz), (count, kept) => {
    document.title = count ? `(${count}) ${title}` : title;
    const text = kept ? `${kept} newest rows` : "";
    if (find("kept").textContent !== text) find("kept").textContent = text;
  });

  function look(seconds) {
    state.dataset.link = paused && now === "connected" ? "paused" : now;
    const text = paused && now === "connected" ? "Paused" : STATES[now](seconds);
    if (said.textContent === text) return;
    said.replaceChildren(text);
    if (now === "out") said.append(" · ", link("Sign in", `/analytics/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`));
  }

  function notice(text) {
    const said = document.createElement("p");
    const close = document.createElement("button");
    const address = new URL(page.dataset.list, location.href);
    address.searchParams.set("from", seen);
    close.type = "button";
    close.className = "quiet";
    close.textContent = "×";
    close.ariaLabel = "Dismiss";
    close.addEventListener("click", () => said.remove());
    said.append(`${text}; `, link("show them in Activities", address.pathname + address.search), close);
    said.setAttribute("role", "status");
    find("notices").replaceChildren(said);
  }

  function turn() {
    paused = !paused;
    list.pause(paused);
    pause.ariaPressed = String(paused);
    pause.querySelector("span").textContent = paused ? "Go on" : "Pause";
    look();
  }

  feed(page.dataset.socket, page.dataset.cursor, {
    rows({ rows, amendments }) {
      list.add(rows);
      amendments.forEach(list.amend);
      came(rows.length);
      untold += rows.length;
      for (const { timestamp } of rows) if (Date.parse(timestamp) > Date.parse(seen)) seen = timestamp;
    },
    missed: (count) => notice(`${count.toLocaleString("en").replaceAll(",", "\u202f")} passed by`),
    gap: (restored) => notice(restored ? "The log was restored, and the list goes on behind a gap" : "Too many were committed meanwhile"),
    state(name, seconds) {
      now = name;
      look(seconds);
    },
  });
  setInterval(() => {
    if (!untold) return;
    told.textContent = `${untold} new ${untold === 1 ? "row" : "rows"}`;
    untold = 0;
  }, SAID_EVERY);
  panel(page);
  find("again").hidden = true;
  pause.hidden = false;
  pause.addEventListener("click", turn);
  document.addEventListener("keydown", (event) => {
    if (event.key === "p" && ours(event)) turn();
  });
}

const page = document.querySelector("[data-live]");
if (page) begin(page);
