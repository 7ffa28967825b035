/** `/status`: how the feeds and this gateway are, looked at again and again. */

import { ask } from "./address.js";
import { arrange, make, say } from "./elements.js";
import { ageText } from "./words.js";

const LOOK = 3000; // milliseconds
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

  draw(feed) {
    const agencies = (feed.agencies ?? []).map((agency) => agency.name ?? agency.agency_name).filter(Boolean);
    say(this.#name, agencies.join(", ") || feed.feed_id);
    say(this.#status, feed.complete ? feed.status : "starting");
    this.#status.className = GOOD[feed.status];
    this.#facts.say("Feed", feed.feed_id);
    this.#facts.say("Data", feed.age === undefined ? "none yet" : `${ageText(feed.age)} old`);
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

const whole = new Intl.NumberFormat("en");
const figures = new Figures(document.getElementById("figures"));
const cards = new Map();
let before; // the counts of the look before, and when that was

function draw({ feeds }, told) {
  const counts = { ...told, at: performance.now() / 1000 };
  const rate = (name) =>
    before ? whole.format(Math.max(0, Math.round((counts[name] - before[name]) / (counts.at - before.at)))) : "–";
  figures.say("Open streams", whole.format(counts.streams));
  figures.say("Stops followed", whole.format(counts.stops));
  figures.say("Events out per second", rate("deliveries"));
  figures.say("Changes in per second", rate("messages"));
  figures.say("Streams since the start", whole.format(counts.opened));
  before = counts;
  for (const feed of feeds) {
    if (!cards.has(feed.feed_id)) cards.set(feed.feed_id, new FeedCard());
    cards.get(feed.feed_id).draw(feed);
  }
  arrange(document.getElementById("feeds"), feeds.map((feed) => cards.get(feed.feed_id).element));
}

async function look() {
  if (document.hidden) return;
  try {
    draw(...(await Promise.all([ask("/v1/feeds"), ask("/v1/status")])));
    state.dataset.kind = "good";
    say(state, "Live");
  } catch (error) {
    state.dataset.kind = "bad";
    say(state, error.message);
  }
}

document.addEventListener("visibilitychange", look);
setInterval(look, LOOK);
look();
