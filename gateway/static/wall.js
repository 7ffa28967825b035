/** A display on a wall: boards and a clock, nothing to touch, for as long as it hangs there. */

import { Boards } from "./boards.js";
import { make, say } from "./elements.js";
import { clockTime } from "./words.js";

const LOOK = 600_000; // milliseconds between two looks for a new version of the page
const NIGHT = 3; // the hour in which it is taken
const TURN = 8; // seconds that each of several alerts is shown

export class Wall {
  #stream;
  #stopIds;
  #boards;
  #clock = make("time", "clock");
  #looking;
  #version;

  constructor(stream, stopIds) {
    this.#stream = stream;
    this.#stopIds = stopIds;
    this.#boards = new Boards(stream, stopIds, { level: 1 });
    this.element = make("div", "wall", this.#clock, this.#boards.element);
    document.documentElement.classList.add("display");
    this.#looking = setInterval(() => this.#look(), LOOK);
    this.#look();
    this.#stayAwake();
    document.addEventListener("visibilitychange", this.#stayAwake);
  }

  get name() {
    return this.#boards.name;
  }

  tick() {
    this.#boards.tick();
    const board = this.#stream.boards.get(this.#stopIds[0]);
    const seconds = this.#stream.clock(this.#stopIds[0]);
    if (board) say(this.#clock, clockTime(seconds, board.stop.timezone));
    for (const { children } of this.element.getElementsByClassName("alerts"))
      for (const [place, alert] of [...children].entries())
        alert.hidden = place !== Math.floor(seconds / TURN) % children.length;
  }

  end() {
    this.#boards.end();
    clearInterval(this.#looking);
    document.removeEventListener("visibilitychange", this.#stayAwake);
    document.documentElement.classList.remove("display");
  }

  /** Where the browser can, the screen stays on; it forgets when the page was hidden. */
  #stayAwake = () => {
    if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {});
  };

  async #look() {
    const answer = await fetch("/", { method: "HEAD", cache: "no-store" }).catch(() => undefined);
    if (!answer?.ok) return;
    const version = answer.headers.get("ETag");
    this.#version ??= version;
    if (version !== this.#version && new Date().getHours() === NIGHT) location.reload();
  }
}
