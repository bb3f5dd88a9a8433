// The recorder: state, words, buttons, the last episode, and how many are still wanted.
import { $, bytes, clockTime, setField, setText, stars } from "./dom.js";
import { link, request } from "./link.js";
import { wish } from "./control.js";
import { toast } from "./toasts.js";

const WORDS = { none: "cannot record", idle: "ready", recording: "recording", saving: "saving" };
const FEW_MINUTES = 5;
const SURE_MS = 4000;
const ALLOWED = { start: ["idle"], save: ["recording"], success: ["recording"], failure: ["recording"], discard: ["recording"], redo: ["recording", "idle"] };
let lastSaved = null;
let rate = null;

export function recordKey() {
  const state = link.status?.episode.state;
  if (state === "idle") wish("start");
  if (state === "recording") wish("save");
}

// Keys do only what the buttons would.
export function wishKey(name) { if (ALLOWED[name].includes(link.status?.episode.state)) wish(name); }

function showRecorder(episode) {
  $("recorder").dataset.state = episode.state;
  setText($("recorder-state"), WORDS[episode.state] ?? episode.state);
  setText($("recorder-number"), episode.state === "none" ? "" : `#${episode.number}`);
  setText($("recorder-time"), clockTime(episode.elapsed_s));
  setField($("task"), episode.task);
  setField($("subtask"), episode.subtask);
  for (const button of document.querySelectorAll("#episode-buttons button")) {
    button.disabled = !link.control || !ALLOWED[button.dataset.wish].includes(episode.state);
  }
  $("episode-buttons").querySelector("[data-wish=start]").hidden = episode.state === "recording";
  $("episode-buttons").querySelector("[data-wish=save]").hidden = episode.state !== "recording";
  $("task").disabled = !link.control;
  $("subtask").disabled = !link.control || episode.state !== "recording";
}

function showDataset(dataset) {
  setText($("dataset-name"), dataset === null ? "" : dataset.name);
  document.querySelector(".progress").hidden = dataset === null;
  if (dataset === null) return;
  const { episodes, wanted } = dataset;
  $("wanted").hidden = wanted === null;
  $("wanted").value = wanted ? Math.min(1, episodes / wanted) : 0;
  setText($("wanted-text"), wanted === null ? `${episodes} saved` : `${episodes} of ${wanted} saved`);
  const minutes = dataset.seconds_left === null ? null : Math.floor(dataset.seconds_left / 60);
  const low = minutes !== null && minutes < FEW_MINUTES;
  setText($("disk"), `${bytes(dataset.free_bytes)} free${minutes === null ? "" : ` · ${minutes} min`}`);
  $("disk").classList.toggle("low", low);
  showLast(dataset.last_saved);
}

function showLast(number) {
  $("last").hidden = number === null || !link.hello?.library;
  $("last-label").disabled = !link.control;
  for (const button of $("last-stars").children) button.disabled = !link.control;
  if (number === lastSaved) return;
  if (lastSaved !== null && number !== null) toast(`Saved episode ${number}.`);
  lastSaved = number;
  setText($("last-number"), number === null ? "" : `#${number}`);
  rate(null);
  $("last-label").value = "";
}

// Redo outside an episode drops the last one, which is saved already: that is asked for twice.
function press(button) {
  const drops = button.dataset.wish === "redo" && link.status.episode.state === "idle" && lastSaved !== null;
  if (!drops || button.dataset.sure === "yes") { calm(button); wish(button.dataset.wish); return; }
  button.dataset.sure = "yes";
  setText(button, `Drop #${lastSaved} and redo?`);
  setTimeout(() => calm(button), SURE_MS);
}

function calm(button) {
  if (button.dataset.sure === undefined) return;
  delete button.dataset.sure;
  setText(button, "Redo");
}

async function annotateLast(change) {
  try { const row = await request(`/api/episodes/${lastSaved}`, change); rate(row.rating); } catch (error) { toast(error.message, "error"); }
}

export function startEpisode() {
  rate = stars($("last-stars"), (rating) => annotateLast({ rating }));
  $("last-label").addEventListener("change", () => annotateLast({ label: $("last-label").value }));
  for (const button of document.querySelectorAll("#episode-buttons button")) button.addEventListener("click", () => press(button));
  $("task").addEventListener("change", () => link.send("describe", { task: $("task").value }));
  $("subtask").addEventListener("change", () => link.send("describe", { subtask: $("subtask").value }));
  for (const field of [$("task"), $("subtask"), $("last-label")]) {
    field.addEventListener("keydown", (event) => { if (event.key === "Enter") field.blur(); });
  }
  link.on("status", ({ status }) => { showRecorder(status.episode); showDataset(status.dataset); });
}
