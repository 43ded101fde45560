// How many rows come: over the last minute, second by second.
const SECONDS = 60;

export function rate(place) {
  const counts = new Array(SECONDS).fill(0);
  const begun = Date.now();
  const line = place.querySelector("path");
  const said = place.querySelector("[data-rate-said]");
  const unit = place.querySelector("[data-rate-unit]");

  function draw() {
    const most = Math.max(1, ...counts);
    const y = (count) => (23 - count / most * 22).toFixed(1);
    line.setAttribute("d", counts.map((count, at) => `${at ? "L" : "M"}${(at / (SECONDS - 1) * 100).toFixed(1)} ${y(count)}`).join(""));
    const sum = counts.reduce((all, count) => all + count, 0);
    const each = sum / Math.min(SECONDS, Math.max(1, (Date.now() - begun) / 1000));
    said.textContent = each >= 1 || !sum ? each.toFixed(each < 10 && sum ? 1 : 0) : Math.round(each * 60);
    unit.textContent = each >= 1 || !sum ? "rows/s" : "rows/min";
  }

  place.hidden = false;
  place.title = "Rows that came, over the last minute";
  draw();
  setInterval(() => { draw(); counts.shift(); counts.push(0); }, 1000);
  return (count) => { counts[SECONDS - 1] += count; };
}
