// Live pictures of the cameras. A view is acknowledged when it has been drawn; then comes the next.
import { $, make, setText } from "./dom.js";
import { link } from "./link.js";

const tiles = new Map();
let shown = true;

class Tile {
  constructor(camera, kind) {
    this.camera = camera;
    this.kind = kind;
    this.times = [];
    this.canvas = make("canvas", { role: "img" });
    this.none = make("div", { class: "none" }, "no picture yet");
    this.near = make("span");
    this.far = make("span");
    this.scale = make("div", { class: "scale", hidden: true }, this.near, make("i"), this.far);
    this.fps = make("small", { class: "fps" }, "");
    this.buttons = ["colour", "depth"].map((each) => make("button", { type: "button", onclick: () => this.choose(each) }, each));
    this.element = make("section", { class: "card camera", "data-camera": camera },
      make("h2", {}, camera, make("span", { class: "spacer" }), this.fps, make("div", { class: "toggle", role: "group", "aria-label": `View of ${camera}` }, ...this.buttons)),
      make("div", { class: "screen" }, this.canvas, this.none, this.scale));
    this.mark();
  }

  get view() { return `${this.camera}/${this.kind}`; }

  mark() {
    this.buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(["colour", "depth"][i] === this.kind)));
    this.canvas.setAttribute("aria-label", `${this.kind} picture of ${this.camera}`);
  }

  choose(kind) { this.kind = kind; this.mark(); watch(); }

  async draw(picture) {
    const bitmap = await createImageBitmap(picture.jpeg);
    this.canvas.width = bitmap.width;
    this.canvas.height = bitmap.height;
    this.canvas.getContext("2d").drawImage(bitmap, 0, 0);
    bitmap.close();
    this.none.hidden = true;
    this.scale.hidden = picture.near_m === null;
    if (picture.near_m !== null) { setText(this.near, `${picture.near_m.toFixed(1)} m`); setText(this.far, `${picture.far_m.toFixed(1)} m`); }
    this.count();
  }

  count() {
    const now = performance.now();
    this.times = [...this.times, now].filter((time) => now - time < 2000);
    setText(this.fps, `${(this.times.length / 2).toFixed(0)} Hz`);
  }
}

function watch() {
  const visible = shown && document.visibilityState === "visible";
  link.send("watch", { views: visible ? [...tiles.values()].map((tile) => tile.view) : [] });
}

function arrange(cameras) {
  if (cameras.length === tiles.size && cameras.every((camera) => tiles.has(camera))) return;
  for (const camera of cameras) if (!tiles.has(camera)) tiles.set(camera, new Tile(camera, "colour"));
  for (const camera of [...tiles.keys()]) if (!cameras.includes(camera)) tiles.delete(camera);
  $("cameras").replaceChildren(...[...tiles.values()].map((tile) => tile.element));
  watch();
}

export function showViews(live) { shown = live; watch(); }

export function startViews() {
  link.on("hello", () => setTimeout(watch, 0));
  link.on("status", ({ status }) => arrange(status.cameras));
  link.on("picture", async (picture) => {
    const tile = [...tiles.values()].find((each) => each.view === picture.view);
    try { if (tile !== undefined) await tile.draw(picture); } finally { link.send("shown", { view: picture.view }); }
  });
  document.addEventListener("visibilitychange", watch);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  $("view3d").src = dark ? "/view3d/?darkMode&hideViserLogo" : "/view3d/?hideViserLogo";
}
