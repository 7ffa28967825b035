/**
 * Live departure boards from a Stopcast gateway, over Server-Sent Events.
 *
 * Times are POSIX seconds, enums the names of GTFS and GTFS-Realtime in lower case; a member that is absent is unknown or
 * not applicable. Members and events may be added to the protocol: ignore what you do not know.
 */

export type ArrivalStatus = "canceled" | "skipped" | "departed" | "no_data" | "predicted" | "scheduled";
export type Boarding = "none" | "phone_agency" | "coordinate_with_driver";
export type FeedStatus = "live" | "stale" | "down";

/** One carriage of a vehicle, in the order in which they run. */
export interface Carriage {
  id?: string;
  label?: string;
  occupancy?: string;
  occupancy_percentage?: number;
  carriage_sequence?: number;
}

export interface Vehicle {
  id?: string;
  label?: string;
  lat?: number;
  lon?: number;
  bearing?: number;
  status?: string;
  timestamp?: number;
  occupancy?: string;
  carriages?: Carriage[];
}

/** One trip at one stop. */
export interface Arrival {
  status: ArrivalStatus;
  trip_id?: string;
  service_date?: string;
  start_time?: string;
  route_id?: string;
  direction_id?: number;
  headsign?: string;
  trip_short_name?: string;
  stop_sequence?: number;
  /** Where the call's platform is not the board's own stop. */
  stop_id?: string;
  scheduled_arrival?: number;
  scheduled_departure?: number;
  /** Predicted; absent means no realtime, never "on time". */
  arrival?: number;
  departure?: number;
  /** Seconds, predicted minus scheduled. */
  delay?: number;
  /** A trip that the schedule does not have. */
  added?: boolean;
  /** The trip begins, or ends, here. */
  first?: boolean;
  last?: boolean;
  pickup?: Boarding;
  drop_off?: Boarding;
  uncertainty?: number;
  /** A vehicle every so many seconds, from `start` to `end`; such an arrival has no times. */
  headway?: number;
  start?: number;
  end?: number;
  stops_away?: number;
  vehicle?: Vehicle;
  occupancy?: string;
  wheelchair_accessible?: boolean;
  bikes_allowed?: boolean;
  platform_code?: string;
  /** Ids of the board's alerts. */
  alerts?: string[];
}

export interface Stop {
  name?: string;
  code?: string;
  location_type?: number;
  platform_code?: string;
  parent_id?: string;
  lat?: number;
  lon?: number;
  timezone: string;
  wheelchair_boarding?: number;
}

export interface Route {
  short_name?: string;
  long_name?: string;
  /** Six hexadecimal digits. */
  color?: string;
  text_color?: string;
  /** GTFS's route_type. */
  type?: number;
  agency_id?: string;
}

/** Texts by language, `""` where the feed names none. */
export interface Alert {
  header?: Record<string, string>;
  description?: Record<string, string>;
  url?: Record<string, string>;
  cause?: string;
  effect?: string;
  severity?: string;
  active_periods?: [number | null, number | null][];
  routes?: string[];
}

/** All arrivals and alerts of one stop. */
export interface Board {
  stop_id: string;
  version: number;
  stop: Stop;
  routes: Record<string, Route>;
  arrivals: Record<string, Arrival>;
  alerts: Record<string, Alert>;
}

/** `timestamp`: the time that the feed's data tells; `now`: the board clock when it was told. */
export interface Feed {
  status: FeedStatus;
  timestamp: number;
  now: number;
}

/**
 * `connecting`, then `live`. `waiting`: for the next try, after a connection was lost or refused. `paused`: there are no
 * stops, or the page has been hidden for a minute. `closed`: by `close()`; nothing else ends the tries.
 */
export type StreamState = "connecting" | "live" | "waiting" | "paused" | "closed";

export type GoodbyeReason =
  | "draining"
  | "lifetime"
  | "overloaded"
  | "unavailable"
  | "token_expired"
  | "rate_limited";

/** An answer other than a stream; `code` is for programs, `detail` for people. */
export interface Problem {
  status: number;
  code?: string;
  detail?: string;
}

/** A token, or what gives one before each connection; `renew`: the last one was refused, or is over. */
export type Token = string | ((renew: boolean) => string | Promise<string>);

export interface BoardStreamOptions {
  /** The gateway; in a browser, by default, where the page is from. */
  url?: string;
  token?: Token;
}

/** A stop has a new board, told once per batch. What did not change is the same object in `before` and `board`. */
export interface BoardEvent extends Event {
  stopId: string;
  board: Board;
  before?: Board;
}
/** A stop left the schedule, or is not known. */
export interface GoneEvent extends Event {
  stopId: string;
}
/** What `feeds` says of a feed is new: with each heartbeat, or by another status. */
export interface FeedEvent extends Event {
  feedId: string;
}
export interface StateEvent extends Event {
  state: StreamState;
}

interface Events {
  board: BoardEvent;
  gone: GoneEvent;
  feed: FeedEvent;
  state: StateEvent;
}

/**
 * Up to 50 stops in one connection, kept until `close()`. It comes back by itself and resumes, whatever happens on the
 * way; once it is quiet, `boards` are the server's.
 */
export class BoardStream extends EventTarget {
  constructor(stops: Iterable<string>, options?: BoardStreamOptions);

  /** By stop id. Replaced, never changed: do not change them either. */
  readonly boards: Map<string, Board>;
  /** By feed id: what stands before the colon of a stop id. */
  readonly feeds: Map<string, Feed>;
  readonly state: StreamState;
  /** When the gateway was last heard, in milliseconds of this device's clock. */
  readonly heard?: number;
  /** Why the gateway said goodbye in the last connection, until the next one is answered or fails. */
  readonly reason?: GoodbyeReason;
  /** Why it refused the last one, as long. */
  readonly problem?: Problem;
  /** While `waiting`: when the next try is made, in milliseconds of this device's clock. */
  readonly due?: number;
  readonly stops: string[];

  /** Follow these stops from now on, in place of the ones before. */
  follow(stops: Iterable<string>): void;
  close(): void;

  /** The board clock of a stop's feed: count down against it, a device's clock may be wrong. Seconds. */
  clock(stopId: string): number;
  /** The feed of a stop. */
  feed(stopId: string): Feed | undefined;
  /** How old the data of a stop's feed is, in seconds. */
  age(stopId: string): number | undefined;

  addEventListener<Name extends keyof Events>(
    name: Name,
    listener: (event: Events[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<Name extends keyof Events>(
    name: Name,
    listener: (event: Events[Name]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/** A board's arrivals with their keys, as riders want them: by effective time. */
export function sortedArrivals(board: Board): [string, Arrival][];

/** When a call is: departure, else arrival, else as scheduled, else the start of its period. */
export function effectiveTime(arrival: Arrival): number;

/** JSON Merge Patch (RFC 7396): `target` with `patch` applied; what the patch leaves alone is shared. */
export function mergePatch(target: unknown, patch: unknown): unknown;
