// Short messages in the corner.
import { $, make } from "./dom.js";
import { link } from "./link.js";

const STAYS_MS = { info: 4000, warning: 7000, error: 10000 };
const MOST = 4;
let newest = null;

export function toast(text, level = "info") {
  const last = $("toasts").lastElementChild;
  if (last !== null && last.textContent === text) return;
  const element = make("div", { class: "toast", "data-level": level }, text);
  $("toasts").append(element);
  while ($("toasts").childElementCount > MOST) $("toasts").firstElementChild.remove();
  setTimeout(() => element.remove(), STAYS_MS[level]);
}

export function startToasts() {
  link.on("refused", (message) => toast(message.why, "error"));
  link.on("status", ({ status }) => {
    for (const notice of status.notices) {
      if (newest !== null && notice.number > newest) toast(notice.text, notice.level);
    }
    newest = Math.max(newest ?? 0, ...status.notices.map((notice) => notice.number));
  });
}
