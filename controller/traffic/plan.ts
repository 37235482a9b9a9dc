// One application's traffic after what was seen: a pure function of what is wanted, what is remembered and the time.
//
// 1. What changes is in the history, in one line, with its reason.
// 2. A version that cannot answer, not yet or no more, keeps its slots; the stable one answers for it meanwhile.

import type { TrafficConfig } from "../config/index.ts";
import { type CanaryState, describeCanary, nextCanary, percentOf } from "./canary.ts";
import { layOut, moveSlots } from "./slots.ts";
import { SLOTS, type SlotRun } from "./table.ts";
import {
  addCopies,
  addTallies,
  noCopies,
  noRequests,
  type ShadowTally,
  type TrafficReport,
  type VersionTally,
} from "./tally.ts";

/** What is kept of an application's traffic. Plain data. */
export interface TrafficMemory {
  /** By the name of the deployment, so that they outlive a change of the list; in order. */
  readonly slots: readonly { readonly deployment: string; readonly length: number }[];
  readonly canary: CanaryState | undefined;
  /** Requests since the canary's step began. */
  readonly trial: { readonly canary: VersionTally; readonly stable: VersionTally };
  /** By deployment. */
  readonly totals: Readonly<Record<string, VersionTally>>;
  readonly copies: Readonly<Record<string, ShadowTally>>;
  /** Deployments that cannot answer, the stable one aside, with why. */
  readonly troubled: Readonly<Record<string, string>>;
  /** The last ones, oldest first. */
  readonly history: readonly TrafficEvent[];
}

export interface TrafficEvent {
  readonly epochMs: number;
  /** The deployment that it is about. */
  readonly deployment: string;
  /** Such as "5 % → 25 %". */
  readonly change: string;
  readonly reason: string;
}

export interface VersionView {
  /** All its replicas run, of the version that is wanted. */
  readonly healthy: boolean;
  /** At least one replica takes requests. */
  readonly ready: boolean;
  /** It was given up: nothing more happens by itself. */
  readonly failed: boolean;
  /** What is not as it should be, for people. */
  readonly message: string;
  /** Of what is wanted: equal for replicas that compute the same. */
  readonly key: string;
}

export interface TrafficSeen {
  /** By deployment; one that is missing serves nothing. */
  readonly versions: ReadonlyMap<string, VersionView>;
  /** What the gateways counted since the last time. */
  readonly report: TrafficReport;
  readonly nowMs: number;
  readonly epochMs: number;
}

const MAX_EVENTS = 50;
/** Slots to a percent. */
const PARTS = SLOTS / 100;

const FIRST_TRIAL = { canary: noRequests(), stable: noRequests() };

export const FIRST_TRAFFIC: TrafficMemory = {
  slots: [],
  canary: undefined,
  trial: FIRST_TRIAL,
  totals: {},
  copies: {},
  troubled: {},
  history: [],
};

const ABSENT: VersionView = { healthy: false, ready: false, failed: true, message: "it is gone", key: "" };

export function planTraffic(config: TrafficConfig, memory: TrafficMemory, seen: TrafficSeen): TrafficMemory {
  const counted = withReport(config, memory, seen.report);
  const { troubled, events: troubles } = troubleOf(config, memory, seen);
  const { canary, trial, events: moves } = canaryOf(config, counted, seen);
  const slots = slotsOf(config, { ...counted, canary });
  const history = [...memory.history, ...troubles, ...moves].slice(-MAX_EVENTS);
  return { ...counted, canary, trial, slots, troubled, history };
}

/** The shares of the versions, in slots, in the order of the config. */
export function partsOf({ versions, stable }: TrafficConfig, canary: CanaryState | undefined): number[] {
  const whole = versions.map(({ weight }) => Math.round(weight * PARTS));
  const from = versions.findIndex(({ deployment }) => deployment === stable);
  const to = versions.findIndex(({ deployment }) => deployment === canary?.subject.deployment);
  if (to === -1) return whole;
  const moved = Math.round(((whole[from] ?? 0) * percentOf(canary)) / 100);
  return whole.map((parts, index) => (index === from ? parts - moved : index === to ? parts + moved : parts));
}

function withReport(config: TrafficConfig, memory: TrafficMemory, report: TrafficReport): TrafficMemory {
  const names = config.versions.map(({ deployment }) => deployment);
  const totals = Object.fromEntries(
    names.map((name) => [name, sum(memory.totals[name] ?? noRequests(), report.versions[name])]),
  );
  const copies = Object.fromEntries(
    names.map((name) => {
      const before = memory.copies[name] ?? noCopies();
      const more = report.shadows[name];
      return [name, more === undefined ? before : addCopies(before, more)];
    }),
  );
  const { canary, trial } = memory;
  if (canary?.kind !== "STEPPING") return { ...memory, totals, copies };
  const counted = {
    canary: sum(trial.canary, report.versions[canary.subject.deployment]),
    stable: sum(trial.stable, report.versions[config.stable]),
  };
  return { ...memory, totals, copies, trial: counted };
}

function sum(a: VersionTally, b: VersionTally | undefined): VersionTally {
  return b === undefined ? a : addTallies(a, b);
}

/** Invariant 2. */
function troubleOf(
  config: TrafficConfig,
  memory: TrafficMemory,
  { versions: views, epochMs }: TrafficSeen,
): Pick<TrafficMemory, "troubled"> & { readonly events: readonly TrafficEvent[] } {
  const { versions, stable } = config;
  const parts = partsOf(config, memory.canary);
  const troubled: Record<string, string> = {};
  const events: TrafficEvent[] = [];
  for (const [index, { deployment, shadow, match }] of versions.entries()) {
    if (deployment === stable || shadow !== undefined) continue;
    const view = views.get(deployment) ?? ABSENT;
    const before = memory.troubled[deployment];
    const why = view.message === "" ? "no replica runs" : view.message;
    if (!view.ready) troubled[deployment] = why;
    // Of one that gets no requests there is nothing to tell.
    if ((before === undefined) === view.ready || ((parts[index] ?? 0) === 0 && match.length === 0)) continue;
    const change = view.ready ? "it answers its share" : `"${stable}" answers its share`;
    events.push({ epochMs, deployment, change, reason: view.ready ? "it is ready" : why });
  }
  return { troubled, events };
}

function canaryOf(
  { versions }: TrafficConfig,
  memory: TrafficMemory,
  { versions: views, nowMs, epochMs }: TrafficSeen,
): Pick<TrafficMemory, "canary" | "trial"> & { readonly events: readonly TrafficEvent[] } {
  const version = versions.find(({ canary }) => canary !== undefined);
  if (version?.canary === undefined) return { canary: undefined, trial: FIRST_TRIAL, events: [] };
  const { deployment, canary: spec } = version;
  const { healthy, failed, message, key } = views.get(deployment) ?? ABSENT;
  const subject = { deployment, key, spec };
  const view = { subject, healthy, failed, message, trial: memory.trial };
  const { state, fresh } = nextCanary(memory.canary, view, nowMs);
  const trial = fresh ? FIRST_TRIAL : memory.trial;
  return { canary: state, trial, events: eventsOf(memory, { state, fresh, epochMs }) };
}

/** Invariant 1. What is held again and again is told once. */
function eventsOf(
  { canary: before, history }: TrafficMemory,
  {
    state,
    fresh,
    epochMs,
  }: { readonly state: CanaryState; readonly fresh: boolean; readonly epochMs: number },
): readonly TrafficEvent[] {
  if (!fresh) return [];
  const { deployment } = state.subject;
  const [from, to] = [before === undefined ? "none" : describeCanary(before), describeCanary(state)];
  const change = from === to ? `held at ${to}` : `${from} → ${to}`;
  if (from === to && history.findLast((event) => event.deployment === deployment)?.change === change)
    return [];
  return [{ epochMs, deployment, change, reason: state.reason }];
}

function slotsOf(config: TrafficConfig, { slots, canary }: TrafficMemory): TrafficMemory["slots"] {
  const names = config.versions.map(({ deployment }) => deployment);
  const parts = partsOf(config, canary);
  const before = slots.map(({ deployment, length }) => ({ version: names.indexOf(deployment), length }));
  const now = before.length === 0 ? layOut(parts) : fits(before, parts) ? before : moveSlots(before, parts);
  return now === before
    ? slots
    : now.map(({ version, length }) => ({ deployment: names[version] ?? "", length }));
}

function fits(runs: readonly SlotRun[], parts: readonly number[]): boolean {
  const left = [...parts];
  for (const { version, length } of runs) {
    if (version === -1) return false;
    left[version] = (left[version] ?? 0) - length;
  }
  return left.every((slots) => slots === 0);
}
