// Takes an actor's resources, or tells in an error why it cannot have them.

import { ShoalError } from "../base/index.ts";
import type { ResourceAmounts, ResourceLease, ResourceLedger } from "./resources.ts";

/**
 * Undefined without `resources`. Throws RESOURCES_UNAVAILABLE when they are short now, INVALID_ARGUMENT when the
 * ledger could never grant them.
 */
export function acquireFor(wanted: {
  readonly name: string;
  readonly resources?: ResourceAmounts;
  readonly ledger?: ResourceLedger;
}): ResourceLease | undefined {
  const { name, resources, ledger } = wanted;
  if (resources === undefined) return undefined;
  if (ledger === undefined) {
    throw new ShoalError(
      "INVALID_ARGUMENT",
      `Cannot start actor "${name}": found resources, wanted a ledger too`,
    );
  }
  const acquired = ledger.tryAcquire(resources);
  if (acquired.kind === "granted") return acquired.lease;
  const code = acquired.kind === "short" ? "RESOURCES_UNAVAILABLE" : "INVALID_ARGUMENT";
  throw new ShoalError(code, `Cannot start actor "${name}": ${acquired.message}`);
}
