// Playback of one episode: pictures, time, and the curves below them.
import { $, make, setText } from "./dom.js";
import { request } from "./link.js";
import { drawPlot } from "./plot.js";
import { showTimeline, startTimeline } from "./timeline.js";
import { toast } from "./toasts.js";

const STEP_S = 0.1;

let row = null;
let curves = null;
let time_s = 0;
let playing = false;
let playedAt = 0;
let views = [];

// One camera: asks for the next picture when the last one has come, and always for the newest time.
class View {
  constructor(camera) {
    this.camera = camera;
    this.image = make("img", { alt: `${camera} of the episode` });
    this.caption = make("figcaption", {}, camera);
    this.element = make("figure", {}, this.image, this.caption);
    this.busy = false;
    this.wanted = null;
    this.range = null;
  }

  show(number, at_s, kind) {
    this.wanted = `/api/episodes/${number}/${kind}?camera=${encodeURIComponent(this.camera)}&at_s=${at_s.toFixed(3)}`;
    if (!this.busy) this.load();
  }

  async load() {
    this.busy = true;
    while (this.wanted !== null) {
      const path = this.wanted;
      this.wanted = null;
      await this.fetch(path);
    }
    this.busy = false;
  }

  async fetch(path) {
    const answer = await fetch(path, { credentials: "same-origin" }).catch(() => null);
    if (answer === null || !answer.ok) { setText(this.caption, `${this.camera}: no picture`); return; }
    const range = answer.headers.get("x-depth-range");
    const url = URL.createObjectURL(await answer.blob());
    this.image.src = url;
    await this.image.decode().catch(() => {});
    URL.revokeObjectURL(url);
    setText(this.caption, this.camera);
    setText($("depth-scale"), range === null ? "" : `blue ${range.split(",")[0]} m … red ${range.split(",")[1]} m`);
  }
}

export async function openEpisode(next) {
  stopPlayer();
  const same = row !== null && row.number === next.number;
  row = next;
  setText($("player-title"), `Episode ${row.number}: ${row.task}`);
  if (same) { show(); return; }
  views = row.cameras.map((camera) => new View(camera));
  $("player-pictures").replaceChildren(...views.map((view) => view.element));
  $("scrub").max = String(row.duration_s);
  curves = null;
  seek(row.trim_s?.[0] ?? 0);
  try {
    const found = await request(`/api/episodes/${row.number}/curves`);
    if (row === next) { curves = found; show(); }
  } catch (error) { toast(error.message, "error"); }
}

// What was changed about the episode, for the title and the timeline.
export function updateEpisode(next) { if (row?.number === next.number) { row = next; setText($("player-title"), `Episode ${row.number}: ${row.task}`); show(); } }

export function stopPlayer() { playing = false; setText($("play"), "Play"); }

export const playerTime = () => time_s;

export function seek(to_s) {
  time_s = Math.max(0, Math.min(row.duration_s, to_s));
  show();
}

function show() {
  if (row === null || $("player").hidden) return;
  $("scrub").value = String(time_s);
  setText($("player-time"), `${time_s.toFixed(2)} / ${row.duration_s.toFixed(2)} s`);
  for (const view of views) view.show(row.number, time_s, $("player-kind").value);
  showTimeline(row, time_s);
  drawPlot($("plot"), curves, row, time_s);
}

function toggle() {
  playing = !playing;
  setText($("play"), playing ? "Pause" : "Play");
  if (!playing) return;
  if (time_s >= end() - 1e-3) seek(row.trim_s?.[0] ?? 0);
  playedAt = performance.now();
  requestAnimationFrame(step);
}

const end = () => (row.trim_s !== null && time_s <= row.trim_s[1] ? row.trim_s[1] : row.duration_s);

function step(now) {
  if (!playing) return;
  const to_s = time_s + (now - playedAt) / 1000 * Number($("speed").value);
  playedAt = now;
  if (to_s >= end()) { seek(end()); stopPlayer(); return; }
  seek(Math.max(to_s, time_s));
  requestAnimationFrame(step);
}

// Space plays, arrows step; true if the key meant something.
export function playerKey(code) {
  if (row === null) return false;
  if (code === "Space") toggle();
  else if (code === "ArrowLeft") seek(time_s - STEP_S);
  else if (code === "ArrowRight") seek(time_s + STEP_S);
  else if (code === "Home") seek(0);
  else if (code === "End") seek(row.duration_s);
  else return false;
  return true;
}

export function startPlayer() {
  startTimeline();
  $("play").addEventListener("click", toggle);
  $("step-back").addEventListener("click", () => seek(time_s - STEP_S));
  $("step-on").addEventListener("click", () => seek(time_s + STEP_S));
  $("scrub").addEventListener("input", () => { stopPlayer(); seek(Number($("scrub").value)); });
  $("player-kind").addEventListener("change", show);
  new ResizeObserver(show).observe($("plot"));
}
