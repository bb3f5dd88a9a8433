// What people say about an episode: task, outcome, rating, label, trim, subtasks, discard.
import { $, bytes, make, setField, setText, stars } from "./dom.js";
import { link } from "./link.js";
import { playerTime, updateEpisode } from "./player.js";
import { trim, trimWhole } from "./timeline.js";

const NEW_SPAN_S = 2;
let row = null;
let rate = null;
let change = null;

function spanRow(span, index) {
  const edit = (fields) => change(row.number, { subtasks: row.subtasks.map((each, i) => (i === index ? { ...each, ...fields } : each)) });
  const number = (name, label) => make("input", {
    value: span[name].toFixed(2), inputmode: "decimal", "aria-label": label, onchange: (event) => edit({ [name]: Number(event.target.value) }),
  });
  return make("li", {}, number("start_s", "Subtask starts [s]"), number("end_s", "Subtask ends [s]"),
    make("input", { value: span.words, maxlength: "500", "aria-label": "Subtask in words", onchange: (event) => edit({ words: event.target.value }) }),
    make("button", { type: "button", class: "small", "aria-label": "Delete this subtask", onclick: () => change(row.number, { subtasks: row.subtasks.filter((_, i) => i !== index) }) }, "×"));
}

function addSpan() {
  const start_s = Math.round(100 * Math.min(playerTime(), row.duration_s - 0.1)) / 100;
  const next = row.subtasks.map((span) => span.start_s).filter((at_s) => at_s > start_s);
  const end_s = Math.min(row.duration_s, start_s + NEW_SPAN_S, ...next);
  const subtasks = [...row.subtasks, { start_s, end_s, words: "subtask" }].sort((a, b) => a.start_s - b.start_s);
  change(row.number, { subtasks });
}

export function showNotes(next) {
  row = next;
  setField($("note-task"), row.task);
  setField($("note-label"), row.label);
  for (const input of $("note-outcome").querySelectorAll("input")) input.checked = input.value === row.outcome;
  rate(row.rating);
  setText($("note-flags"), row.flags.map((flag) => `⚑ ${flag}`).join("; "));
  setText($("note-trim"), row.trim_s === null ? "all of it" : `${row.trim_s[0].toFixed(2)} – ${row.trim_s[1].toFixed(2)} s`);
  setText($("note-discard"), row.discarded ? "Keep it again" : "Discard from exports");
  setText($("note-facts"), `${row.started.replace("T", " ")} · ${bytes(row.bytes)}`);
  $("spans").replaceChildren(...row.subtasks.map(spanRow));
  updateEpisode(row);
  lock();
}

function lock() {
  setText($("notes-locked"), link.control ? "" : "read-only: take control to change");
  for (const field of $("notes").querySelectorAll("input, button")) field.disabled = !link.control;
  for (const handle of document.querySelectorAll(".handle")) handle.disabled = !link.control;
}

export function startNotes(annotate) {
  change = annotate;
  rate = stars($("note-stars"), (rating) => change(row.number, { rating }));
  $("note-task").addEventListener("change", () => change(row.number, { task: $("note-task").value }));
  $("note-label").addEventListener("change", () => change(row.number, { label: $("note-label").value }));
  $("note-outcome").addEventListener("change", (event) => change(row.number, { outcome: event.target.value }));
  $("note-discard").addEventListener("click", () => change(row.number, { discarded: !row.discarded }));
  $("trim-start").addEventListener("click", () => trim(0, playerTime()));
  $("trim-end").addEventListener("click", () => trim(1, playerTime()));
  $("trim-reset").addEventListener("click", trimWhole);
  $("span-add").addEventListener("click", addSpan);
  link.on("holder", lock);
  link.on("lost", lock);
}
