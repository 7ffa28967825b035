/** The page: what its address asks for, and how the connection is. */

import { addressOf, isWall, stopsOfAddress, token } from "./address.js";
import { Boards } from "./boards.js";
import { make, say } from "./elements.js";
import { Search } from "./search.js";
import { BoardStream } from "./stopcast/stopcast.js";
import { Wall } from "./wall.js";

const BLIP = 4000; // milliseconds of a lost connection that nobody needs to know of

const place = document.getElementById("view");
const state = document.getElementById("state");
const foot = document.getElementById("foot");
const wallLink = foot.appendChild(make("a", {}, "Wall display"));
const stream = new BoardStream([], { token });
let view;
let lost = Date.now(); // since when the stream is away, in milliseconds

function show() {
  view?.end();
  const stopIds = stopsOfAddress();
  if (!stopIds.length) view = new Search(stream);
  else if (isWall()) view = new Wall(stream, stopIds);
  else view = new Boards(stream, stopIds, { level: 1, controls: true });
  wallLink.hidden = !stopIds.length;
  wallLink.href = addressOf(stopIds, { display: 1 });
  place.replaceChildren(view.element);
  tick();
}

function tick() {
  view.tick();
  const [kind, text] = connection();
  state.dataset.kind = kind;
  say(state, text);
  document.title = [view.name, "Stopcast"].filter(Boolean).join(" – ");
}

/** `[class, words]`: what a rider should know of the connection. */
function connection() {
  if (!stream.stops.length) return ["", ""];
  if (lost === undefined) return ["good", "Live"];
  if (Date.now() - lost < BLIP) return stream.heard ? ["good", "Live"] : ["", "Connecting …"];
  return ["bad", "No connection, trying again"];
}

/** Links within the page need no new one. */
function follow(event) {
  const link = event.target.closest?.("a");
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
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
  lost = stream.state === "live" ? undefined : (lost ?? Date.now());
  tick();
});
show();
setInterval(tick, 1000);
