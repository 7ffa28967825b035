/** Live departure boards from a Stopcast gateway. Types and their meaning: stopcast.d.ts. */

// Milliseconds.
const SILENCE = 40_000; // heartbeats come every 15 s: a connection as quiet as this is dead, unnoticed
const HIDDEN = 60_000; // so long after its page was last seen, a stream is left
const LONGEST_WAIT = 60_000;
const BATCH = 500; // where no id says that a batch is whole
// Seconds. `now` is whole and takes its time: to follow smaller steps would make countdowns jump.
const TOLERANCE = 1.5;

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** JSON Merge Patch (RFC 7396). */
export function mergePatch(target, patch) {
  if (!isObject(patch)) return patch;
  const merged = new Map(isObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) merged.delete(name);
    else merged.set(name, mergePatch(merged.get(name), value));
  }
  return Object.fromEntries(merged);
}

export const effectiveTime = (call) =>
  call.departure ?? call.arrival ?? call.scheduled_departure ?? call.scheduled_arrival ?? call.start ?? 0;

export const sortedArrivals = (board) =>
  Object.entries(board.arrivals).sort(
    ([a, x], [b, y]) => effectiveTime(x) - effectiveTime(y) || (a < b ? -1 : 1),
  );

const feedOf = (stopId) => stopId.slice(0, stopId.indexOf(":"));

/** Server-Sent Events as objects of their fields, each as soon as it is there. */
async function* events(body) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + decoder.decode(value, { stream: true })).split("\n\n");
    text = blocks.pop();
    for (const block of blocks)
      yield Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
  }
}

export class BoardStream extends EventTarget {
  boards = new Map();
  feeds = new Map();
  state = "connecting";
  heard;
  reason;
  problem;
  due;
  #stops;
  #url;
  #token;
  #renew = false; // the token was refused, or is over
  #cursor;
  #offsets = new Map(); // board clock minus this device's, by feed
  #retry = 1000 + 2000 * Math.random(); // until the gateway names one
  #failures = 0; // connections in a row that brought nothing
  #connection = new AbortController();
  #untold = new Map(); // boards as they were told last, of stops that changed
  #telling; // the timer of a batch
  #silence; // the timer that ends a quiet connection
  #hiding; // … and one that nobody looks at
  #away = false;
  #hurried = false;
  #hurry = () => {};

  constructor(stops, { url = globalThis.location?.origin, token } = {}) {
    super();
    this.#stops = [...stops];
    this.#url = url;
    this.#token = token;
    globalThis.addEventListener?.("online", this.#again);
    globalThis.document?.addEventListener("visibilitychange", this.#look);
    this.#look();
    this.#run();
  }

  get stops() {
    return [...this.#stops];
  }

  follow(stops) {
    this.#stops = [...stops];
    for (const stopId of this.boards.keys()) if (!this.#stops.includes(stopId)) this.boards.delete(stopId);
    this.#cursor = undefined; // it would speak of stops that we do not hold
    this.#failures = 0;
    this.#again();
  }

  close() {
    this.#become("closed");
    globalThis.removeEventListener?.("online", this.#again);
    globalThis.document?.removeEventListener("visibilitychange", this.#look);
    clearTimeout(this.#hiding);
    this.#again();
  }

  clock(stopId) {
    return Date.now() / 1000 + (this.#offsets.get(feedOf(stopId)) ?? 0);
  }

  feed(stopId) {
    return this.feeds.get(feedOf(stopId));
  }

  age(stopId) {
    const timestamp = this.feed(stopId)?.timestamp;
    return timestamp ? Math.max(0, this.clock(stopId) - timestamp) : undefined;
  }

  #tell(name, members) {
    this.dispatchEvent(Object.assign(new Event(name), members));
  }

  #become(state) {
    if (this.state === state || this.state === "closed") return;
    this.state = state;
    this.#tell("state", { state });
  }

  /** Leave what is open, and wait for nothing. */
  #again = () => {
    this.#hurried = true;
    this.#connection.abort();
    this.#hurry();
  };

  #look = () => {
    clearTimeout(this.#hiding);
    this.#away = false;
    if (globalThis.document?.hidden) {
      this.#hiding = setTimeout(() => {
        this.#away = true;
        this.#again();
      }, HIDDEN);
    } else if (this.state !== "live" || Date.now() - this.heard > SILENCE) this.#again();
  };

  async #run() {
    while (this.state !== "closed") {
      this.#hurried = false;
      const idle = this.#away || !this.#stops.length;
      const wait = idle ? undefined : await this.#connect();
      if (this.#hurried) continue;
      if (!idle) this.due = Date.now() + wait;
      this.#become(idle ? "paused" : "waiting");
      await this.#pause(wait);
    }
  }

  async #pause(wait) {
    let timer;
    await new Promise((resolve) => {
      this.#hurry = resolve;
      if (wait !== undefined) timer = setTimeout(resolve, wait);
    });
    clearTimeout(timer);
    this.due = undefined;
  }

  /** One connection, from its request to its end; the milliseconds to wait before the next. */
  async #connect() {
    const { signal } = (this.#connection = new AbortController());
    const began = Date.now();
    let least = 0;
    this.#become("connecting");
    this.#watch();
    try {
      const headers = { Accept: "text/event-stream" };
      const asked = fetch(await this.#address(signal), { headers, signal, cache: "no-store" });
      const answer = await asked.finally(() => (this.reason = this.problem = undefined)); // of the one before
      const type = answer.headers.get("Content-Type") ?? "";
      if (!answer.ok || !type.startsWith("text/event-stream")) least = await this.#refused(answer);
      else {
        for await (const event of events(answer.body)) {
          if (signal.aborted) break;
          this.#watch();
          this.#take(event);
        }
      }
    } catch {
      // Cut, left or out of reach: the next connection brings what is missing.
    }
    clearTimeout(this.#silence);
    this.#telling = clearTimeout(this.#telling);
    least *= 1 + Math.random() / 2; // a crowd that was refused comes back spread
    const wait = Math.min(LONGEST_WAIT, this.#retry * 2 ** this.#failures);
    if (!this.#failures++) {
      // The gateway spreads its own `retry`; a token that ended is a reason to wait for nobody.
      return this.#renew && Date.now() - began > wait ? 0 : Math.max(least, wait);
    }
    return Math.max(least, wait * (0.5 + Math.random() / 2));
  }

  #watch() {
    clearTimeout(this.#silence);
    const connection = this.#connection;
    this.#silence = setTimeout(() => connection.abort(), SILENCE);
  }

  async #address(signal) {
    const query = new URLSearchParams(this.#stops.map((stopId) => ["stop", stopId]));
    if (this.#cursor) query.set("last_event_id", this.#cursor);
    const token =
      typeof this.#token !== "function"
        ? this.#token
        : await Promise.race([
            this.#token(this.#renew),
            new Promise((_, reject) => signal.addEventListener("abort", reject)),
          ]);
    if (token) query.set("access_token", token);
    return new URL(`/v1/stream?${query}`, this.#url);
  }

  /** Keeps what was told; the milliseconds before which it is of no use to ask again. */
  async #refused(answer) {
    const { status, headers } = answer;
    const { code, detail } = await answer.json().catch(() => ({}));
    this.problem = { status, code, detail };
    this.#renew = status === 401;
    const passing = status < 400 || status >= 500 || status === 408 || status === 429;
    if (passing || (this.#renew && typeof this.#token === "function"))
      return 1000 * (Number(headers.get("Retry-After")) || 0);
    return LONGEST_WAIT;
  }

  #take({ event: name, data, id, retry }) {
    if (retry) this.#retry = Number(retry);
    if (!name) return;
    const told = JSON.parse(data);
    if (name === "goodbye") {
      this.reason = told.reason;
      this.#renew = told.reason === "token_expired";
      return;
    }
    this.heard = Date.now();
    this.#failures = 0;
    this.#renew = false;
    if (id) this.#cursor = id; // before anybody is told, who may follow other stops then
    this.#become("live");
    if (name === "feed") this.#hear(told.feed_id, told);
    else if (name === "heartbeat") for (const feed of Object.entries(told.feeds)) this.#hear(...feed);
    else if (name === "gone") {
      this.boards.delete(told.stop_id);
      this.#tell("gone", { stopId: told.stop_id });
    } else if (name === "snapshot" || name === "patch") this.#change(name, told);
    if (id) this.#show();
  }

  #hear(feedId, { status, timestamp, now }) {
    this.feeds.set(feedId, { status, timestamp, now });
    const offset = now + 0.5 - this.heard / 1000; // `now` is cut to whole seconds
    if (!(Math.abs(offset - this.#offsets.get(feedId)) < TOLERANCE)) this.#offsets.set(feedId, offset);
    this.#tell("feed", { feedId });
  }

  #change(name, told) {
    const stopId = told.stop_id;
    const before = this.boards.get(stopId);
    this.boards.set(stopId, name === "snapshot" ? told : mergePatch(before, told));
    if (!this.#untold.has(stopId)) this.#untold.set(stopId, before);
    this.#telling ??= setTimeout(this.#show, BATCH);
  }

  /** A batch begins with older boards: what its last event, which has an id, makes of them is told. */
  #show = () => {
    this.#telling = clearTimeout(this.#telling);
    const untold = this.#untold;
    this.#untold = new Map();
    for (const [stopId, before] of untold) {
      const board = this.boards.get(stopId);
      if (board) this.#tell("board", { stopId, board, before });
    }
  };
}
