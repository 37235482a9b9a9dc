// A canary's course, one transition at a time.
//
//   WAITING ──► STEPPING ──► PROMOTED        STEPPING ──► ROLLED_BACK on a bad verdict, or when the deployment is given up
//
// 1. PROMOTED and ROLLED_BACK last until what is tried changes: another version of the deployment, other terms.

import { isDeepStrictEqual } from "node:util";
import type { CanaryConfig } from "../config/index.ts";
import { judge, type Trial } from "./judge.ts";

/** What is tried, and on what terms. */
export interface Subject {
  readonly deployment: string;
  /** The version of the deployment: equal for replicas that compute the same. */
  readonly key: string;
  readonly spec: CanaryConfig;
}

/** Plain data. */
export type CanaryState =
  /** Until the deployment is healthy. */
  | { readonly kind: "WAITING"; readonly subject: Subject; readonly reason: string }
  | {
      readonly kind: "STEPPING";
      readonly subject: Subject;
      /** Index into the steps. */
      readonly step: number;
      /** Since when the requests of this step are counted, on the monotonic clock. */
      readonly sinceMs: number;
      readonly reason: string;
    }
  | { readonly kind: "PROMOTED"; readonly subject: Subject; readonly reason: string }
  | { readonly kind: "ROLLED_BACK"; readonly subject: Subject; readonly reason: string };

export interface CanaryView {
  readonly subject: Subject;
  /** All its replicas run, of the version that is wanted. */
  readonly healthy: boolean;
  /** It was given up: nothing more happens by itself. */
  readonly failed: boolean;
  /** What is not as it should be, for people. */
  readonly message: string;
  readonly trial: Pick<Trial, "canary" | "stable">;
}

export interface CanaryMove {
  readonly state: CanaryState;
  /** Counting begins anew. */
  readonly fresh: boolean;
}

/** The state after what is seen now; the same object when nothing has changed. */
export function nextCanary(state: CanaryState | undefined, view: CanaryView, nowMs: number): CanaryMove {
  const { subject, healthy, failed, message } = view;
  if (state === undefined || !isDeepStrictEqual(state.subject, subject)) {
    const waiting = { kind: "WAITING", subject, reason: waitingFor(message) } as const; // invariant 1
    return healthy ? nextCanary(waiting, view, nowMs) : { state: waiting, fresh: true };
  }
  switch (state.kind) {
    case "WAITING":
      if (!healthy) {
        const reason = waitingFor(message);
        return { state: state.reason === reason ? state : { ...state, reason }, fresh: false };
      }
      return {
        state: { kind: "STEPPING", subject, step: 0, sinceMs: nowMs, reason: "it is healthy" },
        fresh: true,
      };
    case "STEPPING": {
      if (failed) {
        const reason = `it was given up: ${message}`;
        return { state: { kind: "ROLLED_BACK", subject, reason }, fresh: true };
      }
      return judged(state, view, nowMs);
    }
    case "PROMOTED":
    case "ROLLED_BACK":
      return { state, fresh: false };
  }
}

function waitingFor(message: string): string {
  return message === "" ? "until it is healthy" : `until it is healthy: ${message}`;
}

function judged(
  state: Extract<CanaryState, { kind: "STEPPING" }>,
  { subject, trial }: CanaryView,
  nowMs: number,
): CanaryMove {
  const verdict = judge({ ...trial, elapsedMs: nowMs - state.sinceMs }, subject.spec);
  const { reason } = verdict;
  switch (verdict.kind) {
    case "wait":
      return { state: state.reason === reason ? state : { ...state, reason }, fresh: false };
    case "hold":
      return { state: { ...state, sinceMs: nowMs, reason: `held: ${reason}` }, fresh: true };
    case "roll-back":
      return { state: { kind: "ROLLED_BACK", subject, reason }, fresh: true };
    case "advance": {
      const step = state.step + 1;
      const more = step < subject.spec.steps.length;
      return {
        state: more ? { ...state, step, sinceMs: nowMs, reason } : { kind: "PROMOTED", subject, reason },
        fresh: true,
      };
    }
  }
}

/** The canary's part of the stable version's weight, percent. */
export function percentOf(state: CanaryState | undefined): number {
  switch (state?.kind) {
    case "STEPPING":
      return state.subject.spec.steps[state.step] ?? 0;
    case "PROMOTED":
      return 100;
    case "WAITING":
    case "ROLLED_BACK":
    case undefined:
      return 0;
  }
}

/** The state in a few words, as status and history have it. */
export function describeCanary(state: CanaryState): string {
  return state.kind === "STEPPING" ? `${percentOf(state)} %` : state.kind;
}
