// Tasks with what the program itself has not: npm packages, variables, a hook. Workers are kept apart by environment.

import { Runtime } from "shoal/core";

const module = new URL("./environment-work.ts", import.meta.url);
await using runtime = await Runtime.start({
  runtimeEnv: {
    npm: ["leven@4.0.0"], // installed once, kept for the next run
    envVars: { ALPHABET: "latin" },
    setupHook: { module, exportName: "greet" },
  },
});
const work = runtime.tasks<typeof import("./environment-work.ts")>(module);
console.log(await runtime.get([work.distance("kitten", "sitting"), work.alphabet()]));

// Variables are merged over the job's, everything else is replaced.
const runic = work.alphabet.options({ runtimeEnv: { envVars: { ALPHABET: "runes" } } });
console.log(await runtime.get(runic()));

// What cannot be set up fails the tasks that need it, with the end of the log, and nobody else.
const missing = work.alphabet.options({ runtimeEnv: { npm: ["leven@99.99.99"] } });
const error = await runtime.get(missing()).catch((thrown: { readonly code: string }) => thrown);
console.log(typeof error === "string" ? error : error.code);
