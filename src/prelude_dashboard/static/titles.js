// Titles where a pointer looks for them: of times with their age, and of the cells of a row, over which lies the link that opens it.
import { aged } from "./ages.js";

const TIME = "time[datetime][title]";

function look({ target, clientX, clientY }) {
  const link = target.closest?.("tr a.open");
  const place = link ? document.elementsFromPoint(clientX, clientY).find((one) => one !== link && one.title && link.closest("tr").contains(one)) : target;
  const time = place?.closest?.(TIME);
  if (time) aged(time);
  if (link) link.title = place?.title ?? "";
}

export function titles() {
  document.addEventListener("pointermove", look);
}
