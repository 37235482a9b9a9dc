// A generator that runs in a worker; its items come as they are made, and it waits for its reader.

import { Runtime } from "shoal/core";

await using runtime = await Runtime.start();
const work = runtime.tasks<typeof import("./work.ts")>(new URL("./work.ts", import.meta.url));

for await (const word of work.words("read me one by one")) {
  console.log(word);
  if (word === "one") break; // ends the task
}
