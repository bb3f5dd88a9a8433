// What the hand does, from keys, pads, gamepad and headset together, sent 50 times a second while
// this page has control and somebody looks at it.
import { $, setText } from "./dom.js";
import { gamepadMotion, startGamepad } from "./gamepad.js";
import { keysMotion, releaseKeys } from "./keys.js";
import { link } from "./link.js";
import { padsMotion, releasePads, startPads } from "./pads.js";
import { startXr } from "./xr.js";

const PERIOD_MS = 20;
const BEAT_MS = 1000;
const FINE = 0.25;
const XR_STALE_MS = 200;

let onLive = true;
let opening = null;
let sliding = false;
let away = true;
let xrAt = -Infinity;
let newestS = -Infinity;

export function showHandTab(live) { onLive = live; if (!live) leave(); }

export function handActive() {
  return link.control && onLive && document.visibilityState === "visible" && document.hasFocus();
}

export function toggleGripper() {
  const arms = Object.values(link.status?.arms ?? {});
  const now = opening ?? arms[0]?.opening ?? 1;
  setOpening(now > 0.5 ? 0 : 1);
}

function setOpening(value) {
  opening = value;
  $("gripper").value = String(value);
  showOpening(value);
}

function showOpening(value) { setText($("gripper-value"), value > 0.98 ? "open" : value < 0.02 ? "closed" : `${Math.round(value * 100)} %`); }

// Everything is let go, and the robot's side is told at once.
function leave() {
  releaseKeys();
  releasePads();
  sliding = false;
  if (!away) { away = true; link.send("away"); }
}

function lock() { document.querySelector(".hand").classList.toggle("locked", !link.control); }

const clip = (value) => Math.max(-1, Math.min(1, value));

function rates() {
  const sources = [keysMotion(), padsMotion(), gamepadMotion(toggleGripper)];
  const fine = $("fine").checked || sources.some((source) => source.fine);
  const sum = (part) => [0, 1, 2].map((i) => clip(sources.reduce((all, source) => all + source[part][i], 0)) * (fine ? FINE : 1));
  return { held: sliding || sources.some((source) => source.held), linear: sum("linear"), angular: sum("angular"), frame: $("hand-frame").value };
}

function send(fields) {
  away = false;
  link.sendFresh("hand", { t_ms: performance.now(), ...(opening === null ? {} : { opening }), ...fields });
  showState(fields.held);
}

function showState(held) {
  $("hand-state").classList.toggle("driving", held);
  setText($("hand-state"), held ? "driving" : "ready");
}

function tick() {
  if (performance.now() - xrAt < XR_STALE_MS) return;
  if (handActive()) { send(rates()); return; }
  leave();
  $("hand-state").classList.remove("driving");
  setText($("hand-state"), link.control ? "away from the page" : "take control to drive");
}

function fromXr(sample) {
  if (sample === null || !link.control) { xrAt = -Infinity; leave(); return; }
  xrAt = performance.now();
  if (sample.opening !== null) setOpening(sample.opening);
  send({ held: sample.held, ...(sample.pose === null ? {} : { pose: sample.pose }) });
}

export function startHand() {
  startPads();
  startGamepad();
  startXr(fromXr);
  const gripper = $("gripper");
  gripper.addEventListener("input", () => setOpening(Number(gripper.value)));
  gripper.addEventListener("pointerdown", () => { sliding = true; });
  gripper.addEventListener("keydown", () => { sliding = true; });
  for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) gripper.addEventListener(name, () => { sliding = false; });
  window.addEventListener("blur", leave);
  window.addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState !== "visible") leave(); });
  link.on("holder", () => { leave(); opening = null; lock(); });
  link.on("lost", () => { away = true; leave(); lock(); });
  link.on("status", ({ status }) => {
    // Time that begins again means that the arm does: what was chosen before is forgotten.
    if (status.stamp_s < newestS) opening = null;
    newestS = status.stamp_s;
    const arm = Object.values(status.arms)[0];
    if (arm === undefined || opening !== null) return;
    $("gripper").value = String(arm.opening);
    showOpening(arm.opening);
  });
  setInterval(tick, PERIOD_MS);
  setInterval(() => { if (link.control) link.send("beat"); }, BEAT_MS);
}
