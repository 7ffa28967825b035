/** The first page: stops by name or nearby, and the favourites with their next calls. */

import { addressOf, ask } from "./address.js";
import { Boards } from "./boards.js";
import { icon, make, say } from "./elements.js";
import { favourites } from "./favourites.js";
import { Routes, result } from "./result.js";

const PAUSE = 150; // milliseconds without a key before a question is asked
const RADII = [800, 3000, 20000]; // metres: the first that finds a stop
const BRIEF = 3;
const PIN = "M12 21c-4-5-6-8-6-11a6 6 0 0 1 12 0c0 3-2 6-6 11zM12 8a2 2 0 1 0 .1 0";

export class Search extends Boards {
  name = "";
  #field = make("input", { id: "query", type: "search", autocomplete: "off", spellcheck: "false", placeholder: "Name or code" });
  #found = make("p", { id: "found", role: "status" });
  #list = make("ul", "stops");
  #more = make("button", { class: "more", hidden: true }, "More stops");
  #question = new AbortController();
  #answer;
  #pause;
  #kept; // the favourites, if there are any

  constructor(stream) {
    const names = new Map(favourites().map((kept) => [kept.stop_id, kept.name]));
    const stopIds = [...names.keys()];
    super(stream, stopIds, { level: 3, brief: BRIEF, names });
    const together = stopIds.length > 1 && make("a", { href: addressOf(stopIds) }, "All on one page");
    const heading = make("div", "heading", make("h2", {}, "Favourites"), together);
    if (stopIds.length) this.#kept = make("section", {}, heading, this.element);
    const near = make("button", { type: "button", class: "near" }, icon(PIN), " Near me");
    const form = make(
      "form",
      { role: "search" },
      make("h1", {}, make("label", { for: "query" }, "Find your stop")),
      make("div", "field", this.#field, navigator.geolocation && isSecureContext && near),
    );
    const found = make("section", { "aria-label": "Stops" }, this.#found, this.#list, this.#more);
    this.element = make("div", "search", form, this.#kept, found);
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

  end() {
    super.end();
    clearTimeout(this.#pause);
    this.#question.abort();
  }

  /** The arrow keys go from the field through the stops. */
  #step(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const places = [this.#field, ...this.#list.querySelectorAll("a:not([hidden] *)")];
    const place = places.indexOf(document.activeElement);
    if (!step || place < 0 || !places[place + step]) return;
    event.preventDefault();
    places[place + step].focus();
  }

  #search() {
    const q = this.#field.value.trim();
    if (this.#kept) this.#kept.hidden = q !== "";
    history.replaceState(null, "", addressOf([], q ? { q } : {}));
    this.#ask({ ...(q && { q }), limit: 30 }, q ? "No stop has that name." : "There are no stops yet.");
  }

  #nearby() {
    say(this.#found, "Looking where you are …");
    const near = async ({ coords }) => {
      // Some ten metres are near enough, and nobody's business beyond.
      const [lat, lon] = [coords.latitude.toFixed(4), coords.longitude.toFixed(4)];
      for (const radius of RADII)
        if (await this.#ask({ lat, lon, radius, limit: 30 }, "There is no stop within 20 km.")) return;
    };
    const fail = async () => {
      await this.#answer; // it says how many
      say(this.#found, "Your browser will not share your location.");
    };
    navigator.geolocation.getCurrentPosition(near, fail, { maximumAge: 60_000, timeout: 15_000 });
  }

  /** Show what is found, in place of what was; how many. */
  #ask(parameters, none) {
    this.#question.abort();
    const { signal } = (this.#question = new AbortController());
    return (this.#answer = this.#load(parameters, { none, signal, routes: new Routes(signal) }));
  }

  /** A page of stops, with a `cursor` behind those that are there; how many then. */
  async #load(parameters, question) {
    const { none, signal, routes } = question;
    try {
      const { stops, next } = await ask(`/v1/stops?${new URLSearchParams(parameters)}`, signal);
      const items = stops.map((stop) => result(stop, routes));
      if (!parameters.cursor) this.#list.replaceChildren();
      this.#list.append(...items);
      if (parameters.cursor) items[0]?.querySelector("a").focus();
      this.#more.hidden = !next;
      this.#more.onclick = () => this.#load({ ...parameters, cursor: next }, question);
      const count = this.#list.childElementCount;
      say(this.#found, count ? `${count}${next ? "+" : ""} ${count === 1 ? "stop" : "stops"}` : none);
      return count;
    } catch (error) {
      if (!signal.aborted) say(this.#found, error.message);
      return 1;
    }
  }
}
