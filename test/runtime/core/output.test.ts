// What an actor's process writes, cut into lines and bounded.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pino } from "pino";
import { OutputLines } from "../../../runtime/core/output-lines.ts";
import { FakeClock } from "../../support/fake-clock.ts";
import { startProbe } from "./support.ts";

describe("OutputLines", () => {
  function lines(clock = new FakeClock()): { seen: (string | number)[]; output: OutputLines } {
    const seen: (string | number)[] = [];
    const sink = {
      line: (text: string) => void seen.push(text),
      dropped: (count: number) => void seen.push(count),
    };
    return { seen, output: new OutputLines(sink, clock) };
  }

  it("puts lines together across chunks", () => {
    const { seen, output } = lines();
    for (const chunk of ["a", "b\nc\r", "\n\nd"]) output.write(chunk);
    assert.deepEqual(seen, ["ab", "c", ""]);
    output.end();
    assert.deepEqual(seen, ["ab", "c", "", "d"]);
    output.end();
    assert.equal(seen.length, 4);
  });

  it("drops and counts what is above the limit of a second (invariant 1)", () => {
    const clock = new FakeClock();
    const { seen, output } = lines(clock);
    output.write("x\n".repeat(1_500));
    assert.equal(seen.length, 1_000);
    clock.advance(1_000);
    output.write("next\n");
    assert.deepEqual(seen.slice(1_000), [500, "next"]);
    output.write("y\n".repeat(1_001));
    output.end();
    assert.equal(seen.at(-1), 2);
  });

  it("cuts off a line that does not end (invariant 2)", () => {
    const { seen, output } = lines();
    for (let time = 0; time < 10; time++) output.write("z".repeat(10_000));
    output.write("\nshort\n");
    assert.deepEqual(seen, ["z".repeat(16_384), "short"]);
  });
});

describe("output of an actor", { timeout: 600_000 }, () => {
  it("comes as lines, all of it before DEAD", async () => {
    const seen: string[] = [];
    const actor = await startProbe({ onOutput: (line, stream) => seen.push(`${stream} ${line}`) });
    await actor.call("print", [2]);
    await actor.stop();
    assert.deepEqual(
      seen.filter((line) => line.startsWith("stdout")),
      ["stdout line 0", "stdout line 1", "stdout without an end"],
    );
    assert.deepEqual(
      seen.filter((line) => line.startsWith("stderr")),
      ["stderr to stderr"],
    );
  });

  it("goes to the log with the actor's name when nobody takes it", async () => {
    const logged: Record<string, unknown>[] = [];
    const log = pino({ base: null }, { write: (line: string) => void logged.push(JSON.parse(line)) });
    const actor = await startProbe({ name: "chatty", log });
    await actor.call("print", [1]);
    await actor.stop();
    const line = logged.find(({ msg }) => msg === "to stderr");
    assert.deepEqual([line?.["actor"], line?.["stream"], line?.["incarnation"]], ["chatty", "stderr", 1]);
    assert(logged.some(({ msg }) => msg === "PENDING_CREATION → ALIVE (created)"));
  });

  it("does not stop a process that floods", async () => {
    let count = 0;
    await using actor = await startProbe({ onOutput: () => count++ });
    await actor.call("print", [50_000]);
    assert.equal(await actor.call("add", [1]), 1);
    assert(count < 50_000, `${count} lines came through`);
  });
});
