// Curves over time on a canvas: the tool's position above, the opening below. Measured is drawn
// full, requested dashed.

const SETS = [
  { title: "tool position [m]", share: 0.68, curves: [["x", "tool.x", "requested.x", "--x"], ["y", "tool.y", "requested.y", "--y"], ["z", "tool.z", "requested.z", "--z"]] },
  { title: "opening", share: 0.32, range: [-0.05, 1.05], curves: [["opening", "opening", "requested.opening", "--g"]] },
];
const LEFT = 42;
const RIGHT = 8;
const TOP = 18;
const GAP = 6;
const BOTTOM = 16;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function drawPlot(canvas, curves, row, time_s) {
  const ratio = devicePixelRatio;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (width === 0) return;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  pen.font = "11px system-ui, sans-serif";
  const x = (at_s) => LEFT + (width - LEFT - RIGHT) * at_s / row.duration_s;
  let top = 0;
  for (const set of SETS) {
    const tall = (height - BOTTOM) * set.share;
    if (curves !== null) drawSet(pen, set, curves, x, { top: top + TOP, bottom: top + tall - GAP, right: width - RIGHT });
    top += tall;
  }
  drawTime(pen, row, x, time_s, height, width);
}

function rangeOf(set, curves) {
  if (set.range !== undefined) return set.range;
  const values = set.curves.flatMap(([, measured, requested]) => [...(curves[measured] ?? []), ...(curves[requested] ?? [])]).filter((value) => value !== null);
  if (values.length === 0) return [0, 1];
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  const margin = 0.08 * Math.max(high - low, 0.01);
  return [low - margin, high + margin];
}

function drawSet(pen, set, curves, x, box) {
  const [low, high] = rangeOf(set, curves);
  const y = (value) => box.bottom - (box.bottom - box.top) * (value - low) / (high - low);
  drawGrid(pen, set, y, low, high, box);
  for (const [, measured, requested, name] of set.curves) {
    drawCurve(pen, curves.stamp_s, curves[requested], x, y, colour(name), [4, 4], 0.75);
    drawCurve(pen, curves.stamp_s, curves[measured], x, y, colour(name), [], 1);
  }
  drawLegend(pen, set, box);
}

function drawGrid(pen, set, y, low, high, box) {
  const step = 10 ** Math.floor(Math.log10(high - low)) / ((high - low) / 10 ** Math.floor(Math.log10(high - low)) < 3 ? 2 : 1);
  pen.strokeStyle = colour("--line");
  pen.fillStyle = colour("--quiet");
  pen.lineWidth = 1;
  pen.textAlign = "right";
  for (let value = Math.ceil(low / step) * step; value <= high; value += step) {
    const at = Math.round(y(value)) + 0.5;
    pen.beginPath();
    pen.moveTo(LEFT, at);
    pen.lineTo(box.right, at);
    pen.stroke();
    pen.fillText(value.toFixed(step < 0.1 ? 2 : 1).replace("-0.0", "0.0"), LEFT - 6, at + 4);
  }
}

function drawLegend(pen, set, box) {
  pen.textAlign = "left";
  let at = LEFT;
  const write = (text, style) => { pen.fillStyle = style; pen.fillText(text, at, box.top - 6); at += pen.measureText(text).width + 12; };
  write(set.title, colour("--ink"));
  if (set.curves.length > 1) for (const [label, , , name] of set.curves) write(label, colour(name));
  if (set.curves.length > 1) write("measured ———  requested – – –", colour("--quiet"));
}

function drawCurve(pen, times, values, x, y, style, dash, alpha) {
  if (values === undefined) return;
  pen.save();
  pen.strokeStyle = style;
  pen.globalAlpha = alpha;
  pen.lineWidth = 1.6;
  pen.setLineDash(dash);
  pen.beginPath();
  let down = false;
  for (let i = 0; i < times.length; i += 1) {
    const value = values[i];
    if (value === null) { down = false; continue; }
    if (down) pen.lineTo(x(times[i]), y(value)); else pen.moveTo(x(times[i]), y(value));
    down = true;
  }
  pen.stroke();
  pen.restore();
}

function drawTime(pen, row, x, time_s, height, width) {
  pen.fillStyle = colour("--quiet");
  pen.textAlign = "center";
  const step = [0.5, 1, 2, 5, 10, 30, 60, 300].find((each) => row.duration_s / each <= 12) ?? 600;
  for (let at_s = 0; at_s <= row.duration_s; at_s += step) pen.fillText(`${at_s}`, Math.min(x(at_s), width - 12), height - 3);
  pen.fillStyle = colour("--ink");
  pen.fillRect(x(time_s) - 0.5, 4, 1.5, height - BOTTOM - 4);
  if (row.trim_s === null) return;
  pen.save();
  pen.globalAlpha = 0.16;
  pen.fillStyle = colour("--quiet");
  pen.fillRect(x(0), 4, x(row.trim_s[0]) - x(0), height - BOTTOM - 4);
  pen.fillRect(x(row.trim_s[1]), 4, x(row.duration_s) - x(row.trim_s[1]), height - BOTTOM - 4);
  pen.restore();
}
