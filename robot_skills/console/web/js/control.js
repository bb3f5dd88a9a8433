// Who has control, the state of the link, the emergency stop, and the banner that says so.
import { $, setText } from "./dom.js";
import { link, request } from "./link.js";
import { toast } from "./toasts.js";

const STALE_MS = 1000;
let statusChangedAt = performance.now();
let newestStamp = null;

export function wish(name) {
  if (name !== "estop") { link.send("wish", { wish: name }); return; }
  if (link.open && link.send("wish", { wish: "estop" })) return;
  request("/api/estop", {}).catch((error) => toast(`The emergency stop did not get through: ${error.message}`, "error"));
}

function linkState() {
  if (!link.open && link.denied) return ["bad", "not admitted", "The console was started anew: open the address that it printed."];
  if (!link.open) return ["bad", link.tries > 0 ? "reconnecting" : "connecting", "The console does not answer. Reconnecting."];
  if (performance.now() - link.heardAt > STALE_MS) return ["warn", "link stale", "Nothing has come from the console for a while."];
  if (performance.now() - statusChangedAt > STALE_MS) return ["warn", "robot silent", "The robot's session does not answer. What is shown is old."];
  return ["good", "live", null];
}

const MOTION = { idle: ["good", "idle"], moving: ["busy", "moving"], held: ["warn", "held"], estop: ["bad", "emergency stop"] };

function show() {
  const [state, text, problem] = linkState();
  $("link-chip").dataset.state = state;
  setText($("link-chip"), text);
  const motion = link.status?.motion ?? "";
  const [motionState, motionText] = MOTION[motion] ?? ["off", motion || "–"];
  $("motion-chip").dataset.state = motionState;
  setText($("motion-chip"), motionText);
  const stopped = motion === "estop" && link.open;
  const banner = problem ?? (stopped ? "EMERGENCY STOP. The robot holds." : motion === "held" && link.status.why ? `Held: ${link.status.why}` : "");
  $("banner").hidden = banner === "";
  $("banner").dataset.kind = stopped && problem === null ? "stop" : "warn";
  setText($("banner-text"), banner);
  $("release-estop").hidden = !stopped || !link.control;
  showHolder();
}

function showHolder() {
  const { holder, control } = link;
  $("holder").classList.toggle("you", control);
  setText($("holder"), control ? "You have control" : holder === null ? "Nobody has control" : `Read-only: ${holder} has control`);
  $("take").hidden = control;
  $("take").disabled = !link.open || holder !== null;
  $("release-control").hidden = !control;
  document.body.classList.toggle("control", control);
}

export function startControl() {
  $("take").addEventListener("click", () => link.send("take"));
  $("release-control").addEventListener("click", () => link.send("release"));
  $("estop").addEventListener("click", () => wish("estop"));
  $("release-estop").addEventListener("click", () => wish("release"));
  link.on("status", ({ status }) => {
    if (status.stamp_s !== newestStamp) { newestStamp = status.stamp_s; statusChangedAt = performance.now(); }
    setText($("robot"), status.robot || "robot-skills");
    show();
  });
  link.on("hello", show);
  link.on("lost", show);
  setInterval(show, 250);
}
