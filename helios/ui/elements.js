// The few things the page does to the DOM. Text is only ever set as text: nothing that a server or a cluster
// names is parsed as markup.

/** An element with a class and children (strings become text). */
export function make(tag, className = "", ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** Set text only where it changed: a steady fleet costs no layout. */
export function say(element, text) {
  const words = String(text);
  if (element.textContent !== words) element.textContent = words;
}

/** Set or remove an attribute only where it changed. */
export function mark(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) {
    element.setAttribute(name, String(value));
  }
}

/** All `data-f` parts beneath an element, by name. */
export function partsOf(root) {
  const parts = {};
  for (const element of root.querySelectorAll("[data-f]")) parts[element.dataset.f] = element;
  return parts;
}

/** Make a parent hold exactly `count` children, made by `build` where missing. */
export function keep(parent, count, build) {
  while (parent.children.length > count) parent.lastElementChild.remove();
  while (parent.children.length < count) parent.append(build());
  return [...parent.children];
}

/** Fill a table's body with rows of text, in place; the first cell of each row is its header. */
export function fill(body, rows) {
  const lines = keep(body, rows.length, () => make("tr"));
  rows.forEach((row, i) => {
    const missing = row.length - lines[i].children.length;
    for (let j = 0; j < missing; j += 1) {
      const first = lines[i].children.length === 0;
      const cell = make(first ? "th" : "td");
      if (first) cell.scope = "row";
      lines[i].append(cell);
    }
    row.forEach((text, j) => say(lines[i].children[j], text));
  });
  return lines;
}

/** Radio buttons that look like one control; calls `picked(value)` on a choice. */
export function choice(box, name, picked) {
  box.addEventListener("change", (event) => picked(event.target.value));
  return (options, value) => {
    const labels = keep(box, options.length, () => {
      const input = make("input");
      input.type = "radio";
      input.name = name;
      return make("label", "", input, make("span"));
    });
    options.forEach(([key, words], i) => {
      const [input, span] = labels[i].children;
      if (input.value !== key) input.value = key;
      if (input.checked !== (key === value)) input.checked = key === value;
      say(span, words);
    });
  };
}

/** What the browser remembers of the reader's choices; forbidden storage is no fault. */
export const memory = {
  get(key) {
    try {
      return localStorage.getItem(`helios-${key}`);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(`helios-${key}`, value);
    } catch {
      // Nothing is lost but the choice.
    }
  },
};
