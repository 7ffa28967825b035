/** Boards on the page. */

import { addressOf } from "./address.js";
import { Alerts } from "./alerts.js";
import { CallRow } from "./call.js";
import { arrange, make, say, sign } from "./elements.js";
import { isFavourite, toggleFavourite } from "./favourites.js";
import { sortedArrivals } from "./stopcast/stopcast.js";
import { ageText, bare, noted, zoneNote } from "./words.js";

const STAR = "M12 3.5l2.6 5.6 6.1.7-4.5 4.2 1.2 6-5.4-3-5.4 3 1.2-6L3.3 9.8l6.1-.7z";
const SHARE = "M12 15V4M8 7.5l4-4 4 4M5 12v8h14v-8";
const OLD = 90; // seconds: data is old then, if the feed says no worse

/** One stop's. */
class BoardView {
  #stopId;
  #brief;
  #heading;
  #about = make("p", "about");
  #freshness = make("p", "freshness");
  #alerts;
  #list = make("ol", "calls");
  #empty = make("p", "empty", "Loading …");
  #rows = new Map();
  #board;

  /** `brief`: so many calls only; `alerts`: how they are shown; `names`: known before. */
  constructor(stopId, { level = 1, brief, controls, alerts = Alerts, names }) {
    const name = names?.get(stopId) ?? bare(stopId);
    this.#stopId = stopId;
    this.#brief = brief;
    this.#alerts = new alerts();
    const id = `board-${stopId}`;
    this.#heading = make(`h${level}`, { id }, brief ? make("a", { href: addressOf([stopId]) }, name) : name);
    const head = make("header", {}, make("div", {}, this.#heading, this.#about), controls && this.#tools());
    this.element = make(
      "article",
      { class: `board ${brief ? "brief" : ""}`, "aria-labelledby": id },
      head,
      this.#freshness,
      brief ? "" : this.#alerts.element,
      this.#list,
      this.#empty,
    );
  }

  get name() {
    return this.#board?.stop.name ?? this.#stopId;
  }

  draw(board) {
    this.#board = board;
    say(this.#brief ? this.#heading.firstChild : this.#heading, this.name);
    this.#alerts.draw(board.alerts);
    this.#drawCalls(board);
    say(this.#empty, "Nothing leaves here in the next two hours.");
  }

  #drawCalls(board) {
    for (const key of this.#rows.keys()) if (!(key in board.arrivals)) this.#rows.delete(key);
    let calls = sortedArrivals(board);
    if (this.#brief) calls = calls.filter(([, call]) => call.status !== "departed" && !call.last).slice(0, this.#brief);
    const rows = calls.map(([key, call]) => {
      const row = this.#rows.get(key) ?? new CallRow();
      this.#rows.set(key, row);
      row.draw(call, board);
      return row.element;
    });
    arrange(this.#list, rows);
    this.#empty.hidden = rows.length > 0;
  }

  /** There is no such board: `detail` says why. */
  miss(detail) {
    this.#rows.clear();
    arrange(this.#list, []);
    this.#empty.hidden = false;
    say(this.#empty, detail);
  }

  /** What changes with time alone. */
  tick(stream) {
    if (!this.#board) return;
    const clock = stream.clock(this.#stopId);
    for (const row of this.#rows.values()) row.tick(clock);
    this.#alerts.tick(clock);
    const { platform_code: platform, code, timezone } = this.#board.stop;
    say(this.#about, noted(platform && `Platform ${platform}`, code && `Stop ${code}`, zoneNote(timezone, clock)));
    const [kind, text] = freshness(stream.feed(this.#stopId), stream.age(this.#stopId));
    this.#freshness.className = `freshness ${kind}`;
    say(this.#freshness, text);
  }

  #tools() {
    const keep = make("button", "tool keep", ...sign(STAR, "Favourite"));
    const told = make("span", { class: "told", role: "status" });
    const share = make("button", "tool", ...sign(SHARE, "Share"));
    keep.setAttribute("aria-pressed", isFavourite(this.#stopId));
    keep.onclick = () => keep.setAttribute("aria-pressed", toggleFavourite(this.#stopId, this.name));
    share.onclick = async () => say(told, await passOn(this.name, new URL(addressOf([this.#stopId]), location.origin)));
    return make("div", "tools", told, keep, share);
  }
}

/** Some, as one stream keeps them. */
export class Boards {
  #stream;
  #views;
  #listening = new AbortController();

  constructor(stream, stopIds, options = { controls: true }) {
    this.#stream = stream;
    this.#views = new Map(stopIds.map((stopId) => [stopId, new BoardView(stopId, options)]));
    const views = [...this.#views.values()];
    this.element = make("div", { class: "boards", "data-count": views.length }, ...views.map((view) => view.element));
    const { signal } = this.#listening;
    stream.addEventListener("board", this.#draw, { signal });
    stream.addEventListener("gone", ({ stopId }) => this.#views.get(stopId)?.miss("There is no such stop."), { signal });
    stream.addEventListener("feed", () => this.tick(), { signal });
    stream.follow(stopIds);
    for (const [stopId, board] of stream.boards) this.#draw({ stopId, board }); // held from before
  }

  get name() {
    return [...this.#views.values()].map((view) => view.name).join(", ");
  }

  tick() {
    for (const view of this.#views.values()) view.tick(this.#stream);
  }

  /** Where there is no board yet, each says why. */
  refuse(detail) {
    if (!this.#stream.boards.size) for (const view of this.#views.values()) view.miss(detail);
  }

  end() {
    this.#listening.abort();
  }

  #draw = ({ stopId, board }) => {
    const view = this.#views.get(stopId);
    view?.draw(board);
    view?.tick(this.#stream);
  };
}

/** `[class, words]`. */
function freshness(feed, age) {
  if (!feed) return ["", ""];
  if (feed.status === "down" || age === undefined) return ["bad", "No live data at the moment: times may be wrong"];
  const old = feed.status === "stale" || age > OLD;
  return [old ? "bad" : "", `${old ? "Predictions are" : "Data"} ${ageText(age)} old`];
}

/** Share an address as this device does; what to tell the rider. */
async function passOn(title, url) {
  url.hash = ""; // a token is nobody else's
  try {
    if (navigator.share) return (await navigator.share({ title, url: url.href })) ?? "";
    await navigator.clipboard.writeText(url.href);
    return "Link copied";
  } catch (error) {
    return error.name === "AbortError" ? "" : url.href;
  }
}
