// Which release asks for a deployment, as one number: what tells a deploy from the one before.
//
// 1. Releases are counted by application. A deployment that moves to another application, or whose application is given
//    another name, is asked for by another release all the same, whatever the numbers of the two are.

import { createHash } from "node:crypto";
import type { Release } from "../store/index.ts";

const HASHES = 0x1_0000_0000;
/** What is left of a safe integer. */
const NUMBERS = 2 ** 21;

/** A safe integer, the same after a restart. */
export function generationOf({ application, number }: Pick<Release, "application" | "number">): number {
  const own = createHash("sha256").update(application).digest().readUInt32LE(0); // invariant 1
  return (number % NUMBERS) * HASHES + own;
}
