// What the page says, and in which colours: node --test.

import assert from "node:assert/strict";
import { test } from "node:test";
import { contrast, readable } from "../../../gateway/static/badge.js";
import * as words from "../../../gateway/static/words.js";

const NOW = 1_700_000_000;

test("a countdown never says more than is left", () => {
  const left = (seconds, call = {}) => words.countdown({ status: "predicted", departure: NOW + seconds, ...call }, NOW).join(" ");
  assert.equal(left(29), "now ");
  assert.equal(left(-20), "now ", "its vehicle is still on its way");
  assert.equal(left(30), "1 min");
  assert.equal(left(119), "1 min");
  assert.equal(left(120), "2 min");
  assert.equal(left(3599), "59 min");
  assert.equal(left(3600 + 7 * 60), "1:07 h");
});

test("what does not come is said in words", () => {
  assert.deepEqual(words.countdown({ status: "canceled", scheduled_departure: NOW }, NOW), ["", "Cancelled"]);
  assert.deepEqual(words.countdown({ status: "skipped", scheduled_departure: NOW }, NOW), ["", "Not stopping"]);
});

test("what has passed says how long ago, by its effective time", () => {
  const passed = (ago) => words.countdown({ status: "departed", departure: NOW - ago, scheduled_departure: NOW - 900 }, NOW)[1];
  assert.equal(passed(59), "just passed");
  assert.equal(passed(125), "passed 2 min ago");
});

test("a frequency says how often", () => {
  assert.deepEqual(words.countdown({ status: "scheduled", headway: 360, start: NOW }, NOW), ["6", "min apart"]);
});

test("on time is only said of what is predicted", () => {
  const said = (call) => words.punctuality(call)?.[1];
  assert.equal(said({ status: "predicted", delay: 20 }), "on time");
  assert.equal(said({ status: "predicted", delay: 90 }), "2 min late");
  assert.equal(said({ status: "predicted", delay: -61 }), "1 min early");
  assert.equal(said({ status: "predicted" }), "live");
  assert.equal(said({ status: "predicted", added: true }), "extra");
  assert.equal(said({ status: "scheduled" }), "scheduled");
  assert.equal(said({ status: "no_data" }), "scheduled");
  assert.equal(said({ status: "canceled" }), undefined);
});

test("times are those of the stop's zone, and it is said where that is another", () => {
  assert.match(words.clockTime(NOW, "Asia/Kathmandu"), /^0?3:58/);
  assert.equal(words.zoneNote(Intl.DateTimeFormat().resolvedOptions().timeZone, NOW), "");
  assert.match(words.zoneNote("Asia/Kathmandu", NOW), /^Kathmandu time \(.+\)$/);
});

test("a zone that the browser does not know is taken for its own", () => {
  assert.equal(words.clockTime(NOW, "Mars/Olympus_Mons"), words.clockTime(NOW, undefined));
  assert.equal(words.zoneNote("Mars/Olympus_Mons", NOW), "");
});

test("why there is no stream is said of refusals only", () => {
  assert.equal(words.refusal({ status: 404 }), "Unknown stop");
  assert.equal(words.refusal({ status: 404 }, "overloaded"), "Unknown stop");
  assert.equal(words.refusal(undefined, "rate_limited"), "Too many requests, trying again");
  assert.equal(words.refusal({ status: 503 }, undefined, 30.5), "Server busy, trying again within 45 s");
  assert.equal(words.refusal({ status: 404 }, undefined, 30.5), "Unknown stop");
  assert.equal(words.refusal({ status: 200 }), undefined, "the page of a hotel's network");
  assert.equal(words.refusal(undefined, "draining"), undefined);
  assert.equal(words.refusal(), undefined);
});

test("the schedule is named beside a prediction only where they differ as the delay says", () => {
  const call = { status: "predicted", departure: NOW + 100, scheduled_departure: NOW, delay: 100 };
  assert.equal(words.overtaken(call), NOW);
  assert.equal(words.overtaken({ ...call, departure: NOW + 20, delay: 20 }), undefined);
  assert.equal(words.overtaken({ ...call, scheduled_departure: undefined }), undefined);
});

test("a text is in the reader's language, else unmarked, else any", () => {
  Object.defineProperty(globalThis, "navigator", { value: { languages: ["de-CH", "fr"] }, configurable: true });
  assert.equal(words.inMyLanguage({ en: "Hello", fr: "Bonjour", de: "Hallo" }), "Hallo");
  assert.equal(words.inMyLanguage({ en: "Hello", "": "Hej" }), "Hej");
  assert.equal(words.inMyLanguage({ en: "Hello" }), "Hello");
  assert.equal(words.inMyLanguage(undefined), "");
});

test("any badge can be read, with the agency's colour of text where that can", () => {
  assert.equal(readable("000000", "FFFF00"), "FFFF00");
  assert.equal(readable("FFFFFF", "FFFF00"), "000000");
  assert.equal(readable("0039A6", undefined), "ffffff");
  for (let color = 0; color <= 0xffffff; color += 4093) {
    const hex = color.toString(16).padStart(6, "0");
    assert.ok(contrast(hex, readable(hex, "777777")) >= 4.5, hex);
  }
});
