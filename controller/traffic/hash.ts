// A text to a slot: the same in every process and after every restart.

import { SLOTS } from "./table.ts";

/** FNV-1a over UTF-16 code units, starting from `seed`, mixed so that every bit counts (MurmurHash3's last step). */
export function hashOf(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

export function slotOf(hash: number): number {
  return Math.floor((hash / 0x1_0000_0000) * SLOTS);
}
