// A compiled graph: three actors in a row, set up once, that pass their values straight on.

import { type InputNode, Runtime } from "shoal/core";

await using runtime = await Runtime.start();
const { Adder } = runtime.actors<typeof import("./work.ts")>(new URL("./work.ts", import.meta.url));
const [ones, tens, hundreds] = await Promise.all([Adder.create(1), Adder.create(10), Adder.create(100)]);

const graph = runtime.graph((input: InputNode<number>) =>
  hundreds.add.bind(tens.add.bind(ones.add.bind(input))),
);
await using compiled = await graph.compile({ maxInFlight: 4 });
console.log(await Promise.all([0, 1, 2, 3, 4, 5].map((n) => compiled.execute(n * 1_000))));
