/** A display on a wall: boards and a clock, nothing to touch. */

import { Notices } from "./alerts.js";
import { Boards } from "./boards.js";
import { make, say } from "./elements.js";
import { clockTime } from "./words.js";

const LOOK = 600_000; // milliseconds between two looks for a new version of the page
const NIGHT = 3; // the hour in which it is taken

export class Wall extends Boards {
  #stream;
  #stopId;
  #clock = make("time", "clock");
  #looking = setInterval(() => this.#look(), LOOK);
  #version;

  constructor(stream, stopIds) {
    super(stream, stopIds, { alerts: Notices });
    this.#stream = stream;
    this.#stopId = stopIds[0];
    this.element = make("div", "wall", this.#clock, this.element);
    document.documentElement.classList.add("display");
    this.#look();
    this.#stayAwake();
    document.addEventListener("visibilitychange", this.#stayAwake);
  }

  tick() {
    super.tick();
    const board = this.#stream.boards.get(this.#stopId);
    if (board) say(this.#clock, clockTime(this.#stream.clock(this.#stopId), board.stop.timezone));
  }

  end() {
    super.end();
    clearInterval(this.#looking);
    document.removeEventListener("visibilitychange", this.#stayAwake);
    document.documentElement.classList.remove("display");
  }

  /** The screen stays on, where it can; it forgets when the page was hidden. */
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
