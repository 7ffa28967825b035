/** A board's alerts, most severe first; what stays of them stays as it is, whatever comes beside it. */

import { arrange, make, say } from "./elements.js";
import { inMyLanguage } from "./words.js";

const SEVERITY = { severe: 0, warning: 1 };
const SHOWN = 2; // more than these are folded together
const TURN = 10; // seconds in which four lines can be read twice

const rank = (alert) => SEVERITY[alert.severity] ?? 2;
const kind = (alert) => `alert ${alert.severity ?? ""}`;
const header = (alert) => inMyLanguage(alert.header) || "Alert";

/** For readers, who unfold them. */
export class Alerts {
  element = make("section", { class: "alerts", "aria-label": "Alerts", hidden: true });
  #more = make("details", "more", make("summary"), make("div"));
  #drawn = new Map();

  draw(alerts) {
    const entries = Object.entries(alerts).sort(([, a], [, b]) => rank(a) - rank(b));
    for (const id of this.#drawn.keys()) if (!(id in alerts)) this.#drawn.delete(id);
    // An alert never changes: another text has another id.
    for (const [id, alert] of entries) if (!this.#drawn.has(id)) this.#drawn.set(id, this.write(alert));
    this.element.hidden = !entries.length;
    this.place(entries.map(([id]) => this.#drawn.get(id)));
  }

  place(elements) {
    const rest = elements.length > SHOWN + 1 ? elements.splice(SHOWN) : [];
    const [summary, list] = this.#more.children;
    say(summary, `${rest.length} more alerts`);
    arrange(list, rest);
    arrange(this.element, rest.length ? [...elements, this.#more] : elements);
  }

  write(alert) {
    const text = inMyLanguage(alert.description);
    const url = inMyLanguage(alert.url);
    const link = /^https?:/.test(url) && make("a", { href: url, rel: "noreferrer" }, "More about this");
    const body = [text, link].filter(Boolean).map((part) => make("p", {}, part));
    if (!body.length) return make("p", kind(alert), header(alert));
    return make("details", kind(alert), make("summary", {}, header(alert)), ...body);
  }

  tick() {}
}

/** For a wall: one at a time, and of a long one a page at a time. */
export class Notices extends Alerts {
  #turn;

  write(alert) {
    const text = make("p", {}, inMyLanguage(alert.description));
    return make("div", { class: kind(alert), hidden: true }, make("b", {}, header(alert)), text);
  }

  place(elements) {
    if (elements.length && elements.every(({ hidden }) => hidden)) elements[0].hidden = false;
    arrange(this.element, elements);
  }

  tick(clock) {
    const turn = Math.floor(clock / TURN);
    this.#turn ??= turn;
    const shown = this.element.querySelector("div:not([hidden])");
    if (turn === this.#turn || !shown) return;
    this.#turn = turn;
    const page = shown.scrollTop + shown.clientHeight;
    if (page < shown.scrollHeight - 1) {
      shown.scrollTop = page;
      return;
    }
    shown.hidden = true;
    const next = shown.nextElementSibling ?? this.element.firstElementChild;
    next.hidden = false;
    next.scrollTop = 0;
  }
}
