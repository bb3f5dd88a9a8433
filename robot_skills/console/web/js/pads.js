// Joysticks and buttons on the page, for mouse and touch.
import { $ } from "./dom.js";

const motion = { linear: [0, 0, 0], angular: [0, 0, 0] };
const held = new Set();

export function padsMotion() { return { ...motion, held: held.size > 0 }; }

export function releasePads() {
  held.clear();
  motion.linear = [0, 0, 0];
  motion.angular = [0, 0, 0];
  for (const knob of document.querySelectorAll(".pad i")) knob.style.transform = "";
  for (const button of document.querySelectorAll(".nudge")) button.classList.remove("held");
}

// Up on the pad drives along `up`, left along `left`.
function startPad(id, part, up, left) {
  const pad = $(id);
  const knob = pad.firstElementChild;
  const move = (event) => {
    const box = pad.getBoundingClientRect();
    let x = (event.clientX - box.left) / box.width * 2 - 1;
    let y = (event.clientY - box.top) / box.height * 2 - 1;
    const far = Math.max(1, Math.hypot(x, y));
    x /= far; y /= far;
    knob.style.transform = `translate(${x * box.width / 2}px, ${y * box.height / 2}px)`;
    motion[part][up.axis] = -y * up.sign;
    motion[part][left.axis] = -x * left.sign;
  };
  const stop = () => {
    held.delete(id);
    motion[part][up.axis] = 0;
    motion[part][left.axis] = 0;
    knob.style.transform = "";
  };
  pad.addEventListener("pointerdown", (event) => { pad.setPointerCapture(event.pointerId); held.add(id); move(event); });
  pad.addEventListener("pointermove", (event) => { if (held.has(id)) move(event); });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) pad.addEventListener(name, stop);
}

function startNudge(button) {
  const [part, axis] = button.dataset.axis.split(".");
  const set = (on) => {
    if (on) held.add(button); else held.delete(button);
    button.classList.toggle("held", on);
    motion[part][Number(axis)] = on ? Number(button.dataset.sign) : 0;
  };
  button.addEventListener("pointerdown", (event) => { button.setPointerCapture(event.pointerId); set(true); });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(name, () => set(false));
  button.addEventListener("keydown", (event) => { if (event.code === "Space" || event.code === "Enter") { event.preventDefault(); set(true); } });
  button.addEventListener("keyup", () => set(false));
  button.addEventListener("contextmenu", (event) => event.preventDefault());
}

export function startPads() {
  startPad("pad-move", "linear", { axis: 0, sign: 1 }, { axis: 1, sign: 1 });
  startPad("pad-tilt", "angular", { axis: 1, sign: 1 }, { axis: 0, sign: -1 });
  document.querySelectorAll(".nudge").forEach(startNudge);
}
