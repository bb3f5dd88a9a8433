// A gamepad of the browser's Gamepad API, in the standard layout. The right shoulder button is the
// dead-man switch: sticks move nothing without it.
import { $, setText } from "./dom.js";

const DEAD_ZONE = 0.12;
const BUTTONS = { deadMan: 5, fine: 4, gripper: 0, up: 7, down: 6, left: 14, right: 15 };
let gripperWasDown = false;

const stick = (value) => (Math.abs(value) < DEAD_ZONE ? 0 : Math.sign(value) * (Math.abs(value) - DEAD_ZONE) / (1 - DEAD_ZONE));

function current() {
  return (navigator.getGamepads?.() ?? []).find((pad) => pad !== null && pad.connected && pad.mapping === "standard") ?? null;
}

export function gamepadMotion(toggleGripper) {
  const pad = current();
  if (pad === null) return { linear: [0, 0, 0], angular: [0, 0, 0], held: false, fine: false };
  const value = (name) => pad.buttons[BUTTONS[name]]?.value ?? 0;
  const held = value("deadMan") > 0.5;
  const gripperDown = value("gripper") > 0.5;
  if (held && gripperDown && !gripperWasDown) toggleGripper();
  gripperWasDown = gripperDown;
  const [x, y, tiltX, tiltY] = pad.axes;
  return {
    linear: held ? [-stick(y), -stick(x), value("up") - value("down")] : [0, 0, 0],
    angular: held ? [stick(tiltX), -stick(tiltY), value("left") - value("right")] : [0, 0, 0],
    held,
    fine: value("fine") > 0.5,
  };
}

export function startGamepad() {
  const tell = () => setText($("gamepad-state"), current() === null
    ? "No gamepad: press a button on it to use it."
    : "Gamepad ready: hold the right shoulder button to drive; left shoulder is fine, A the gripper.");
  for (const name of ["gamepadconnected", "gamepaddisconnected"]) window.addEventListener(name, tell);
}
