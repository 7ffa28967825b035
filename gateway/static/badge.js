/** The badge of a route, in its agency's colours if one can read them. */

import { make } from "./elements.js";

const ENOUGH = 4.5; // WCAG 2.2, 1.4.3: the contrast of text with what is behind it
const HEX = /^[0-9a-f]{6}$/i;

/** Relative luminance of six hexadecimal digits (WCAG 2.2). */
function luminance(hex) {
  const [red, green, blue] = [0, 2, 4].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The agency's text colour where it can be read; else black or white: one always can. */
export function readable(color, textColor) {
  if (HEX.test(textColor) && contrast(color, textColor) >= ENOUGH) return textColor;
  return contrast(color, "000000") >= contrast(color, "ffffff") ? "000000" : "ffffff";
}

export function badge(route = {}) {
  const name = route.short_name ?? route.long_name ?? "–";
  const size = name.length > 5 ? "long" : name.length > 3 ? "middling" : "short";
  const element = make("b", { class: `badge ${size}`, title: route.long_name }, name);
  if (HEX.test(route.color)) {
    element.style.backgroundColor = `#${route.color}`;
    element.style.color = `#${readable(route.color, route.text_color)}`;
  }
  return element;
}
