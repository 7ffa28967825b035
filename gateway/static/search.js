/** The first page: find a stop by name or nearby, and the favourites with their next calls. */

import { addressOf, ask } from "./address.js";
import { Boards } from "./boards.js";
import { icon, make, say } from "./elements.js";
import { favourites } from "./favourites.js";

const PAUSE = 150; // milliseconds without a key before a question is asked
const RADII = [800, 3000, 20000]; // metres: the first that finds a stop
const BRIEF = 3;
const PIN = "M12 21c-4-5-6-8-6-11a6 6 0 0 1 12 0c0 3-2 6-6 11zM12 8a2 2 0 1 0 .1 0";

export class Search {
  name = "";
  #field = make("input", { id: "query", type: "search", autocomplete: "off", spellcheck: "false", enterkeyhint: "search", placeholder: "Name or code" });
  #found = make("p", { id: "found", role: "status" });
  #list = make("ul", "stops");
  #more = make("button", { type: "button", class: "more", hidden: true }, "More stops");
  #question = new AbortController();
  #pause;
  #kept;

  constructor(stream) {
    const near = make("button", { type: "button", class: "near" }, icon(PIN), " Near me");
    const form = make(
      "form",
      { role: "search" },
      make("label", { for: "query" }, "Find your stop"),
      make("div", "field", this.#field, navigator.geolocation && isSecureContext ? near : ""),
    );
    this.#kept = this.#favourites(stream);
    this.element = make(
      "div",
      "search",
      make("h1", "unseen", "Live departures"),
      form,
      make("section", { "aria-label": "Stops" }, this.#found, this.#list, this.#more),
    );
    form.after(...(this.#kept ? [this.#kept.section] : []));
    this.#field.value = new URLSearchParams(location.search).get("q") ?? "";
    this.#field.oninput = () => {
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => this.#search(), PAUSE);
    };
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#list.querySelector("a")?.click();
    };
    this.element.onkeydown = (event) => this.#step(event);
    near.onclick = () => this.#nearby();
    this.#search();
  }

  tick() {
    this.#kept?.boards.tick();
  }

  end() {
    clearTimeout(this.#pause);
    this.#question.abort();
    this.#kept?.boards.end();
  }

  #favourites(stream) {
    const stopIds = favourites().map((kept) => kept.stop_id);
    if (!stopIds.length) {
      stream.follow([]);
      return undefined;
    }
    const boards = new Boards(stream, stopIds, { level: 3, brief: BRIEF });
    const together = stopIds.length > 1 ? make("a", { href: addressOf(stopIds) }, "All on one page") : "";
    const heading = make("div", "heading", make("h2", {}, "Favourites"), together);
    return { boards, section: make("section", "kept", heading, boards.element) };
  }

  /** The arrow keys go from the field through the stops. */
  #step(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const places = [this.#field, ...this.#list.querySelectorAll("a")];
    const next = places[places.indexOf(document.activeElement) + step];
    if (!step || !next || !places.includes(document.activeElement)) return;
    event.preventDefault();
    next.focus();
  }

  #search() {
    const q = this.#field.value.trim();
    if (this.#kept) this.#kept.section.hidden = q !== "";
    history.replaceState(history.state, "", addressOf([], q ? { q } : {}));
    return this.#ask({ ...(q && { q }), limit: 30 }, q ? "No stop is called so." : "There are no stops yet.");
  }

  async #nearby() {
    say(this.#found, "Looking where you are …");
    const options = { maximumAge: 60_000, timeout: 15_000 };
    try {
      const { coords } = await new Promise((done, fail) => navigator.geolocation.getCurrentPosition(done, fail, options));
      // Some ten metres are near enough, and nobody's business beyond.
      const [lat, lon] = [coords.latitude.toFixed(4), coords.longitude.toFixed(4)];
      for (const radius of RADII)
        if (await this.#ask({ lat, lon, radius, limit: 30 }, "There is no stop within 20 km.")) return;
    } catch {
      say(this.#found, "Your browser does not tell where you are.");
    }
  }

  /** Show what is found, in place of what was; how many. A question that was overtaken is dropped. */
  async #ask(parameters, none) {
    this.#question.abort();
    const { signal } = (this.#question = new AbortController());
    try {
      const page = await ask(`/v1/stops?${new URLSearchParams(parameters)}`, signal);
      this.#list.replaceChildren();
      this.#show(page, parameters);
      const count = this.#list.childElementCount;
      say(this.#found, count ? `${count}${page.next ? " and more" : ""} ${count === 1 && !page.next ? "stop" : "stops"}` : none);
      return count;
    } catch (error) {
      if (!signal.aborted) say(this.#found, error.message);
      return 1;
    }
  }

  #show({ stops, next }, parameters) {
    // A station's board has its platforms' calls.
    const listed = new Set(stops.map((stop) => stop.stop_id));
    this.#list.append(...stops.filter((stop) => !listed.has(stop.parent_id)).map(result));
    this.#more.hidden = !next;
    this.#more.onclick = async () => this.#show(await ask(`/v1/stops?${new URLSearchParams({ ...parameters, cursor: next })}`), parameters);
  }
}

function result(stop) {
  const kind = stop.location_type === 1 ? "Station" : stop.platform_code && `Platform ${stop.platform_code}`;
  const far = stop.distance === undefined ? undefined : stop.distance < 1000 ? `${stop.distance} m` : `${(stop.distance / 1000).toFixed(1)} km`;
  const notes = [kind, stop.code && `Stop ${stop.code}`].filter(Boolean).join(" · ");
  const link = make("a", { href: addressOf([stop.stop_id]) }, make("span", {}, stop.name ?? stop.stop_id), make("small", {}, [far, notes].filter(Boolean).join(" · ")));
  return make("li", {}, link);
}
