// Waits for what another process does, of which no event comes: looks again and again, up to a deadline that only
// a hang reaches.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

const LOOK_INTERVAL_MS = 20;

/** Resolves when `reached` gives true; rejects, naming `what`, when it has not within `patienceMs`. */
export async function eventually(
  what: string,
  reached: () => boolean | Promise<boolean>,
  patienceMs = 30_000,
): Promise<void> {
  const untilMs = performance.now() + patienceMs;
  while (!(await reached())) {
    assert(performance.now() < untilMs, `waited ${patienceMs} ms in vain: ${what}`);
    await sleep(LOOK_INTERVAL_MS);
  }
}
