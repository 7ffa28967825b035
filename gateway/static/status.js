/** `/status`: how the feeds and the gateways are, looked at again and again. */

import { ask } from "./address.js";
import { arrange, make, say } from "./elements.js";
import { ageText } from "./words.js";

// Milliseconds.
const LOOK = 3000;
const PATIENCE = 5000;
const GONE = 30_000;
const FIGURES = {
  "Open streams": "streams",
  "Stops followed": "stops",
  "Events out per second": "sent",
  "Changes in per second": "came",
  "Streams since the start": "opened",
};
const GOOD = { live: "good", stale: "late", down: "late" };

const state = document.getElementById("state");

/** A list of terms whose values are said anew. */
class Figures {
  #values = new Map();

  constructor(list) {
    this.list = list;
  }

  say(name, text) {
    if (!this.#values.has(name)) {
      const value = make("dd");
      this.#values.set(name, value);
      this.list.append(make("div", {}, make("dt", {}, name), value));
    }
    say(this.#values.get(name), text);
  }
}

class FeedCard {
  #name = make("span");
  #status = make("span");
  #facts = new Figures(make("dl"));
  element = make("section", "feed", make("h2", {}, this.#name, this.#status), this.#facts.list);

  draw(feed, since) {
    const agencies = (feed.agencies ?? []).map(({ name }) => name).filter(Boolean);
    say(this.#name, agencies.join(", ") || feed.feed_id);
    say(this.#status, feed.complete ? feed.status : "starting");
    this.#status.className = GOOD[feed.status];
    this.#facts.say("Feed", feed.feed_id);
    this.#facts.say("Data", feed.age === undefined ? "none yet" : `${ageText(feed.age + since)} old`);
    for (const [place, endpoint] of (feed.endpoints ?? []).entries()) {
      const name = feed.endpoints.length > 1 ? `Source ${place + 1}` : "Source";
      this.#facts.say(name, sourceText(endpoint));
    }
    for (const attribution of feed.attributions ?? [])
      if (attribution.organization_name) this.#facts.say("Thanks to", attribution.organization_name);
  }
}

function sourceText({ polls = 0, failures = 0, quality = {} }) {
  const wrong = Object.values(quality).reduce((sum, { count }) => sum + count, 0);
  const good = polls ? `${(100 * (1 - failures / polls)).toFixed(1)} % of ${polls} polls good` : "not polled yet";
  return wrong ? `${good}, ${wrong} findings` : good;
}

const english = new Intl.NumberFormat("en");
const figures = new Figures(document.getElementById("figures"));
const cards = new Map();
const looks = new Map(); // by gateway; whichever answers tells its own counts
let feeds = [];
let heard; // when they were told
let looking;

function take(counts, at) {
  const before = looks.get(counts.gateway);
  const rate = (name) => Math.max(0, (1000 * (counts[name] - before?.[name])) / (at - before?.at)); // or NaN
  looks.set(counts.gateway, { ...counts, at, sent: rate("deliveries"), came: rate("messages") });
  for (const [gateway, look] of looks) if (at - look.at > GONE) looks.delete(gateway);
  for (const [name, member] of Object.entries(FIGURES)) {
    const values = [...looks.values()].map((look) => look[member]).filter(Number.isFinite);
    const sum = values.reduce((one, other) => one + other, 0);
    figures.say(name, values.length ? english.format(sum.toFixed(sum < 10 ? 1 : 0)) : "–");
  }
}

function draw() {
  for (const feed of feeds) {
    if (!cards.has(feed.feed_id)) cards.set(feed.feed_id, new FeedCard());
    cards.get(feed.feed_id).draw(feed, (performance.now() - heard) / 1000);
  }
  arrange(document.getElementById("feeds"), feeds.map((feed) => cards.get(feed.feed_id).element));
}

function tell(kind, text) {
  state.dataset.kind = kind;
  say(state, text);
}

async function look() {
  if (document.hidden || looking) return;
  looking = true;
  const signal = AbortSignal.timeout(PATIENCE);
  try {
    const [told, counts] = await Promise.all([ask("/v1/feeds", signal), ask("/v1/status", signal)]);
    if (!told.feeds || !counts.gateway) throw new Error("No connection.");
    feeds = told.feeds;
    heard = performance.now();
    take(counts, heard);
    tell("good", "Live");
  } catch (error) {
    tell("bad", signal.aborted ? "No answer." : error.message);
  }
  looking = false;
  draw();
}

document.addEventListener("visibilitychange", look);
setInterval(look, LOOK);
look();
