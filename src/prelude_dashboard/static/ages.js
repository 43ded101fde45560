// Moments as ages, "3 min ago"; the exact time stays in the title.
const STEPS = [[60, 1, "s"], [3600, 60, "min"], [86400, 3600, "h"], [Infinity, 86400, "d"]];

function told(seconds) {
  if (seconds < 2) return "now";
  const [, unit, name] = STEPS.find(([limit]) => seconds < limit);
  return `${Math.floor(seconds / unit)} ${name} ago`;
}

function tell() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-age]")) {
    const text = told(Math.max(0, (now - Date.parse(time.dateTime)) / 1000));
    if (time.textContent !== text) time.textContent = text;
  }
}

let ticking = 0;

export function ages() {
  tell();
  ticking ||= setInterval(tell, 1000);
}
