/** The page: what its address asks for, and how the connection is. */

import { addressOf, ask, isWall, stopsOfAddress, token } from "./address.js";
import { Boards } from "./boards.js";
import { Connection } from "./connection.js";
import { make, say } from "./elements.js";
import { BoardStream } from "./stopcast/stopcast.js";

const LATER = 10_000; // milliseconds until more is fetched, or tried again

const place = document.getElementById("view");
const state = document.getElementById("state");
const foot = document.getElementById("foot");
const home = document.querySelector(".home");
const wallLink = foot.appendChild(make("a", {}, "Wall display"));
const stream = new BoardStream([], { token });
const connection = new Connection(stream);
const views = { boards: Boards }; // whose module is there
const loads = {
  search: async () => ({ Search: views.search } = await import("./search.js")),
  wall: async () => ({ Wall: views.wall } = await import("./wall.js")),
};
let view;
let awaited; // the name of what is to be shown, while it is fetched

/** Until what the address asks for is there, what was shown stays. */
function show() {
  const stopIds = stopsOfAddress();
  const name = stopIds.length ? (isWall() ? "wall" : "boards") : "search";
  awaited = views[name] ? undefined : name;
  if (!awaited) return draw(name, stopIds);
  loads[name]().then(() => awaited === name && show(), wait);
}

function draw(name, stopIds) {
  view?.end();
  view = new views[name](stream, stopIds);
  home.href = addressOf([]);
  place.tabIndex = -1;
  if (name === "wall") {
    home.removeAttribute("href"); // text, then
    place.removeAttribute("tabindex");
  }
  wallLink.hidden = !stopIds.length;
  wallLink.href = addressOf(stopIds, { display: 1 });
  foot.firstElementChild.hash = location.hash;
  place.replaceChildren(view.element);
  connection.renew();
  tick();
}

/** Browsers remember what they could not fetch: the page begins anew. */
function wait() {
  if (!awaited) return;
  view?.end();
  view = undefined;
  place.replaceChildren(make("p", "empty", "No connection, trying again"));
  setTimeout(() => awaited && ask("/").then(() => location.reload(), wait), LATER * (0.5 + Math.random()));
}

function tick() {
  view?.tick();
  const [kind, text] = connection.words;
  state.dataset.kind = kind;
  say(state, text);
  document.title = [view?.name, "Stopcast"].filter(Boolean).join(" – ");
}

/** Links within the page need no new one. */
function follow(event) {
  const link = event.target.closest?.("a[href]");
  const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plain || link.origin !== location.origin || link.pathname !== "/") return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  show();
  scrollTo(0, 0);
  place.focus({ preventScroll: true });
}

document.addEventListener("click", follow);
addEventListener("popstate", show);
stream.addEventListener("state", () => {
  connection.look();
  const detail = connection.problem?.detail;
  if (detail && stream.state === "waiting") view?.refuse(detail);
  tick();
});
show();
setInterval(tick, 1000);
setTimeout(() => Object.values(loads).forEach((load) => load().catch(() => {})), LATER);
