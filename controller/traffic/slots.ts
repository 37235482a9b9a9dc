// Shares as slots, and how they change hands.
//
// 1. Slots change hands only as far as the shares differ: a session moves only when its share must.
// 2. Between two versions it matters only what the shares are, not by which way they came to be: the earlier version
//    has the lower slots.

import { SLOTS, type SlotRun } from "./table.ts";

/** Slots as an owner each, for reading; -1 for none. */
export function ownersOf(runs: readonly SlotRun[]): Int16Array {
  const owners = new Int16Array(SLOTS).fill(-1);
  let at = 0;
  for (const { version, length } of runs) {
    owners.fill(version, at, at + length);
    at += length;
  }
  return owners;
}

/** Slots for shares that nobody had before; `parts` add up to SLOTS. */
export function layOut(parts: readonly number[]): SlotRun[] {
  return parts.flatMap((length, version) => (length === 0 ? [] : [{ version, length }]));
}

/** The slots after the shares have become `parts`, which add up to SLOTS. Slots of owner -1 are free to be taken. */
export function moveSlots(runs: readonly SlotRun[], parts: readonly number[]): SlotRun[] {
  const owners = ownersOf(runs);
  const surplus = parts.map((wanted) => -wanted);
  let free = 0;
  for (const owner of owners) {
    if (owner === -1) free++;
    else surplus[owner] = (surplus[owner] ?? 0) + 1;
  }
  for (let gainer = 0; gainer < parts.length; gainer++) {
    for (let loser = -1; loser < parts.length; loser++) {
      const spare = loser === -1 ? free : (surplus[loser] ?? 0);
      const count = Math.min(spare, -(surplus[gainer] ?? 0));
      if (count <= 0) continue; // invariant 1
      give(owners, { loser, gainer, count });
      surplus[gainer] = (surplus[gainer] ?? 0) + count;
      if (loser === -1) free -= count;
      else surplus[loser] = spare - count;
    }
  }
  return runsOf(owners);
}

/** Invariant 2: the end of the loser's slots that is nearer to the gainer's. */
function give(
  owners: Int16Array,
  { loser, gainer, count }: { readonly loser: number; readonly gainer: number; readonly count: number },
): void {
  const step = loser < gainer && loser !== -1 ? -1 : 1;
  let left = count;
  for (let at = step === 1 ? 0 : SLOTS - 1; left > 0; at += step) {
    if (owners[at] !== loser) continue;
    owners[at] = gainer;
    left--;
  }
}

function runsOf(owners: Int16Array): SlotRun[] {
  const runs: { version: number; length: number }[] = [];
  for (const version of owners) {
    const last = runs.at(-1);
    if (last?.version === version) last.length++;
    else runs.push({ version, length: 1 });
  }
  return runs;
}
