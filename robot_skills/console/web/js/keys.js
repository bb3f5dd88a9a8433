// Keys. This table is the only place that knows which key does what; the help is made from it.
import { $, make, takesWords } from "./dom.js";

// Axes: x away from the robot's foot, y to its left, z up; turns about them by the right hand.
export const KEYS = [
  { codes: ["KeyW"], label: "W", help: "forward (+x)", linear: [1, 0, 0] },
  { codes: ["KeyS"], label: "S", help: "back (−x)", linear: [-1, 0, 0] },
  { codes: ["KeyA"], label: "A", help: "left (+y)", linear: [0, 1, 0] },
  { codes: ["KeyD"], label: "D", help: "right (−y)", linear: [0, -1, 0] },
  { codes: ["KeyR", "KeyQ"], label: "R Q", help: "up (+z)", linear: [0, 0, 1] },
  { codes: ["KeyF", "KeyE"], label: "F E", help: "down (−z)", linear: [0, 0, -1] },
  { codes: ["KeyJ", "ArrowLeft"], label: "J ←", help: "turn left (about z)", angular: [0, 0, 1] },
  { codes: ["KeyL", "ArrowRight"], label: "L →", help: "turn right (about z)", angular: [0, 0, -1] },
  { codes: ["KeyI", "ArrowUp"], label: "I ↑", help: "tilt up (about −y)", angular: [0, -1, 0] },
  { codes: ["KeyK", "ArrowDown"], label: "K ↓", help: "tilt down (about +y)", angular: [0, 1, 0] },
  { codes: ["KeyU"], label: "U", help: "roll left (about −x)", angular: [-1, 0, 0] },
  { codes: ["KeyO"], label: "O", help: "roll right (about +x)", angular: [1, 0, 0] },
  { codes: ["ShiftLeft", "ShiftRight"], label: "Shift", help: "fine: a quarter of the speed", fine: true },
  { codes: ["Space"], label: "Space", help: "open or close the gripper", does: "gripper" },
  { codes: ["Enter", "NumpadEnter"], label: "Enter", help: "start, or save, the episode", does: "record" },
  { codes: ["Backspace"], label: "⌫", help: "discard the episode", does: "discard" },
  { codes: ["KeyY"], label: "Y", help: "success: save", does: "success" },
  { codes: ["KeyN"], label: "N", help: "failure: save", does: "failure" },
  { codes: ["Escape"], label: "Esc", help: "emergency stop", does: "estop" },
];
const BY_CODE = new Map(KEYS.flatMap((key) => key.codes.map((code) => [code, key])));

const pressed = new Set();

// What the pressed keys ask for.
export function keysMotion() {
  const motion = { linear: [0, 0, 0], angular: [0, 0, 0], held: false, fine: false };
  for (const code of pressed) {
    const key = BY_CODE.get(code);
    for (const part of ["linear", "angular"]) {
      if (key[part] === undefined) continue;
      motion[part] = motion[part].map((value, i) => value + key[part][i]);
      motion.held = true;
    }
    if (key.fine) motion.fine = true;
    if (key.does === "gripper") motion.held = true;
  }
  return motion;
}

export function releaseKeys() { pressed.clear(); }

// `active` says whether keys drive now; `act` is called with what a key does.
export function startKeys(active, act) {
  window.addEventListener("keydown", (event) => {
    const key = BY_CODE.get(event.code);
    if (key === undefined) return;
    if (key.does === "estop") { event.preventDefault(); if (!event.repeat) act("estop"); return; }
    const onButton = event.target.matches?.("button, summary, a") && ["Space", "Enter"].includes(event.code);
    if (event.ctrlKey || event.metaKey || event.altKey || takesWords(event.target) || onButton || !active()) return;
    event.preventDefault();
    if (!event.repeat && !pressed.has(event.code) && key.does !== undefined) act(key.does);
    pressed.add(event.code);
  });
  window.addEventListener("keyup", (event) => pressed.delete(event.code));
  // A button that was clicked must not take the next press of Space.
  window.addEventListener("click", (event) => { if (event.detail > 0) event.target.closest?.("button, summary")?.blur(); });
  $("keys").replaceChildren(...KEYS.flatMap((key) => [
    make("dt", {}, ...key.label.split(" ").map((label) => make("kbd", {}, label))), make("dd", {}, key.help),
  ]));
}
