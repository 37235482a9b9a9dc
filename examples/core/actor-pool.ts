// A pool of actors: each keeps its own state, words go to them in turn.

import { Runtime } from "shoal/core";

await using runtime = await Runtime.start();
const { Tally } = runtime.actors<typeof import("./work.ts")>(new URL("./work.ts", import.meta.url));

const pool = await Promise.all([Tally.create(), Tally.create()]);
const text = "the quick fox and the lazy dog and the hen".split(" ");
// Calls of one process to one actor begin in their order; nothing waits until `get`.
await runtime.get(
  text.flatMap((word) => {
    const actor = pool[word.length % pool.length];
    return actor === undefined ? [] : [actor.add(word)];
  }),
);
const counts = await runtime.get(pool.map((actor) => actor.counts()));
console.log(Object.assign({}, ...counts)["the"]);
