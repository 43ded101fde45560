// A stretch of a chart over time that is drawn over with the pointer is the new range: the address says so, and back leads back.
const LEAST = 6; // pixels; less is a click
const SVG = "http://www.w3.org/2000/svg";
const SHOWN = "[data-zoom]";
let drag = null;

function edges(chart) {
  return chart.dataset.edges.split(" ").map(Number);
}

// The columns between two places, as numbers of the first and of the one behind the last.
function columns(chart, from, to) {
  const { left, width } = chart.getBoundingClientRect();
  const count = edges(chart).length - 1;
  const at = (x) => Math.min(count - 1, Math.max(0, Math.floor((x - left) / width * count)));
  return [at(Math.min(from, to)), at(Math.max(from, to)) + 1];
}

function draw() {
  const { chart, from, to } = drag;
  const [first, last] = columns(chart, from, to);
  const { width, height } = chart.viewBox.baseVal;
  const slot = width / (edges(chart).length - 1);
  drag.brush ??= chart.appendChild(document.createElementNS(SVG, "rect"));
  drag.brush.setAttribute("class", "brush");
  for (const [name, value] of Object.entries({ x: first * slot, y: 0, width: (last - first) * slot, height })) drag.brush.setAttribute(name, value);
}

function end() {
  drag?.brush?.remove();
  drag = null;
}

function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}

function said(seconds) {
  return new Date(seconds * 1000).toISOString().replace(".000", "");
}

export function zoom() {
  document.addEventListener("pointerdown", (event) => {
    const chart = event.target.closest?.(SHOWN);
    if (chart && event.isPrimary && !event.button && edges(chart).length > 2) drag = { chart, from: event.clientX, to: event.clientX, brush: null };
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag) return;
    drag.to = event.clientX;
    if (drag.brush || Math.abs(drag.to - drag.from) >= LEAST) draw();
  });
  document.addEventListener("pointerup", () => {
    if (!drag?.brush) { end(); return; }
    const { chart, from, to } = drag;
    const [first, last] = columns(chart, from, to);
    const address = new URL(chart.dataset.zoom, location.href);
    address.searchParams.set("from", said(edges(chart)[first]));
    address.searchParams.set("to", said(edges(chart)[last]));
    end();
    // The click that follows at once is the end of the drag, and no click on a mark.
    addEventListener("click", swallow, { capture: true });
    setTimeout(() => removeEventListener("click", swallow, { capture: true }));
    location.assign(address);
  });
  document.addEventListener("pointercancel", end);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") end(); });
  // Marks are links, which a browser would rather carry away.
  document.addEventListener("dragstart", (event) => { if (event.target.closest?.(SHOWN)) event.preventDefault(); });
}
