/** The connection, as far as a rider should know of it. */

import { refusal } from "./words.js";

const BLIP = 4000; // milliseconds of a lost connection that nobody needs to know of

export class Connection {
  /** Why the gateway refused the connection before, or ended it; undefined where it did not. */
  problem;
  reason;
  #stream;
  #lost = Date.now(); // since when the stream is away, in milliseconds
  #live = false; // until then

  constructor(stream) {
    this.#stream = stream;
  }

  /** When the stream's state has changed. */
  look() {
    const { state, problem, reason } = this.#stream;
    if (state === "live") {
      this.#lost = undefined;
      this.#live = true;
    } else this.#lost ??= Date.now();
    if (state !== "connecting") Object.assign(this, { problem, reason });
  }

  /** When other stops are asked for: those may be there. */
  renew() {
    if (this.#lost === undefined) return;
    this.#lost = Date.now();
    this.#live = false;
    this.problem = this.reason = undefined;
  }

  /** `[class, words]`. */
  get words() {
    const { stops, due } = this.#stream;
    if (!stops.length) return ["", ""];
    if (this.#lost === undefined) return ["good", "Live"];
    if (Date.now() - this.#lost < BLIP && !this.problem) return this.#live ? ["good", "Live"] : ["", "Connecting …"];
    if (!navigator.onLine) return ["bad", "You are offline"];
    return ["bad", refusal(this.problem, this.reason, (due - Date.now()) / 1000) ?? "No connection, trying again"];
  }
}
