// A large array, stored once and read by every task without a copy.

import { Runtime } from "shoal/core";

await using runtime = await Runtime.start();
const work = runtime.tasks<typeof import("./work.ts")>(new URL("./work.ts", import.meta.url));

const length = 1_000_000;
const numbers = await runtime.put(Float64Array.from({ length }, (_, index) => index));
const part = length / 4;
const sums = await runtime.get([0, 1, 2, 3].map((n) => work.sumPart(numbers, n * part, (n + 1) * part)));
console.log(sums.reduce((total, sum) => total + sum, 0));
