// Copies of a request for shadow versions: made when the answer is there, compared with it, thrown away.
//
// 1. The client waits for none of it: a copy begins in a later turn of the event loop than the answer, in a queue and
//    on replicas of its own, and whatever becomes of it is counted and nothing else.
// 2. Copies are bounded in number and size; one too many is not made, and counted.
// 3. What they read of the request and its answer is pinned until the last of them is over.

import {
  type Catalog,
  differenceOf,
  type InferResult,
  type InferWork,
  type ServedDeployment,
  SLOTS,
  type TableShadow,
  type TrafficRouter,
} from "../../controller/index.ts";
import { messageOf, pin, systemClock, type Tensor } from "../../runtime/base/index.ts";
import type { Visit } from "./visit.ts";

/** Inputs and outputs together. */
const MAX_COPY_BYTES = 8 * 1024 * 1024;

interface Answered {
  readonly work: InferWork;
  /** What the client was given. */
  readonly expected: readonly Tensor[];
  readonly catalog: Catalog;
}

/** Plans the copies of an answered request, if there are to be any. */
export function copyToShadows({ router }: Visit, answered: Answered): void {
  const { table, meter } = router;
  const chosen = table.shadows.filter(({ parts }) => Math.random() * SLOTS < parts);
  if (chosen.length === 0) return;
  const tooLarge = bytesOf(answered.work.inputs) + bytesOf(answered.expected) > MAX_COPY_BYTES;
  const entered = chosen.filter(({ version, maxOngoingRequests }) => {
    if (!tooLarge && meter.enterCopy(version, maxOngoingRequests)) return true;
    meter.countCopy(version, "skipped"); // invariant 2
    return false;
  });
  if (entered.length === 0) return;
  const reading = pin([...answered.work.inputs, ...answered.expected].map(({ bytes }) => bytes));
  setImmediate(() => {
    const copies = entered.map((shadow) => {
      const deployment = answered.catalog.deployment(table.versions[shadow.version]?.deployment ?? "");
      return copy({ shadow, deployment, meter }, answered); // invariant 1
    });
    void Promise.all(copies).then(() => reading[Symbol.dispose]()); // invariant 3
  });
}

interface Copy {
  readonly shadow: TableShadow;
  readonly deployment: ServedDeployment | undefined;
  readonly meter: TrafficRouter["meter"];
}

/** Never rejects. */
async function copy({ shadow, deployment, meter }: Copy, { work, expected }: Answered): Promise<void> {
  const { version } = shadow;
  let result: InferResult | undefined;
  try {
    if (deployment?.ready !== true || deployment.dispatcher.refusal() !== undefined) {
      meter.countCopy(version, "skipped");
      return;
    }
    const deadlineMs = systemClock.nowMs() + deployment.requestTimeoutMs;
    // After whatever else asks the version, if somebody does.
    const copied = { ...work, claim: { ...work.claim, priority: "low" } } as const;
    result = await deployment.dispatcher.submit(copied, deadlineMs).result;
    const what = differenceOf(expected, result.outputs, shadow);
    if (what === undefined) meter.countCopy(version, "same");
    else meter.countCopy(version, "different", { epochMs: systemClock.epochMs(), what });
  } catch (thrown) {
    meter.countCopy(version, "failed", { epochMs: systemClock.epochMs(), what: messageOf(thrown) });
  } finally {
    result?.release?.();
    meter.leaveCopy(version);
  }
}

function bytesOf(tensors: readonly Tensor[]): number {
  return tensors.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
}
