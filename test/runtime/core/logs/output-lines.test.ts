// What a worker writes, cut into lines and bounded.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OutputLines } from "../../../../runtime/core/logs/output-lines.ts";
import { FakeClock } from "../../../support/fake-clock.ts";

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
