// A graph of tasks: made once, executed as often as wanted. What two nodes share runs once, and values go from worker to
// worker without passing here.

import { type InputNode, Runtime } from "shoal/core";

await using runtime = await Runtime.start();
const work = runtime.tasks<typeof import("./work.ts")>(new URL("./work.ts", import.meta.url));

const graph = runtime.graph((input: InputNode<{ readonly text: string; readonly word: string }>) => {
  const cleaned = work.clean.bind(input.text);
  return { words: work.countWords.bind(cleaned), found: work.countWord.bind(cleaned, input.word) };
});
const { words, found } = graph.execute({ text: "The quick fox and the lazy dog", word: "the" });
console.log(await runtime.get([words, found]));
