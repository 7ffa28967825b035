/** A call as a row of a board. */

import { badge } from "./badge.js";
import { breakable, icon, make, say, sign } from "./elements.js";
import { effectiveTime } from "./stopcast/stopcast.js";
import { clockTime, countdown, isOff, notes, occupancy, overtaken, punctuality } from "./words.js";

const WAVES = "M5 19a1 1 0 1 0 0-.1M5 12a7 7 0 0 1 7 7M5 5a14 14 0 0 1 14 14";
const WARNING = "M12 3 2 20h20zM12 10v5M12 17.5v.5";
const WHEELCHAIR = "M10 4.5v7h5l3 6M10 8h4M8 11a5 5 0 1 0 6 6";

const span = (name, ...children) => make("span", name, ...children);
/** What goes to the next line together. */
const group = (name, parts) => span(name, ...parts.filter(Boolean).flatMap((part) => [part, " "]));

export class CallRow {
  element = make("li");
  #figure = span("figure");
  #unit = span("unit");
  #call;
  #board;

  /** Show the call; where nothing of it is new, nothing is touched. */
  draw(call, board) {
    const route = board.routes[call.route_id];
    const before = this.#board;
    const same = call === this.#call && route === before.routes[call.route_id] && board.stop === before.stop;
    this.#call = call;
    this.#board = board;
    if (same) return;
    this.element.className = `call ${call.status}${isOff(call) ? " off" : ""}${call.last ? " last" : ""}`;
    this.element.replaceChildren(
      badge(route),
      make("div", "what", span("headsign", ...breakable(call.headsign ?? "")), this.#details()),
      make("div", "when", this.#countdown(), this.#punctuality()),
    );
  }

  tick(clock) {
    const [figure, unit] = countdown(this.#call, clock);
    say(this.#figure, figure);
    say(this.#unit, unit);
  }

  #countdown() {
    const live = this.#call.status === "predicted" ? icon(WAVES, "icon waves") : undefined;
    return span("countdown", this.#figure, this.#unit, live);
  }

  #punctuality() {
    const [kind, words] = punctuality(this.#call) ?? [];
    return kind && span(`punctuality ${kind}`, words);
  }

  #details() {
    const call = this.#call;
    const place = call.platform_code && span("platform", `Platform ${call.platform_code}`);
    const signs = group("part", [
      call.wheelchair_accessible && span("access", ...sign(WHEELCHAIR, "wheelchair accessible")),
      call.alerts?.length && span("warned", ...sign(WARNING, "see the alerts")),
    ]);
    const [level, words] = occupancy(call) ?? [];
    const seats = make("i", { class: "seats", "aria-hidden": "true" });
    seats.style.setProperty("--full", level);
    const vehicle = group("part", [
      ...notes(call).map((note) => span("note", note)),
      words && call.status !== "departed" && span("occupancy", seats, make("span", {}, words)),
    ]);
    return group("details", [this.#times(), place, signs, vehicle]);
  }

  #times() {
    const call = this.#call;
    const zone = this.#board.stop.timezone;
    if (call.headway) return span("time", `${clockTime(call.start, zone)} – ${clockTime(call.end, zone)}`);
    const planned = overtaken(call);
    const time = make("time", {}, clockTime(effectiveTime(call), zone));
    return span("time", planned && make("s", {}, clockTime(planned, zone)), planned && " ", time);
  }
}
