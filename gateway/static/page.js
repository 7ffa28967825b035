/** The page: what its address asks for, and how the connection is. */

import { addressOf, isWall, stopsOfAddress, token } from "./address.js";
import { Boards } from "./boards.js";
import { Connection } from "./connection.js";
import { make, say } from "./elements.js";
import { Search } from "./search.js";
import { BoardStream } from "./stopcast/stopcast.js";
import { Wall } from "./wall.js";

const place = document.getElementById("view");
const state = document.getElementById("state");
const foot = document.getElementById("foot");
const home = document.querySelector(".home");
const wallLink = foot.appendChild(make("a", {}, "Wall display"));
const stream = new BoardStream([], { token });
const connection = new Connection(stream);
let view;

function show() {
  view?.end();
  const stopIds = stopsOfAddress();
  const wall = stopIds.length > 0 && isWall();
  if (!stopIds.length) view = new Search(stream);
  else if (wall) view = new Wall(stream, stopIds);
  else view = new Boards(stream, stopIds, { level: 1, controls: true });
  home.href = addressOf([]);
  place.tabIndex = -1;
  if (wall) {
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

function tick() {
  view.tick();
  const [kind, text] = connection.words;
  state.dataset.kind = kind;
  say(state, text);
  document.title = [view.name, "Stopcast"].filter(Boolean).join(" – ");
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
  if (detail && stream.state === "waiting") view.refuse(detail);
  tick();
});
show();
setInterval(tick, 1000);
