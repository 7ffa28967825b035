/** A stop that was found, with what serves it and a station's platforms. */

import { addressOf, ask } from "./address.js";
import { badge } from "./badge.js";
import { make } from "./elements.js";
import { bare, noted } from "./words.js";

const REST = 300; // milliseconds until more is asked about a list
const MOST = 5; // badges

/** Routes of the stops in sight: each is a question of its own. */
export class Routes {
  #asked = new Promise((done) => setTimeout(done, REST));
  #signal;
  #sight = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#sight.unobserve(target);
      this.#asked = this.#asked.then(() => this.#fill(target));
    }
  });

  constructor(signal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#sight.disconnect());
  }

  /** An element that shows them, once it is seen. */
  of(stopId) {
    const element = make("p", { class: "routes", "data-stop": stopId });
    this.#sight.observe(element);
    return element;
  }

  async #fill(element) {
    if (this.#signal.aborted) return;
    const path = `/v1/stops/${encodeURIComponent(element.dataset.stop)}`;
    const { routes = {} } = await ask(path, this.#signal).catch(() => ({}));
    const badges = Object.values(routes).map(badge);
    if (badges.length) element.append(make("span", "unseen", "Routes "));
    element.append(...badges.slice(0, MOST).flatMap((each) => [each, " "]));
    if (badges.length > MOST) element.append(`+${badges.length - MOST}`);
  }
}

function distance(metres) {
  if (metres === undefined) return "";
  return metres < 1000 ? `${metres} m` : `${(metres / 1000).toFixed(1)} km`;
}

const link = ({ stop_id: stopId }, ...words) => make("a", { href: addressOf([stopId]) }, ...words);

export function result(stop, routes) {
  const name = stop.name ?? stop.stop_id;
  const kind = stop.location_type === 1 ? "Station" : stop.platform_code && `Platform ${stop.platform_code}`;
  const about = noted(distance(stop.distance), kind, stop.code && `Stop ${stop.code}`);
  const serving = make("div", "serving", routes.of(stop.stop_id));
  const item = make("li", {}, link(stop, make("span", {}, name), make("small", {}, about)), serving);
  const { platforms = [] } = stop;
  if (!platforms.length) return item;
  const list = make("ul", { hidden: true }, ...platforms.map((each) => make("li", {}, link(each, platformName(each, name)))));
  const count = `${platforms.length} platform${platforms.length > 1 ? "s" : ""}`;
  const unfold = make("button", { "aria-expanded": "false" }, count, make("span", "unseen", ` of ${name}`));
  unfold.onclick = () => {
    list.hidden = !list.hidden;
    unfold.setAttribute("aria-expanded", !list.hidden);
  };
  serving.append(unfold);
  item.append(list);
  return item;
}

function platformName({ stop_id: stopId, name, code, platform_code: platform }, station) {
  const own = platform ? `Platform ${platform}` : name !== station && name;
  return noted(own, code && `Stop ${code}`) || bare(stopId);
}
