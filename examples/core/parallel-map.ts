// The same function over many inputs, on all CPUs, with a line that says how far it is.

import { Runtime } from "shoal/core";

await using runtime = await Runtime.start();
const work = runtime.tasks<typeof import("./work.ts")>(new URL("./work.ts", import.meta.url));

const limits = Array.from({ length: 20 }, (_, index) => 10_000 + 1_000 * index);
const counts = limits.map((limit) => work.countPrimes(limit));
await runtime.progress(counts, { label: "countPrimes" });
const values = await runtime.get(counts);
console.log(`primes below ${limits.at(-1)}: ${values.at(-1)}`);

console.log(`in nested tasks: ${await runtime.get(work.countPrimesIn([100, 1_000]))}`);
