// The running plan with its checks, and the two boxes for words.
import { $, make, setText } from "./dom.js";
import { link } from "./link.js";

const MARKS = { done: "✓", running: "▶", waiting: "·", failed: "✗" };
let drawn = "";

function step({ call, state, reason, checks }) {
  const found = checks.map(([condition, holds]) => make("small", { class: holds ? "" : "no" }, `${holds ? "✓" : "✗"} ${condition}`));
  const why = reason ? [make("small", { class: state === "failed" ? "no" : "" }, reason)] : [];
  return make("li", { "data-state": state }, make("span", { "aria-label": state }, MARKS[state] ?? "·"), make("div", {}, make("code", {}, call), ...found, ...why));
}

function show({ status }) {
  const plan = JSON.stringify(status.plan);
  if (plan !== drawn) { drawn = plan; $("plan").replaceChildren(...status.plan.map(step)); }
  setText($("plan-instruction"), status.instruction);
  for (const field of document.querySelectorAll(".plan input, .plan button")) field.disabled = !link.control;
}

function startForm(form, field, type, name) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const words = field.value.trim();
    if (words !== "" && link.send(type, { [name]: words })) field.value = "";
  });
}

export function startPlan() {
  startForm($("instruct-form"), $("instruct"), "instruct", "instruction");
  startForm($("say-form"), $("say"), "say", "words");
  link.on("status", show);
}
