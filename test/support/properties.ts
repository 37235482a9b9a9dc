// Random tests that can be run again: each prints its seed, and SHOAL_SEED sets it.

import type { TestContext } from "node:test";
import * as fc from "fast-check";

/** Checks `property` on random values; a failure also says the smallest value it fails on. */
export function checkProperty<Values>(
  test: TestContext,
  property: fc.IProperty<Values>,
  numRuns = 200,
): void {
  const seed = Number(process.env["SHOAL_SEED"] ?? Date.now() % 2 ** 31);
  test.diagnostic(`seed ${seed}`);
  fc.assert(property, { seed, numRuns });
}

/** The same for a property that waits for something. */
export async function checkAsyncProperty<Values>(
  test: TestContext,
  property: fc.IAsyncProperty<Values>,
  numRuns = 200,
): Promise<void> {
  const seed = Number(process.env["SHOAL_SEED"] ?? Date.now() % 2 ** 31);
  test.diagnostic(`seed ${seed}`);
  await fc.assert(property, { seed, numRuns });
}
