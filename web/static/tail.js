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
  let source = null;
  let shown = 0;
  let looked = 0;
  let before = 0;

  const say = (text) => { if (status.textContent !== text) status.textContent = text; };
  const told = () => `${shown} new${looked ? `, looked at ${looked}` : ""}`;

  function heard(event) {
    if (event.lastEventId) url.searchParams.set("after", event.lastEventId);
  }

  function open() {
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
        source = null;
        setTimeout(() => { if (button.getAttribute("aria-pressed") === "true" && !source) open(); }, RETRY_MS);
      }
    });
  }

  function pause() {
    source?.close();
    source = null;
    say(`Paused: ${told()}`);
  }

  button.addEventListener("click", () => {
    const live = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(live));
    button.textContent = live ? "Pause" : "Go on";
    if (live) open(); else pause();
  });
  box.hidden = false;
})();
