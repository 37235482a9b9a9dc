// What to put on a server: options of `runOpenLoop`, checked once.
//
// 1. `checkOptions` throws an Error that names the option, what was found and what was wanted; behind it everything
//    is in range.

import type { ArrivalProcess } from "./arrivals/gaps.ts";
import type { ArrivalPlan } from "./arrivals/plan.ts";
import type { RateProfile } from "./arrivals/profile.ts";
import type { SettledRequest } from "./outcome.ts";
import type { TimelineRow } from "./report.ts";
import type { RequestClass } from "./request-class.ts";

export interface OpenLoopOptions {
  /** What is sent: a request's class is drawn by the weights. */
  readonly requests: readonly RequestClass[];
  readonly arrivals: ArrivalPlan;
  /** Requests with an intended send time before this are sent. Needed unless `maxRequests` or a trace ends the load. */
  readonly durationMs?: number;
  readonly maxRequests?: number;
  /** A whole number; 1 by default. The same seed gives the same times and classes. */
  readonly seed?: number;
  /** From the intended send time to the answer's last byte; 30 s by default. */
  readonly timeoutMs?: number;
  /** To each server; 4096 by default. */
  readonly maxConnections?: number;
  /** A connection that was free for longer is not used again; 3 s by default, below the 5 s of a Node server. */
  readonly maxIdleMs?: number;
  /** The objective of which attainment is told. */
  readonly sloMs?: number;
  /** Tries after the first one; 0 by default. Tried again is what was refused or lost, and 429 and 503 unless x-should-retry says no. */
  readonly retries?: number;
  /** Before the first retry at most this, twice as much before each further one, drawn evenly; never less than Retry-After. 100 ms by default. */
  readonly retryBackoffMs?: number;
  /** `timer` wakes up once a millisecond; `spin` watches the clock and takes a whole core. `timer` by default. */
  readonly pacing?: "timer" | "spin";
  /** Ids are this with a dash and a number; eight random characters by default. */
  readonly idPrefix?: string;
  /** Called for each request when it has its outcome, and again when it turns out to have been answered twice. */
  readonly onSettled?: (request: SettledRequest) => void;
  /** Called for each second when its last request has settled. */
  readonly onSecond?: (row: TimelineRow) => void;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/** What the generator itself sends. */
const OWN_HEADERS = ["host", "content-length", "x-request-id", "connection", "transfer-encoding"];
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;
const MAX_TIMEOUT_MS = 3_600_000;

/** Invariant 1. */
export function checkOptions(options: OpenLoopOptions): void {
  const { requests, arrivals, durationMs, maxRequests } = options;
  if (requests.length === 0) refuse("requests", "none", "at least one class");
  requests.forEach((request, index) =>
    checkClass(request, requests.length === 1 ? "" : `requests[${index}].`),
  );
  const names = requests.map(nameOf);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  if (repeated !== undefined) refuse("requests", `two classes named "${repeated}"`, "a name for each");
  if (!requests.some(({ weight = 1 }) => weight > 0)) refuse("weight", "only zeros", "one above 0");
  checkArrivals(arrivals);
  if (arrivals.kind === "rate" && durationMs === undefined && maxRequests === undefined) {
    refuse("duration", "none", "a duration or a number of requests, since the arrivals have no end");
  }
  checkNumber("duration", durationMs, { above: 0 });
  checkWhole("maxRequests", maxRequests, { least: 1 });
  checkWhole("seed", options.seed, { least: 0, most: 2 ** 32 - 1 });
  checkNumber("timeout", options.timeoutMs, { above: 0, most: MAX_TIMEOUT_MS });
  checkWhole("maxConnections", options.maxConnections, { least: 1, most: 60_000 });
  checkNumber("maxIdle", options.maxIdleMs, { above: 0 });
  checkNumber("slo", options.sloMs, { above: 0 });
  checkWhole("retries", options.retries, { least: 0, most: 100 });
  checkNumber("retryBackoff", options.retryBackoffMs, { above: 0, most: MAX_TIMEOUT_MS });
  if (options.idPrefix !== undefined && !/^[\w.-]{1,64}$/.test(options.idPrefix)) {
    refuse("idPrefix", options.idPrefix, "1 to 64 letters, digits, _ . or -");
  }
}

/** A class's name in the report. */
export function nameOf({ name }: RequestClass): string {
  return name ?? "requests";
}

function checkClass({ url, method, headers = {}, weight, timeoutMs }: RequestClass, at: string): void {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.protocol !== "http:" || parsed.username !== "") {
    refuse(`${at}url`, url, "an address such as http://127.0.0.1:8000/path; https is not spoken");
  }
  if (method !== undefined && !METHODS.includes(method)) refuse(`${at}method`, method, METHODS.join(", "));
  for (const [name, text] of Object.entries(headers)) {
    if (!TOKEN.test(name)) refuse(`${at}headers`, name, "a header name");
    if (OWN_HEADERS.includes(name.toLowerCase()))
      refuse(`${at}headers`, name, "a header that the generator does not set itself");
    // Bytes of UTF-8 would be cut short by a request line, or make two headers of one.
    if (!/^[\t\x20-\x7e]*$/.test(text)) refuse(`${at}headers`, `${name}: ${text}`, "visible ASCII");
  }
  checkNumber(`${at}weight`, weight, { least: 0 });
  checkNumber(`${at}timeout`, timeoutMs, { above: 0, most: MAX_TIMEOUT_MS });
}

function checkArrivals(plan: ArrivalPlan): void {
  if (plan.kind === "times") {
    if (plan.timesMs.length === 0) refuse("arrivals", "no times", "at least one");
    for (let index = 0, before = 0; index < plan.timesMs.length; index++) {
      const timeMs = plan.timesMs[index] ?? Number.NaN;
      if (!(timeMs >= before)) refuse("arrivals", `${timeMs} behind ${before}`, "ascending times from 0");
      before = timeMs;
    }
    return;
  }
  checkNumber("rate", plan.ratePerSecond, { least: 1e-3, most: 1e6 });
  checkProcess(plan.process ?? { kind: "poisson" });
  checkProfile(plan.profile ?? { kind: "flat" });
}

function checkProcess(process: ArrivalProcess): void {
  if (process.kind === "gamma") checkNumber("cv", process.cv, { least: 0.01, most: 100 });
}

function checkProfile(profile: RateProfile): void {
  switch (profile.kind) {
    case "flat":
      return;
    case "step":
      checkNumber("profile step at", profile.atMs, { least: 0 });
      checkNumber("profile step factor", profile.factor, { least: 0 });
      checkNumber("profile step until", profile.untilMs, { above: profile.atMs });
      return;
    case "ramp":
      checkNumber("profile ramp from", profile.fromMs, { least: 0 });
      checkNumber("profile ramp until", profile.untilMs, { above: profile.fromMs });
      checkNumber("profile ramp factor", profile.factor, { least: 0 });
      return;
    case "doubling":
      checkNumber("profile doubling every", profile.everyMs, { above: 0 });
      checkNumber("profile doubling max", profile.maxFactor, { least: 1, most: 1e6 });
      return;
    case "spikes":
      checkNumber("profile spikes length", profile.lengthMs, { above: 0 });
      checkNumber("profile spikes every", profile.everyMs, { above: profile.lengthMs });
      checkNumber("profile spikes factor", profile.factor, { least: 0 });
      return;
    case "square":
      checkNumber("profile square period", profile.periodMs, { above: 0 });
      checkNumber("profile square duty", profile.duty, { above: 0, most: 1 });
      return;
    case "mmpp":
      checkStates(profile.factors, profile.meansMs);
      return;
    case "conv":
    case "code":
    case "twitter":
      checkNumber(`profile ${profile.kind} compress`, profile.compress, { above: 0 });
      return;
  }
}

function checkStates(factors: readonly number[], meansMs: readonly number[]): void {
  if (factors.length < 2 || factors.length !== meansMs.length) {
    const found = `${factors.length} factors and ${meansMs.length} means`;
    refuse("profile mmpp", found, "as many factors as means, two or more");
  }
  for (const factor of factors) checkNumber("profile mmpp factors", factor, { least: 0 });
  for (const meanMs of meansMs) checkNumber("profile mmpp means", meanMs, { above: 0 });
  if (!factors.some((factor) => factor > 0)) refuse("profile mmpp factors", "only zeros", "one above 0");
}

interface Range {
  readonly least?: number;
  readonly most?: number;
  readonly above?: number;
}

function checkNumber(name: string, value: number | undefined, range: Range): void {
  if (value === undefined || (Number.isFinite(value) && isIn(value, range))) return;
  refuse(name, String(value), `a number ${wordsOf(range)}`);
}

function checkWhole(name: string, value: number | undefined, range: Range): void {
  if (value === undefined || (Number.isInteger(value) && isIn(value, range))) return;
  refuse(name, String(value), `a whole number ${wordsOf(range)}`);
}

function isIn(value: number, { least = -Infinity, most = Infinity, above = -Infinity }: Range): boolean {
  return value >= least && value <= most && value > above;
}

function wordsOf({ least, most, above }: Range): string {
  const words = [];
  if (least !== undefined) words.push(`from ${least}`);
  if (above !== undefined) words.push(`above ${above}`);
  if (most !== undefined) words.push(`to ${most}`);
  return words.join(" ");
}

function refuse(option: string, found: string, wanted: string): never {
  throw new Error(`Cannot use ${option} "${found}": wanted ${wanted}`);
}
