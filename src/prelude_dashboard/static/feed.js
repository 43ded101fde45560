// The live feed: comes back by itself with the cursor of the last frame, so that nothing is left out or comes twice, and tells its state.
const PAUSES = [1, 2, 4, 8, 15];
const SILENCE = 45_000; // the server says something every 15 s
const [RESTART, DENIED, AHEAD, TOO_OLD] = [1012, 4401, 4409, 4410];

async function signedOut() {
  try {
    return (await fetch("/api/analytics/session", { cache: "no-store" })).status === 401;
  } catch {
    return false;
  }
}

// `told` has rows(frame), missed(count), gap(restored), and state(name, seconds): connecting, connected, waiting, out.
export function feed(address, cursor, told) {
  let socket = null;
  let failures = 0;
  let heard = 0;
  let ticking = 0;

  function connect() {
    clearInterval(ticking);
    ticking = 0;
    told.state("connecting");
    const url = new URL(address, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    if (cursor) url.searchParams.set("cursor", cursor);
    const mine = socket = new WebSocket(url);
    let opened = false;
    mine.onopen = () => { opened = true; heard = Date.now(); };
    mine.onmessage = ({ data }) => hear(JSON.parse(data));
    mine.onclose = ({ code }) => { if (socket === mine) closed(code, opened); };
  }

  function hear(frame) {
    heard = Date.now();
    if (frame.type === "error") return; // the code of the end says the same
    failures = 0;
    told.state("connected");
    if (frame.type === "rows") told.rows(frame);
    else if (frame.type === "missed") told.missed(frame.missed);
    // A missed frame names the place before the gap: we go on behind it, as the server does.
    if (frame.type !== "missed") cursor = frame.cursor;
  }

  async function closed(code, opened) {
    socket = null;
    if (code === DENIED || (!opened && await signedOut())) { told.state("out"); return; }
    if (code === AHEAD || code === TOO_OLD) {
      cursor = "";
      told.gap(code === AHEAD);
      connect();
      return;
    }
    wait(code === RESTART && !failures ? 1 : PAUSES[Math.min(failures, PAUSES.length - 1)]);
    failures += 1;
  }

  function wait(seconds) {
    let left = seconds;
    told.state("waiting", left);
    ticking = setInterval(() => {
      left -= 1;
      if (left > 0) told.state("waiting", left);
      else connect();
    }, 1000);
  }

  function hurry() {
    if (ticking && !document.hidden) connect();
  }

  setInterval(() => {
    if (socket?.readyState !== WebSocket.OPEN || Date.now() - heard < SILENCE) return;
    const silent = socket;
    closed(1006, true);
    silent.close();
  }, 5000);
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  connect();
}
