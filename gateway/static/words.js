/** What is said, in words. Pure: times are arguments, in seconds of the board clock. */

import { effectiveTime } from "./stopcast/stopcast.js";

const OFF = { canceled: "Cancelled", skipped: "Not stopping" };
const BOARDING = { phone_agency: "call ahead", coordinate_with_driver: "ask the driver" };
// [how full from 0 to 4, words], by OccupancyStatus.
const OCCUPANCY = {
  empty: [0, "Empty"],
  many_seats_available: [1, "Many seats"],
  few_seats_available: [2, "Few seats"],
  standing_room_only: [3, "Standing"],
  crushed_standing_room_only: [4, "Very full"],
  full: [4, "Full"],
  not_accepting_passengers: [4, "Takes nobody"],
  not_boardable: [4, "Not for riders"],
};

export const isOff = (call) => call.status in OFF;

/** `[figure, unit]` of a countdown; either may be empty. */
export function countdown(call, clock) {
  if (isOff(call)) return ["", OFF[call.status]];
  const seconds = effectiveTime(call) - clock;
  if (call.status === "departed") return ["", passed(-seconds)];
  if (call.headway) return [String(Math.round(call.headway / 60)), "min apart"];
  if (seconds < 30) return ["now", ""];
  const minutes = Math.max(1, Math.floor(seconds / 60));
  if (minutes < 60) return [String(minutes), "min"];
  return [`${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}`, "h"];
}

function passed(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes < 1 ? "just passed" : `passed ${minutes} min ago`;
}

/** `[class, words]`: how a call keeps to its schedule, if that is to be said. */
export function punctuality(call) {
  if (isOff(call) || call.status === "departed" || call.headway) return undefined;
  if (call.status === "no_data" || call.status === "scheduled") return ["planned", "scheduled"];
  if (call.added && call.delay === undefined) return ["good", "extra"];
  if (call.delay === undefined) return ["good", "live"];
  const minutes = Math.round(call.delay / 60);
  if (minutes === 0) return ["good", "on time"];
  return minutes > 0 ? ["late", `${minutes} min late`] : ["good", `${-minutes} min early`];
}

/** `[how full, words]`. */
export const occupancy = (call) => OCCUPANCY[call.occupancy ?? call.vehicle?.occupancy];

/** What else is worth a word, most important first. */
export function notes(call) {
  const away = call.stops_away;
  const here = away === 0 && call.vehicle?.status === "stopped_at";
  return [
    call.last && "ends here",
    call.pickup === "none" && !call.last && "no boarding",
    BOARDING[call.pickup],
    here ? "at the stop" : away === 0 ? "comes next" : away && `${away} ${away === 1 ? "stop" : "stops"} away`,
    call.added && call.delay !== undefined && "extra trip",
  ].filter(Boolean);
}

/** When a call is by the schedule, where its prediction differs by a minute or more. */
export function overtaken(call) {
  const scheduled = call.scheduled_departure ?? call.scheduled_arrival;
  if (scheduled === undefined || isOff(call) || !Math.round((call.delay ?? 0) / 60)) return undefined;
  return Math.floor(scheduled / 60) === Math.floor(effectiveTime(call) / 60) ? undefined : scheduled;
}

function timeFormat(timeZone) {
  try {
    return new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit", timeZone });
  } catch {
    return timeFormat(); // a zone unknown here
  }
}

const formats = new Map();
/** The time of day where the stop is. */
export function clockTime(seconds, timeZone) {
  if (!formats.has(timeZone)) formats.set(timeZone, timeFormat(timeZone));
  return formats.get(timeZone).format(seconds * 1000);
}

/** Where this device has another time of day: "Los Angeles time (PST)". */
export function zoneNote(timeZone, seconds) {
  if (clockTime(seconds, timeZone) === clockTime(seconds, undefined)) return "";
  const parts = new Intl.DateTimeFormat([], { timeZone, timeZoneName: "short" }).formatToParts(seconds * 1000);
  const name = parts.find(({ type }) => type === "timeZoneName").value;
  return `${timeZone.split("/").pop().replaceAll("_", " ")} time (${name})`;
}

const REFUSED = { 401: "Sign-in needed", 403: "Not allowed here", 404: "Unknown stop", 429: "Too many requests", 503: "Server busy" };
const STEP = 15; // seconds: a screen reader reads each change aloud
// Reasons of a goodbye, by the status that says the same.
const ENDED = { overloaded: 503, unavailable: 503, rate_limited: 429 };

/** Why there is no stream, and for how long still; undefined where nobody said so. */
export function refusal(problem, reason, seconds) {
  const status = problem?.status ?? ENDED[reason];
  if (!(status >= 400)) return undefined;
  const words = REFUSED[status] ?? (status < 500 ? "This address does not work" : "The server has a fault");
  if (status < 500 && status !== 429) return words;
  return `${words}, trying again${seconds > 0 ? ` within ${Math.ceil(seconds / STEP) * STEP} s` : ""}`;
}

export function ageText(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** A stop's id without its feed. */
export const bare = (stopId) => stopId.slice(stopId.indexOf(":") + 1);

export const noted = (...parts) => parts.filter(Boolean).join(" · ");

/** The text in a language of the reader; else the unmarked one, else any. */
export function inMyLanguage(texts = {}) {
  const mine = navigator.languages.flatMap((tag) => [texts[tag], texts[tag.split("-")[0]]]);
  return mine.find(Boolean) ?? texts[""] ?? Object.values(texts)[0] ?? "";
}
