// The client module against a gateway that a test plays, by a clock that it moves: node --test.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { BoardStream, effectiveTime, mergePatch, sortedArrivals } from "../../../gateway/static/stopcast/stopcast.js";

const START = 1_700_000_000_000; // milliseconds
const encoder = new TextEncoder();
const event = (name, data, id) => `${id ? `id: ${id}\n` : ""}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
const board = (stopId, version, arrivals = {}) => ({ stop_id: stopId, version, stop: {}, routes: {}, arrivals, alerts: {} });
const feed = (now = START / 1000, rest = {}) => ({ feed_id: "demo", status: "live", timestamp: now - 7, now, ...rest });

/** The requests of a stream; each answers with what a test writes into it. */
class Gateway {
  requests = [];
  answers = []; // in place of a stream, in the order in which they are used up

  fetch = async (url, { signal }) => {
    const request = { url: new URL(url), query: new URL(url).searchParams, signal, at: Date.now() };
    this.requests.push(request);
    const answer = this.answers.shift();
    if (answer) return answer();
    const body = new ReadableStream({ start: (controller) => (request.controller = controller) });
    signal.addEventListener("abort", () => request.controller.error(signal.reason));
    return new Response(body, { headers: { "Content-Type": "text/event-stream; charset=utf-8" } });
  };

  get last() {
    return this.requests.at(-1);
  }

  async send(...texts) {
    for (const text of texts) this.last.controller.enqueue(typeof text === "string" ? encoder.encode(text) : text);
    await turn();
  }

  async end() {
    this.last.controller.close();
    await turn();
  }
}

/** Until all that can happen without time has happened. */
const turn = async () => {
  for (let count = 0; count < 20; count++) await new Promise(setImmediate);
};

const pass = async (milliseconds) => {
  mock.timers.tick(milliseconds);
  await turn();
};

/** Chance that is the same each time (xorshift32). */
const seeded = (state) => () => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) / 2 ** 32;
};

let gateway;
let stream;

async function follow(stops = ["demo:a"], options = {}) {
  stream = new BoardStream(stops, { url: "http://gateway", ...options });
  await turn();
  return stream;
}

const problem = (status, headers = {}) => () => Response.json({ code: "some_code", detail: "Why." }, { status, headers });
const unreachable = () => Promise.reject(new TypeError("fetch failed"));

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: START });
  mock.method(Math, "random", () => 0.5);
  gateway = new Gateway();
  mock.method(globalThis, "fetch", gateway.fetch);
});

afterEach(async () => {
  stream?.close();
  stream = undefined;
  delete globalThis.document;
  await turn();
  mock.timers.reset();
  mock.restoreAll();
});

test("snapshots and patches make boards, and what did not change is shared", async () => {
  await follow(["demo:a", "demo:b"]);
  assert.deepEqual(gateway.last.query.getAll("stop"), ["demo:a", "demo:b"]);
  const told = [];
  stream.addEventListener("board", ({ stopId, board: { version }, before }) => told.push([stopId, version, before?.version]));
  await gateway.send(event("snapshot", board("demo:a", 1, { x: { departure: 1 }, y: { departure: 2 } }), "1"));
  const before = stream.boards.get("demo:a");
  await gateway.send(event("patch", { stop_id: "demo:a", version: 2, arrivals: { x: null, z: { departure: 3 } } }, "2"));
  const after = stream.boards.get("demo:a");
  assert.deepEqual(after, board("demo:a", 2, { y: { departure: 2 }, z: { departure: 3 } }));
  assert.equal(after.arrivals.y, before.arrivals.y);
  assert.deepEqual(Object.keys(before.arrivals), ["x", "y"]);
  assert.deepEqual(told, [["demo:a", 1, undefined], ["demo:a", 2, 1]]);
  await gateway.send(event("gone", { stop_id: "demo:a" }));
  assert.equal(stream.boards.size, 0);
});

test("events may come in any pieces, cut within letters too, and unknown ones are ignored", async () => {
  await follow();
  const text = `retry: 5000\n\n: a comment\n\n${event("new_thing", { a: 1 })}${event("snapshot", board("demo:a", 1, { "é→😀": { headsign: "Zürich: Höngg" } }), "1")}`;
  for (const byte of encoder.encode(text)) await gateway.send(Uint8Array.of(byte));
  assert.deepEqual(stream.boards.get("demo:a").arrivals, { "é→😀": { headsign: "Zürich: Höngg" } });
});

test("a patch with a key that means something to JavaScript is only a patch", () => {
  const patched = mergePatch({}, JSON.parse('{"__proto__": {"a": 1}}'));
  assert.deepEqual(Object.keys(patched), ["__proto__"]);
  assert.equal({}.a, undefined);
});

test("after a cut it comes back when the gateway asked for it, with its cursor", async () => {
  await follow();
  await gateway.send("retry: 3000\n\n", event("feed", feed()), event("snapshot", board("demo:a", 1), "71"));
  assert.equal(stream.state, "live");
  await gateway.end();
  assert.equal(stream.state, "waiting");
  await pass(2999);
  assert.equal(gateway.requests.length, 1);
  await pass(1);
  assert.equal(gateway.last.query.get("last_event_id"), "71");
  await gateway.send(event("feed", feed()));
  assert.equal(stream.state, "live");
  assert.equal(stream.boards.get("demo:a").version, 1);
});

test("a batch of snapshots that is cut before its last one is asked for again", async () => {
  await follow(["demo:a", "demo:b"]);
  await gateway.send("retry: 10\n\n", event("snapshot", board("demo:a", 1)));
  await gateway.end();
  await pass(10);
  assert.equal(gateway.last.query.get("last_event_id"), null);
});

test("of a batch, which begins with older boards, only the outcome is told", async () => {
  await follow(["demo:a", "demo:b"]);
  const told = [];
  stream.addEventListener("board", ({ stopId, board: { version }, before }) => told.push([stopId, version, before?.version]));
  await gateway.send(event("snapshot", board("demo:a", 1)), event("patch", { stop_id: "demo:a", version: 2 }));
  await gateway.send(event("snapshot", board("demo:b", 3)));
  assert.deepEqual(told, []);
  await gateway.send(event("patch", { stop_id: "demo:b", version: 4 }, "4"));
  assert.deepEqual(told, [["demo:a", 2, undefined], ["demo:b", 4, undefined]]);
  await gateway.send(event("patch", { stop_id: "demo:a", version: 5 }), event("patch", { stop_id: "demo:a", version: 6 }, "6"));
  assert.deepEqual(told.slice(2), [["demo:a", 6, 2]]);
});

test("while the gateway gives no ids, boards are told after a moment", async () => {
  await follow();
  const told = [];
  stream.addEventListener("board", ({ board: { version } }) => told.push(version));
  await gateway.send(event("snapshot", board("demo:a", 1)), event("patch", { stop_id: "demo:a", version: 2 }));
  await pass(499);
  assert.deepEqual(told, []);
  await pass(1);
  assert.deepEqual(told, [2]);
  await gateway.send(event("snapshot", board("demo:a", 1)));
  await gateway.end(); // in the middle of a batch, it seems
  await pass(1999);
  assert.deepEqual(told, [2]);
  await pass(1);
  await gateway.send(event("snapshot", board("demo:a", 3), "3"));
  assert.deepEqual(told, [2, 3]);
});

test("out of reach, it waits ever longer, up to a minute, and spread by chance", async () => {
  gateway.answers = Array(9).fill(unreachable);
  await follow();
  for (let count = 0; count < 600; count++) await pass(500);
  const waits = gateway.requests.slice(1).map((request, index) => request.at - gateway.requests[index].at);
  // 2 s doubled again and again, three quarters of it by this chance, and never more than of a minute.
  assert.deepEqual(waits.slice(0, 8), [2000, 3000, 6000, 12_000, 24_000, 45_000, 45_000, 45_000]);
});

test("once it was heard again, the waits begin anew", async () => {
  gateway.answers = [unreachable, unreachable, unreachable];
  await follow();
  for (const wait of [2000, 3000, 6000]) await pass(wait);
  await gateway.send("retry: 1000\n\n", event("feed", feed()));
  await gateway.end();
  await pass(1000);
  assert.equal(gateway.requests.length, 5);
});

test("a connection without any event for 40 s is left", async () => {
  await follow();
  await gateway.send("retry: 1000\n\n", event("feed", feed()));
  const { signal } = gateway.last;
  await pass(39_999);
  await gateway.send(event("heartbeat", { feeds: { demo: feed() } }));
  await pass(39_999);
  assert.equal(signal.aborted, false);
  await pass(1);
  assert.equal(signal.aborted, true);
  assert.equal(stream.state, "waiting");
  await pass(1000);
  assert.equal(gateway.requests.length, 2);
});

test("a request that is never answered is left, too", async () => {
  gateway.answers = [() => new Promise(() => {})];
  mock.method(globalThis, "fetch", (url, { signal }) =>
    Promise.race([gateway.fetch(url, { signal }), new Promise((_, reject) => signal.addEventListener("abort", reject))]));
  await follow();
  await pass(40_000);
  await pass(2000);
  assert.equal(gateway.requests.length, 2);
});

test("what is refused for good is told, and tried after a minute to one and a half", async () => {
  gateway.answers = [problem(404), problem(404)];
  await follow();
  assert.deepEqual(stream.problem, { status: 404, code: "some_code", detail: "Why." });
  assert.equal(stream.state, "waiting");
  await pass(74_999);
  assert.equal(gateway.requests.length, 1);
  await pass(1);
  await pass(75_000);
  await gateway.send(event("feed", feed()));
  assert.equal(gateway.requests.length, 3);
  assert.equal(stream.problem, undefined);
});

test("who was refused with others comes back by chance, never before its Retry-After", async () => {
  const crowd = 200;
  for (const [status, headers, least] of [[429, { "Retry-After": "17" }, 17_000], [503, { "Retry-After": "5" }, 5000], [404, {}, 60_000]]) {
    mock.method(Math, "random", seeded(status));
    gateway.answers = Array(crowd).fill(problem(status, headers));
    gateway.requests = [];
    const streams = Array.from({ length: crowd }, () => new BoardStream(["demo:a"], { url: "http://gateway" }));
    await turn();
    await pass(least - 1);
    assert.equal(gateway.requests.length, crowd);
    for (let tenth = 0; tenth < 10; tenth++) {
      const before = gateway.requests.length;
      await pass(least / 20);
      const back = gateway.requests.length - before;
      assert.ok(back > 0 && back < crowd / 5, `${back} of ${crowd} in the same tenth`);
    }
    await pass(1);
    assert.equal(gateway.requests.length, 2 * crowd);
    for (const each of streams) each.close();
    await turn();
  }
});

test("it says when it tries again, and of what the last connection met only", async () => {
  gateway.answers = [problem(503, { "Retry-After": "10" }), undefined, unreachable];
  await follow();
  assert.equal(stream.problem.status, 503);
  assert.equal(stream.due, Date.now() + 12_500);
  await pass(12_500);
  assert.equal(stream.due, undefined);
  await gateway.send("retry: 5000\n\n", event("goodbye", { reason: "overloaded" }));
  await gateway.end();
  assert.deepEqual([stream.problem, stream.reason], [undefined, "overloaded"]);
  await pass(stream.due - Date.now());
  assert.equal(gateway.requests.length, 3);
  assert.deepEqual([stream.state, stream.reason], ["waiting", undefined]);
});

test("a page of somebody else's that answers with 200 is no stream", async () => {
  gateway.answers = [() => new Response("<html>Welcome to our Wi-Fi", { headers: { "Content-Type": "text/html" } })];
  await follow();
  assert.equal(stream.state, "waiting");
  await pass(2000);
  assert.equal(gateway.requests.length, 2);
});

test("a gateway that says goodbye at once is asked ever later", async () => {
  await follow();
  for (const [count, wait] of [2000, 3000, 6000].entries()) {
    await gateway.send("retry: 2000\n\n", event("goodbye", { reason: "overloaded" }));
    await gateway.end();
    assert.equal(stream.reason, "overloaded");
    await pass(wait - 1);
    assert.equal(gateway.requests.length, count + 1);
    await pass(1);
    assert.equal(gateway.requests.length, count + 2);
  }
});

test("when its token ends it brings a new one at once, and resumes", async () => {
  const asked = [];
  await follow(["demo:a"], { token: async (renew) => `token-${asked.push(renew)}` });
  assert.equal(gateway.last.query.get("access_token"), "token-1");
  await gateway.send("retry: 2000\n\n", event("snapshot", board("demo:a", 1), "71"));
  await pass(3000);
  await gateway.send("retry: 2000\n\n", event("goodbye", { reason: "token_expired" }));
  await gateway.end();
  await pass(0);
  assert.equal(gateway.last.query.get("access_token"), "token-2");
  assert.equal(gateway.last.query.get("last_event_id"), "71");
  assert.deepEqual(asked, [false, true]);
});

test("a gateway that ends each token at once is not asked without a pause", async () => {
  await follow(["demo:a"], { token: () => "t" });
  await gateway.send("retry: 2000\n\n", event("feed", feed()), event("goodbye", { reason: "token_expired" }));
  await gateway.end();
  assert.equal(gateway.requests.length, 1);
  await pass(2000);
  assert.equal(gateway.requests.length, 2);
});

test("a refused token is asked for anew; one that cannot be had anew, after more than a minute", async () => {
  gateway.answers = [problem(401)];
  const asked = [];
  await follow(["demo:a"], { token: (renew) => `token-${asked.push(renew)}` });
  await pass(2000);
  assert.deepEqual(asked, [false, true]);
  stream.close();
  gateway.answers = [problem(401)];
  await follow(["demo:a"], { token: "fixed" });
  const before = gateway.requests.length;
  await pass(74_999);
  assert.equal(gateway.requests.length, before);
  await pass(1);
  assert.equal(gateway.requests.length, before + 1);
});

test("a token that never comes holds up one try only", async () => {
  let count = 0;
  await follow(["demo:a"], { token: () => (count++ ? "t" : new Promise(() => {})) });
  await pass(40_000);
  await pass(2000);
  assert.equal(gateway.last.query.get("access_token"), "t");
});

test("other stops: at once, without a cursor, and the boards of those that stay are kept", async () => {
  await follow(["demo:a", "demo:b"]);
  await gateway.send(event("snapshot", board("demo:a", 1)), event("snapshot", board("demo:b", 1), "71"));
  const [{ signal }] = gateway.requests;
  stream.follow(["demo:b", "demo:c"]);
  await turn();
  assert.equal(signal.aborted, true);
  assert.deepEqual(gateway.last.query.getAll("stop"), ["demo:b", "demo:c"]);
  assert.equal(gateway.last.query.get("last_event_id"), null);
  assert.deepEqual([...stream.boards.keys()], ["demo:b"]);
});

test("who follows other stops when told of a board takes no cursor along", async () => {
  await follow();
  stream.addEventListener("board", () => stream.follow(["demo:b"]), { once: true });
  await gateway.send(event("snapshot", board("demo:a", 1), "71") + event("snapshot", board("demo:a", 2), "72"));
  assert.equal(gateway.last.query.get("last_event_id"), null);
  assert.deepEqual([...stream.boards.keys()], [], "the rest of the old connection is not of interest");
});

test("without stops nothing is asked for", async () => {
  await follow([]);
  assert.equal(stream.state, "paused");
  assert.equal(gateway.requests.length, 0);
  stream.follow(["demo:a"]);
  await turn();
  assert.equal(gateway.requests.length, 1);
});

test("the board clock is the gateway's, and small steps of it are none", async () => {
  await follow();
  await gateway.send(event("feed", feed(1_000_000)));
  assert.equal(stream.clock("demo:a"), 1_000_000.5);
  assert.equal(stream.age("demo:a"), 7.5);
  await pass(10_000);
  assert.equal(stream.clock("demo:b"), 1_000_010.5);
  await gateway.send(event("heartbeat", { feeds: { demo: feed(1_000_009) } }));
  assert.equal(stream.clock("demo:a"), 1_000_010.5);
  await gateway.send(event("heartbeat", { feeds: { demo: feed(1_000_100, { status: "stale" }) } }));
  assert.equal(stream.clock("demo:a"), 1_000_100.5);
  assert.equal(stream.feed("demo:a").status, "stale");
  assert.equal(stream.age("metro:a"), undefined);
});

test("a hidden page leaves after a minute, and is back as soon as it is seen", async () => {
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  const hide = async (hidden) => {
    document.hidden = hidden;
    document.dispatchEvent(new Event("visibilitychange"));
    await turn();
  };
  await follow();
  await gateway.send(event("snapshot", board("demo:a", 1), "71"));
  await hide(true);
  await pass(30_000);
  await hide(false);
  await gateway.send(event("heartbeat", { feeds: {} }));
  await hide(true);
  await pass(30_000);
  await gateway.send(event("heartbeat", { feeds: {} }));
  assert.equal(stream.state, "live", "looked at in between");
  await pass(30_000);
  assert.equal(stream.state, "paused");
  assert.equal(gateway.last.signal.aborted, true);
  await pass(3_600_000);
  assert.equal(gateway.requests.length, 1);
  await hide(false);
  assert.equal(gateway.requests.length, 2);
  assert.equal(gateway.last.query.get("last_event_id"), "71");
});

test("who looks again while it waits, does not wait", async () => {
  globalThis.document = Object.assign(new EventTarget(), { hidden: false });
  gateway.answers = [problem(404)];
  await follow();
  document.dispatchEvent(new Event("visibilitychange"));
  await turn();
  assert.equal(gateway.requests.length, 2);
});

test("closed is closed", async () => {
  await follow();
  await gateway.send(event("feed", feed()));
  const { signal } = gateway.last;
  stream.close();
  await turn();
  assert.equal(stream.state, "closed");
  assert.equal(signal.aborted, true);
  await pass(3_600_000);
  assert.equal(gateway.requests.length, 1);
});

test("each state is told once", async () => {
  gateway.answers = [unreachable];
  const states = [];
  stream = new BoardStream(["demo:a"], { url: "http://gateway" });
  stream.addEventListener("state", ({ state }) => states.push(state));
  await turn();
  await pass(2000);
  await gateway.send(event("feed", feed()), event("snapshot", board("demo:a", 1)));
  stream.close();
  assert.deepEqual(states, ["waiting", "connecting", "live", "closed"]);
});

test("calls are sorted by departure, else arrival, else as scheduled, else by their period", () => {
  const arrivals = {
    e: { start: 50 }, d: { scheduled_arrival: 40, scheduled_departure: 41 }, c: { scheduled_arrival: 30 },
    b: { arrival: 20, scheduled_departure: 5 }, a: { departure: 10, arrival: 99 }, a2: { departure: 10 },
  };
  assert.deepEqual(sortedArrivals({ arrivals }).map(([key]) => key), ["a", "a2", "b", "c", "d", "e"]);
  assert.equal(effectiveTime(arrivals.d), 41);
});
