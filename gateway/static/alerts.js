/** A board's alerts, folded: what stays stays unfolded, whatever comes beside it. */

import { arrange, make, say } from "./elements.js";
import { inMyLanguage } from "./words.js";

const SEVERITY = { severe: 0, warning: 1 };
const SHOWN = 2; // more than these are folded together

export class Alerts {
  element = make("section", { class: "alerts", "aria-label": "Alerts" });
  #more = make("details", "more", make("summary"), make("div"));
  #drawn = new Map();

  draw(alerts) {
    const entries = Object.entries(alerts).sort(([, a], [, b]) => rank(a) - rank(b));
    for (const id of this.#drawn.keys()) if (!(id in alerts)) this.#drawn.delete(id);
    const elements = entries.map(([id, alert]) => this.#drawn.get(id) ?? this.#make(id, alert));
    const rest = elements.length > SHOWN + 1 ? elements.splice(SHOWN) : [];
    const [summary, list] = this.#more.children;
    say(summary, `${rest.length} more alerts`);
    arrange(list, rest);
    arrange(this.element, rest.length ? [...elements, this.#more] : elements);
    this.element.hidden = !entries.length;
  }

  /** An alert never changes: another text has another id. */
  #make(id, alert) {
    const header = inMyLanguage(alert.header) || "Alert";
    const text = inMyLanguage(alert.description);
    const url = inMyLanguage(alert.url);
    const link = /^https?:/.test(url) ? make("a", { href: url, rel: "noreferrer" }, "More about this") : undefined;
    const kind = `alert ${alert.severity ?? ""}`;
    const body = [text && make("p", {}, text), link && make("p", {}, link)].filter(Boolean);
    const element = body.length
      ? make("details", kind, make("summary", {}, header), ...body)
      : make("p", kind, header);
    this.#drawn.set(id, element);
    return element;
  }
}

const rank = (alert) => SEVERITY[alert.severity] ?? 2;
