/** Elements: made, and changed no more than needed, so that nothing flickers and no focus is lost. */

/** A new element; `attributes` may be its class alone. Text stays text, whatever a feed puts into it. */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  const named = typeof attributes === "string" ? { class: attributes } : (attributes ?? {});
  for (const [name, value] of Object.entries(named)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter(Boolean));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A small drawing beside text that says the same. */
export function icon(path, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "path"));
  svg.firstChild.setAttribute("d", path);
  return svg;
}

/** Drawn for those who see, said to those who do not. */
export function sign(path, words) {
  return [icon(path), make("span", "unseen", words)];
}

/** Text that may also be broken behind a slash, as between two names. */
export function breakable(text) {
  return text.split(/(?<=\/)/).flatMap((part, place) => (place ? [make("wbr"), part] : [part]));
}

export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Only `elements`, in this order, are in `parent` then; what stands right stays. */
export function arrange(parent, elements) {
  const wanted = new Set(elements);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let place = parent.firstElementChild;
  for (const element of elements) {
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
}
