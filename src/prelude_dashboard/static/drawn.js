// A row of the list, from a row of the feed: a copy of the server's own blank row, filled with text.
const NONE = "–";

export function lasted(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${(ms / 3_600_000).toFixed(1)} h`;
}

function clocks(zone) {
  const fields = { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const made = (timeZone) => new Intl.DateTimeFormat("en-GB", { ...fields, timeZone });
  try {
    return made(zone);
  } catch {
    return made("UTC"); // a zone that this browser does not know
  }
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

export function drawer(blanks, zone) {
  const clock = clocks(zone);

  function time(moment) {
    const part = Object.fromEntries(clock.formatToParts(new Date(moment)).map(({ type, value }) => [type, value]));
    const date = document.createElement("span");
    date.className = "date";
    date.textContent = `${part.day} ${part.month} `;
    return [date, `${part.hour}:${part.minute}:${part.second}`];
  }

  return (row) => {
    const drawn = blanks.get(row.result_status).content.querySelector("tr").cloneNode(true);
    drawn.id = `r-${row.event_id}`;
    const [when, , what, who, thing, page, took] = drawn.cells;
    const link = when.querySelector("a");
    const address = new URL(location.href);
    address.searchParams.set("open", `${row.timestamp}~${row.event_id}`);
    link.href = address.pathname + address.search;
    const moment = link.querySelector("time");
    moment.dateTime = moment.title = row.timestamp;
    moment.replaceChildren(...time(row.timestamp));
    cell(what, `${row.action_type}.${row.action_name}`, note(`${row.action_type}.`), row.action_name);
    cell(who, row.user_email, row.user_email || NONE);
    if (row.entity_type) cell(thing, row.entity_id, `${row.entity_type} `, note(row.entity_id ?? ""));
    else cell(thing, row.entity_id, NONE);
    cell(page, row.page_url, row.page_route || row.page_url || NONE);
    took.textContent = lasted(row.duration_ms);
    return drawn;
  };
}
