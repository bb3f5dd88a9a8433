// A phone or a headset held in the hand, by WebXR. Squeeze, or touch, closes the clutch; letting go
// stops. The trigger of a controller closes the gripper.
import { $, make, setText } from "./dom.js";

const MIN_PERIOD_MS = 12;

// WebXR has x right, y up, z towards the viewer; the device frame x away, y left, z up.
export function toDeviceFrame({ position, orientation }) {
  return {
    p: [-position.z, -position.x, position.y],
    wxyz: [orientation.w, -orientation.z, -orientation.x, orientation.y],
  };
}

function whyNot() {
  if (!window.isSecureContext) return "Browsers give motion tracking to secure pages only: serve the console with a TLS certificate, or open it on this machine as localhost.";
  if (navigator.xr === undefined) return "This browser has no WebXR. Chrome on Android and the browsers of headsets have it.";
  return null;
}

class Tracker {
  constructor(state, send) {
    this.state = state;
    this.send = send;
    this.squeezing = new Set();
    this.sentAt = 0;
  }

  async begin(mode) {
    const session = await navigator.xr.requestSession(mode, { requiredFeatures: ["local"], optionalFeatures: ["dom-overlay"], domOverlay: { root: document.body } });
    const canvas = make("canvas");
    const gl = canvas.getContext("webgl", { xrCompatible: true });
    await session.updateRenderState({ baseLayer: new XRWebGLLayer(session, gl) });
    this.space = await session.requestReferenceSpace("local");
    this.phone = mode === "immersive-ar";
    // A phone has one input, its screen: touching it is "select". Controllers squeeze instead.
    const clutch = this.phone ? "select" : "squeeze";
    session.addEventListener(`${clutch}start`, (event) => this.squeezing.add(event.inputSource));
    session.addEventListener(`${clutch}end`, (event) => this.squeezing.delete(event.inputSource));
    session.addEventListener("end", () => { this.squeezing.clear(); this.send(null); this.tell("The session has ended."); });
    session.addEventListener("visibilitychange", () => { if (session.visibilityState !== "visible") { this.squeezing.clear(); this.send(null); } });
    this.gl = gl;
    this.tell("Squeeze, or touch the screen, and move.");
    session.requestAnimationFrame((time, frame) => this.step(time, frame, session));
  }

  tell(text) { setText(this.state, text); }

  step(time, frame, session) {
    session.requestAnimationFrame((next, nextFrame) => this.step(next, nextFrame, session));
    this.gl.bindFramebuffer(this.gl.FRAMEBUFFER, session.renderState.baseLayer.framebuffer);
    this.gl.clear(this.gl.COLOR_BUFFER_BIT);
    if (time - this.sentAt < MIN_PERIOD_MS) return;
    this.sentAt = time;
    const source = [...this.squeezing][0] ?? null;
    const pose = this.phone ? frame.getViewerPose(this.space) : source?.gripSpace && frame.getPose(source.gripSpace, this.space);
    const trigger = source?.gamepad?.buttons[0]?.value ?? null;
    // A pose that is only guessed must not move anything.
    const tracked = Boolean(pose) && !pose.emulatedPosition;
    this.send({
      held: source !== null && tracked,
      pose: tracked ? toDeviceFrame(pose.transform) : null,
      opening: this.phone || trigger === null ? null : 1 - trigger,
    });
  }
}

// `send` is called with each pose, and with null when the hand has left.
export async function startXr(send) {
  const box = $("xr");
  const missing = whyNot();
  if (missing !== null) { box.replaceChildren(make("p", {}, missing)); return; }
  const state = make("p", { role: "status" }, "");
  const tracker = new Tracker(state, send);
  const modes = [["immersive-ar", "Use this phone"], ["immersive-vr", "Use a headset's controllers"]];
  const supported = await Promise.all(modes.map(([mode]) => navigator.xr.isSessionSupported(mode).catch(() => false)));
  const buttons = modes.filter((_, i) => supported[i]).map(([mode, label]) => make("button", {
    type: "button", onclick: () => tracker.begin(mode).catch((error) => tracker.tell(`It did not start: ${error.message}`)),
  }, label));
  if (buttons.length === 0) tracker.tell("No phone tracking or headset found here. Open this page on the device itself.");
  box.replaceChildren(...buttons, state);
}
