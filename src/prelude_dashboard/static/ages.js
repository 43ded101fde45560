// Moments as ages, "3 min ago"; the exact time stays in the title, with the age of the moment at which somebody looks.
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];
const MINUTE = 60;

function told(seconds) {
  if (seconds < 2) return "now";
  const [, unit, name] = STEPS.find(([limit]) => seconds < limit);
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

function since(moment) {
  return Math.max(0, (Date.now() - Date.parse(moment)) / 1000);
}

// In lists, where many stand below each other, nothing counts seconds.
export function calm(moment) {
  const seconds = since(moment);
  return seconds < MINUTE ? "now" : told(seconds);
}

function tell() {
  for (const one of document.querySelectorAll("[data-age]")) {
    const text = one.dataset.age ? calm(one.dataset.age) : told(since(one.dateTime));
    if (one.textContent !== text) one.textContent = text;
  }
}

// A time's title, with its age by now.
export function aged(time) {
  time.title = `${time.title.split(" · ")[0]} · ${told(since(time.dateTime))}`;
}

let ticking = 0;

export function ages() {
  tell();
  ticking ||= setInterval(tell, 1000);
}
