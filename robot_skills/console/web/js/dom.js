// Small helpers for elements. Text is always set as text, never as HTML.

export const $ = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Sets the value of a field unless somebody is typing in it.
export function setField(field, value) {
  if (document.activeElement !== field && field.value !== value) field.value = value;
}

// Whether words go into this element when a key is pressed.
export function takesWords(element) {
  return element instanceof Element && element.matches("input:not([type=range]):not([type=checkbox]), textarea, select");
}

export function clockTime(seconds, digits = 1) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(digits).padStart(digits ? digits + 3 : 2, "0")}`;
}

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) { count /= 1000; at += 1; }
  return `${count.toFixed(count < 10 && at > 0 ? 1 : 0)} ${units[at]}`;
}

// Five stars; `choose` is called with 1 to 5.
export function stars(box, choose) {
  const buttons = [1, 2, 3, 4, 5].map((rating) => make("button", {
    type: "button", role: "radio", "aria-label": `${rating} of 5`, onclick: () => choose(rating),
  }, "★"));
  box.replaceChildren(...buttons);
  return (rating) => buttons.forEach((button, i) => {
    button.classList.toggle("on", rating !== null && i < rating);
    button.setAttribute("aria-checked", String(rating === i + 1));
  });
}
