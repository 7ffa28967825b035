/** Some boards, as one stream keeps them. */

import { BoardView } from "./board.js";
import { make } from "./elements.js";

export class Boards {
  #stream;
  #views;
  #listening = new AbortController();

  constructor(stream, stopIds, options) {
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
