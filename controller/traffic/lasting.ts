// What of an application's traffic outlives the server: who has which slots, how far a canary came, and the story so far.
//
// 1. A canary that was rolled back is not tried again because the server was started again.
// 2. Requests counted before are forgotten: a step that was under way is counted anew.

import { Type } from "typebox";
import { Check } from "typebox/value";
import { FIRST_TRAFFIC, type TrafficMemory } from "./plan.ts";
import { SLOTS } from "./table.ts";

const Subject = Type.Object({
  deployment: Type.String(),
  key: Type.String(),
  spec: Type.Object({
    steps: Type.Array(Type.Number(), { minItems: 1 }),
    intervalMs: Type.Number(),
    minRequests: Type.Number(),
    maxErrorRate: Type.Number(),
    maxLatencyRatio: Type.Number(),
  }),
});

const Canary = Type.Union([
  Type.Object({
    kind: Type.Enum(["WAITING", "PROMOTED", "ROLLED_BACK"]),
    subject: Subject,
    reason: Type.String(),
  }),
  Type.Object({
    kind: Type.Literal("STEPPING"),
    subject: Subject,
    step: Type.Integer({ minimum: 0 }),
    reason: Type.String(),
  }),
]);

const Kept = Type.Object({
  slots: Type.Array(Type.Object({ deployment: Type.String(), length: Type.Integer({ minimum: 1 }) })),
  canary: Type.Optional(Canary),
  history: Type.Array(
    Type.Object({
      epochMs: Type.Number(),
      deployment: Type.String(),
      change: Type.String(),
      reason: Type.String(),
    }),
  ),
});

type StoredCanary = Type.Static<typeof Canary>;

/** Plain JSON, for a store. */
export type StoredTraffic = Type.Static<typeof Kept>;

export function storedTraffic({ slots, canary, history }: TrafficMemory): StoredTraffic {
  return {
    slots: slots.map((run) => ({ ...run })),
    ...(canary === undefined ? {} : { canary: storedCanary(canary) }),
    history: history.map((event) => ({ ...event })),
  };
}

function storedCanary(canary: NonNullable<TrafficMemory["canary"]>): StoredCanary {
  const { reason } = canary;
  const subject = structuredClone(canary.subject);
  const spec = { ...subject.spec, steps: [...subject.spec.steps] };
  const stored = { subject: { ...subject, spec }, reason };
  if (canary.kind === "STEPPING") return { kind: canary.kind, step: canary.step, ...stored };
  return { kind: canary.kind, ...stored };
}

/** The memory to go on from; a first one when what was stored is not what this Shoal stores. */
export function recalledTraffic(stored: unknown, nowMs: number): TrafficMemory {
  if (!Check(Kept, stored)) return FIRST_TRAFFIC;
  const { slots, canary, history } = stored;
  if (slots.reduce((sum, { length }) => sum + length, 0) !== SLOTS) return FIRST_TRAFFIC;
  const state = canary?.kind === "STEPPING" ? { ...canary, sinceMs: nowMs } : canary; // invariants 1 and 2
  return { ...FIRST_TRAFFIC, slots, history, canary: state };
}
