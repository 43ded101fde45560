// A row of the list, from a row of the feed: a copy of the server's own blank row, its cells filled with text and its links led to what they name.
import { calm } from "./ages.js";

const NONE = "–";
const MOST = 500; // letters of what can be asked for
const CUT = /…[0-9a-f]{32}$/; // a value of which only the beginning is kept

export function lasted(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

function clocks(zone, fields) {
  const made = (timeZone) => new Intl.DateTimeFormat("en-GB", { day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone, ...fields });
  let clock;
  try {
    clock = made(zone);
  } catch {
    clock = made("UTC"); // a zone that this browser does not know
  }
  return (moment) => Object.fromEntries(clock.formatToParts(new Date(moment)).map(({ type, value }) => [type, value]));
}

function note(text) {
  const span = document.createElement("span");
  span.className = "note";
  span.textContent = text;
  return span;
}

function cell(place, title, ...content) {
  place.title = title ?? "";
  place.replaceChildren(...content);
}

function askable(...values) {
  return values.every((value) => value && [...value].length <= MOST && !CUT.test(value));
}

// The blank's link, about something of this row.
function lead(place, title, about, ...content) {
  const link = place.querySelector("a");
  const address = new URL(link.getAttribute("href"), location.href);
  for (const [name, value] of Object.entries(about)) address.searchParams.set(name, value);
  link.setAttribute("href", address.pathname + address.search);
  link.replaceChildren(...content);
  place.title = title;
}

export function drawer(blanks, zone) {
  const short = clocks(zone, { month: "short" });
  const long = clocks(zone, { year: "numeric", month: "2-digit", timeZoneName: "short" });

  function time(moment) {
    const part = short(moment);
    const date = document.createElement("span");
    date.className = "date";
    date.textContent = `${part.day} ${part.month} `;
    return [date, `${part.hour}:${part.minute}:${part.second}`];
  }

  function exact(moment) {
    const part = long(moment);
    const micro = (/\.(\d+)/.exec(moment)?.[1] ?? "").padEnd(6, "0");
    return `${part.year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}.${micro} ${part.timeZoneName}`;
  }

  return (row) => {
    const drawn = blanks.get(row.result_status).content.querySelector("tr").cloneNode(true);
    drawn.id = `r-${row.event_id}`;
    const [when, , what, who, thing, page, took] = drawn.cells;
    const link = when.querySelector("a");
    const address = new URL(location.href);
    address.searchParams.set("open", `${row.timestamp.replace(/Z$/, "+00:00")}~${row.event_id}`);
    link.href = address.pathname + address.search;
    const moment = link.querySelector("time");
    moment.dateTime = row.timestamp;
    moment.title = exact(row.timestamp);
    moment.replaceChildren(...time(row.timestamp));
    const ago = link.querySelector("[data-age]");
    ago.dataset.age = row.timestamp;
    ago.textContent = calm(row.timestamp);
    cell(what, `${row.action_type}.${row.action_name}`, note(`${row.action_type}.`), row.action_name);
    if (askable(row.user_email)) lead(who, row.user_email, { user_email: row.user_email }, row.user_email);
    else cell(who, row.user_email, row.user_email || NONE);
    const named = row.entity_type ? [`${row.entity_type} `, note(row.entity_id ?? "")] : [NONE];
    if (askable(row.entity_type, row.entity_id)) lead(thing, row.entity_id, { entity_type: row.entity_type, entity_id: row.entity_id }, ...named);
    else cell(thing, row.entity_id, ...named);
    cell(page, row.page_url, row.page_route || row.page_url || NONE);
    took.textContent = lasted(row.duration_ms);
    return drawn;
  };
}
