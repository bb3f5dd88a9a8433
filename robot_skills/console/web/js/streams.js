// Health of the streams, the devices, and the control loop.
import { $, make, setText } from "./dom.js";
import { link } from "./link.js";

const SLOW = 0.9;
const LATE_MS = 5;

// A number that is not finite comes as null.
const fixed = (value, digits) => (value === null ? "–" : value.toFixed(digits));
const ms = (seconds) => (seconds === null ? "–" : seconds < 1 ? `${(1000 * seconds).toFixed(0)} ms` : `${seconds.toFixed(1)} s`);

function count(value, level) {
  return make("td", { class: value === 0 ? "zero" : level }, String(value));
}

function row(stream) {
  const slow = stream.expected_hz !== null && stream.rate_hz < SLOW * stream.expected_hz;
  const level = !stream.live ? "bad" : slow ? "warn" : "";
  const rate = stream.expected_hz === null ? fixed(stream.rate_hz, 0) : `${fixed(stream.rate_hz, stream.expected_hz < 100 ? 1 : 0)} / ${stream.expected_hz.toFixed(0)}`;
  return make("tr", {},
    make("th", { scope: "row", class: stream.live ? "" : "bad" }, stream.name),
    make("td", { class: level }, stream.live ? rate : "stalled"),
    make("td", { class: stream.live ? "" : "bad" }, ms(stream.age_s)), make("td", {}, ms(stream.latency_s)),
    count(stream.dropped, "warn"), count(stream.repeated, "warn"), count(stream.late, "warn"), count(stream.out_of_order, "bad"), count(stream.lost, "bad"));
}

function show({ status }) {
  $("streams").replaceChildren(...status.streams.map(row));
  const ill = status.streams.filter((stream) => !stream.live || (stream.expected_hz !== null && stream.rate_hz < SLOW * stream.expected_hz)).length;
  setText($("streams-summary"), ill === 0 ? "all well" : `${ill} of ${status.streams.length} ill`);
  setText($("control"), status.control_hz > 0 ? `control ${fixed(status.control_hz, 0)} Hz · p99 ${fixed(status.control_p99_ms, 1)} ms late` : "no control loop");
  $("control").classList.toggle("warn", status.control_p99_ms > LATE_MS);
  $("devices").replaceChildren(...Object.entries(status.devices).map(([name, engaged]) =>
    make("span", { class: "chip", "data-state": engaged ? "busy" : "off" }, `${name}${engaged ? " engaged" : ""}`)));
}

export function startStreams() { link.on("status", show); }
