// The strip below the scrub bar: subtasks, and the two handles that trim.
import { $, make } from "./dom.js";
import { link } from "./link.js";
import { annotate } from "./dataset.js";

const NUDGE_S = 0.1;
const SHORTEST_S = 0.1;
const parts = {};
let row = null;
let dragged = null;
let shownSpans = "";

const share = (at_s) => `${100 * at_s / row.duration_s}%`;
const limits = () => dragged ?? row.trim_s ?? [0, row.duration_s];

function place() {
  const [from_s, to_s] = limits();
  parts.from.style.left = share(from_s);
  parts.to.style.left = share(to_s);
  parts.before.style.width = share(from_s);
  parts.after.style.left = share(to_s);
  parts.after.style.right = "0";
  for (const [handle, at_s] of [[parts.from, from_s], [parts.to, to_s]]) {
    handle.disabled = !link.control;
    handle.setAttribute("aria-valuenow", at_s.toFixed(2));
    handle.setAttribute("aria-valuemax", String(row.duration_s));
  }
}

function showSpans() {
  const spans = JSON.stringify([row.number, row.subtasks]);
  if (spans === shownSpans) return;
  shownSpans = spans;
  parts.spans.replaceChildren(...row.subtasks.map(({ start_s, end_s, words }) => {
    const element = make("div", { class: "span", title: `${start_s.toFixed(2)}–${end_s.toFixed(2)} s` }, words);
    element.style.left = share(start_s);
    element.style.width = share(end_s - start_s);
    return element;
  }));
}

export function showTimeline(next, time_s) {
  row = next;
  parts.cursor.style.left = share(time_s);
  place();
  showSpans();
}

function moved(index, at_s) {
  const next = [...limits()];
  const low = index === 0 ? 0 : next[0] + SHORTEST_S;
  const high = index === 0 ? next[1] - SHORTEST_S : row.duration_s;
  next[index] = Math.round(100 * Math.max(low, Math.min(high, at_s))) / 100;
  return next;
}

// Moves one end of the trim and keeps it.
export function trim(index, at_s) { annotate(row.number, { trim_s: moved(index, at_s) }); }
export function trimWhole() { annotate(row.number, { trim_s: [0, row.duration_s] }); }

function startHandle(handle, index) {
  const at = (event) => {
    const box = $("track").getBoundingClientRect();
    return (event.clientX - box.left) / box.width * row.duration_s;
  };
  handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); dragged = limits(); });
  handle.addEventListener("pointermove", (event) => { if (dragged !== null) { dragged = moved(index, at(event)); place(); } });
  handle.addEventListener("pointerup", () => { const kept = dragged; dragged = null; if (kept !== null) annotate(row.number, { trim_s: kept }); });
  handle.addEventListener("pointercancel", () => { dragged = null; place(); });
  handle.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -NUDGE_S, ArrowRight: NUDGE_S }[event.code];
    if (by === undefined) return;
    event.preventDefault();
    trim(index, limits()[index] + by);
  });
}

export function startTimeline() {
  const handle = (label) => make("button", { type: "button", class: "handle", role: "slider", "aria-label": label, "aria-valuemin": "0" });
  Object.assign(parts, {
    spans: make("div"), before: make("div", { class: "off" }), after: make("div", { class: "off" }),
    from: handle("Start of the part that is exported"), to: handle("End of the part that is exported"), cursor: make("div", { class: "cursor" }),
  });
  $("track").replaceChildren(...Object.values(parts));
  startHandle(parts.from, 0);
  startHandle(parts.to, 1);
}
