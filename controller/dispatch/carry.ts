// What became of a web request that was carried to a replica.

import { asShoalError } from "../../runtime/base/index.ts";
import type { BatchOutcome } from "./replica-link.ts";
import { NotDelivered } from "./request.ts";

/** Its answer goes straight to its client; what is left for the dispatcher is whether it did. */
export async function carry(carried: Promise<number | undefined>): Promise<BatchOutcome> {
  try {
    const status = await carried;
    return { kind: "done", outputs: [], computeNs: [0, 0, 0], ...(status === undefined ? {} : { status }) };
  } catch (thrown) {
    if (thrown instanceof NotDelivered) return { kind: "lost", error: thrown.error, delivered: false };
    const error = asShoalError(thrown);
    return error.code === "REPLICA_DIED"
      ? { kind: "lost", error, delivered: true }
      : { kind: "failed", error };
  }
}
