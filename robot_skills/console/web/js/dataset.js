// The second tab: the list of episodes and its filters. Player and notes follow what is chosen.
import { $, bytes, clockTime, make, setText } from "./dom.js";
import { request } from "./link.js";
import { showNotes, startNotes } from "./notes.js";
import { openEpisode, playerKey, startPlayer, stopPlayer } from "./player.js";
import { toast } from "./toasts.js";

let rows = [];
let chosen = null;
let visible = false;

function passes(row) {
  const words = $("filter-words").value.trim().toLowerCase();
  const outcome = $("filter-outcome").value;
  const state = $("filter-state").value;
  return (words === "" || `${row.task} ${row.label}`.toLowerCase().includes(words))
    && (outcome === "" || row.outcome === outcome)
    && (state === "" || row.discarded === (state === "discarded"))
    && (!$("filter-flags").checked || row.flags.length > 0);
}

function item(row) {
  const facts = [clockTime(row.duration_s), bytes(row.bytes), row.rating === null ? "" : "★".repeat(row.rating)].filter((fact) => fact !== "");
  const flag = row.flags.length > 0 ? make("span", { class: "flag", title: row.flags.join("\n") }, "⚑") : null;
  return make("li", {
    role: "option", class: row.discarded ? "discarded" : "", "aria-selected": String(row.number === chosen), "data-number": String(row.number), onclick: () => choose(row.number),
  }, make("span", { class: "number" }, `#${row.number}`), make("span", { class: "words" }, row.label ? `${row.task} (${row.label})` : row.task),
  make("span", { class: `mark ${row.outcome}` }, row.outcome), make("small", {}, ...facts.map((fact) => make("span", {}, fact)), flag));
}

function showList() {
  const passing = rows.filter(passes);
  $("episodes").replaceChildren(...passing.map(item));
  setText($("list-count"), passing.length === rows.length ? String(rows.length) : `${passing.length} of ${rows.length}`);
}

function choose(number) {
  chosen = number;
  const row = rows.find((each) => each.number === number);
  for (const element of $("episodes").children) element.setAttribute("aria-selected", String(Number(element.dataset.number) === number));
  $("episodes").querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  for (const id of ["player", "notes"]) $(id).hidden = row === undefined;
  $("player-empty").hidden = row !== undefined;
  if (row === undefined) return;
  openEpisode(row);
  showNotes(row);
}

function step(by) {
  const passing = rows.filter(passes);
  const at = passing.findIndex((row) => row.number === chosen);
  const next = passing[Math.max(0, Math.min(passing.length - 1, at + by))];
  if (next !== undefined) choose(next.number);
}

// Changes an episode and shows what became of it.
export async function annotate(number, change) {
  try {
    const row = await request(`/api/episodes/${number}`, change);
    rows = rows.map((each) => (each.number === number ? row : each));
    showList();
    if (number === chosen) showNotes(row);
  } catch (error) {
    toast(error.message, "error");
    const row = rows.find((each) => each.number === number);
    if (row !== undefined && number === chosen) showNotes(row);
  }
}

async function load() {
  try {
    rows = (await request("/api/library")).episodes;
    showList();
    if (chosen === null && rows.length > 0) choose(rows[0].number);
  } catch (error) { toast(error.message, "error"); }
}

export function showDatasetTab(show) {
  visible = show;
  if (show) load(); else stopPlayer();
}

export function startDataset() {
  startPlayer();
  startNotes(annotate);
  for (const id of ["filter-words", "filter-outcome", "filter-state", "filter-flags"]) $(id).addEventListener("input", showList);
  $("reload").addEventListener("click", load);
  window.addEventListener("keydown", (event) => {
    if (!visible || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.activeElement?.matches("input:not([type=range]), select, button")) return;
    if (event.code === "ArrowUp" || event.code === "ArrowDown") { event.preventDefault(); step(event.code === "ArrowUp" ? -1 : 1); }
    else if (document.activeElement?.matches(".handle") === false && playerKey(event.code)) event.preventDefault();
  });
}
