// The live tail of a topic: follow, pause, go on. Nothing is lost or shown twice: each event's id says where it was read.
"use strict";

(() => {
  const box = document.querySelector("[data-live]");
  if (!box) return;
  const ROWS_MAX = 1000;
  const RETRY_MS = 2000;
  const [button, status] = [box.querySelector("button"), box.querySelector("[role=status]")];
  const body = document.querySelector("table.records tbody");
  const url = new URL(box.dataset.live, location.href);
  // Browsers have six connections for all tabs of a site. Live tails of this many tabs are open at once, the others
  // wait for their turn; a tab that nobody sees lets go of its own.
  const TABS_MAX = 3;
  let source = null;
  let release = null;
  let waiting = null;
  let shown = 0;
  let looked = 0;
  let before = 0;

  const say = (text) => { if (status.textContent !== text) status.textContent = text; };
  const told = () => `${shown} new${looked ? `, looked at ${looked}` : ""}`;

  function heard(event) {
    if (event.lastEventId) url.searchParams.set("after", event.lastEventId);
  }

  const wanted = () => button.getAttribute("aria-pressed") === "true" && !document.hidden;

  // Resolves to what frees the turn, or to null without one.
  function turn(number, options) {
    return new Promise((got) => {
      navigator.locks.request(`ates-live-${number}`, options, (lock) => lock ? new Promise(got) : got(null))
        .catch(() => got(null));
    });
  }

  async function freeTurn() {
    if (!navigator.locks) return () => {};
    for (let number = 0; number < TABS_MAX; number += 1) {
      const free = await turn(number, { ifAvailable: true });
      if (free) return free;
    }
    say(`Waiting: ${TABS_MAX} other tabs are live`);
    return turn(Math.floor(Math.random() * TABS_MAX), { signal: waiting.signal });
  }

  async function open() {
    if (source || waiting) return;
    waiting = new AbortController();
    const free = await freeTurn();
    waiting = null;
    if (!free) return;
    if (!wanted() || source) { free(); return; }
    release = free;
    listen();
  }

  function close() {
    waiting?.abort();
    source?.close();
    source = null;
    release?.();
    release = null;
  }

  function listen() {
    before = looked;
    source = new EventSource(url);
    source.addEventListener("open", () => { before = looked; say(`Live: ${told()}`); });
    source.addEventListener("record", (event) => {
      heard(event);
      body.closest("div").hidden = false;
      document.querySelector(".nothing")?.remove();
      body.insertAdjacentHTML("afterbegin", event.data);
      while (body.rows.length > ROWS_MAX) body.deleteRow(-1);
      shown += 1;
    });
    source.addEventListener("looked", (event) => {
      heard(event);
      looked = before + JSON.parse(event.data).looked;
      say(`Live: ${told()}`);
    });
    source.addEventListener("error", () => {
      say(`Connecting again: ${told()}`);
      if (source && source.readyState === EventSource.CLOSED) {
        close();
        setTimeout(() => { if (wanted()) open(); }, RETRY_MS);
      }
    });
  }

  function pause() {
    close();
    say(`Paused: ${told()}`);
  }

  button.addEventListener("click", () => {
    const live = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(live));
    button.textContent = live ? "Pause" : "Go on";
    if (live) open(); else pause();
  });
  document.addEventListener("visibilitychange", () => {
    if (button.getAttribute("aria-pressed") !== "true") return;
    if (document.hidden) close(); else open();
  });
  box.hidden = false;
})();
