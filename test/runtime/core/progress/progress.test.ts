// Progress of a fan-out: the line on a terminal, the two lines elsewhere, and what is written above.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type Progress,
  progressLine,
  progressSummary,
} from "../../../../runtime/core/progress/progress-line.ts";
import { renderProgress } from "../../../../runtime/core/progress/progress.ts";
import { type OutputSink, StatusLine } from "../../../../runtime/core/progress/status-line.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { until } from "../../../support/until.ts";

/** A terminal that keeps what is written and knows what a person would see. */
class FakeTerminal implements OutputSink {
  readonly isTTY: boolean;
  readonly columns: number | undefined;
  readonly writes: string[] = [];
  /** Lines that were ended, and the one the cursor is on. */
  screen = [""];

  constructor(isTTY = true, columns?: number) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(text: string): boolean {
    this.writes.push(text);
    for (const part of text.replaceAll("\r\x1b[K", "\r").split(/([\r\n])/)) {
      if (part === "\n") this.screen.push("");
      else if (part === "\r") this.screen[this.screen.length - 1] = "";
      else this.screen[this.screen.length - 1] += part;
    }
    return true;
  }
}

/** Completions that a test tells one by one. */
class Completions implements AsyncIterable<{ failed: boolean }> {
  readonly #told: boolean[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;
  /** Completions that were asked for after all told ones. */
  waiting = 0;

  tell(...failed: boolean[]): void {
    this.#told.push(...failed);
    this.#wake.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<{ failed: boolean }> {
    for (;;) {
      const failed = this.#told.shift();
      if (failed !== undefined) yield { failed };
      else if (this.#ended) return;
      else {
        this.#wake = Promise.withResolvers();
        this.waiting++;
        await this.#wake.promise;
      }
    }
  }

  /** Tells, and waits until all was taken. */
  async count(...failed: boolean[]): Promise<void> {
    const before = this.waiting;
    this.tell(...failed);
    await until(() => this.waiting > before);
  }
}

describe("progress in words", () => {
  const base: Progress = { label: "square", done: 0, failed: 0, total: 1_000, elapsedMs: 0 };

  it("says how far, how fast and how long", () => {
    assert.equal(progressLine(base), "square [>                   ] 0/1000 0% 0.0/s");
    assert.equal(
      progressLine({ ...base, done: 512, failed: 2, elapsedMs: 2_000 }),
      "square [==========>         ] 512/1000 51% 256/s, 2 failed, 2 s left",
    );
    assert.equal(
      progressLine({ ...base, done: 1, elapsedMs: 5_000 }),
      "square [>                   ] 1/1000 0% 0.2/s, 01:23:15 left",
    );
    assert.equal(
      progressLine({ ...base, done: 1_000, elapsedMs: 100_000 }),
      "square [====================] 1000/1000 100% 10.0/s, 0 s left",
    );
    assert.match(progressLine({ ...base, total: 0 }), /0\/0 100%/);
    assert.match(progressLine({ ...base, done: 1_005, elapsedMs: 1 }), /1005\/1000 100% .* 0 s left$/);
  });

  it("sums up", () => {
    assert.equal(
      progressSummary({ ...base, done: 1_000, failed: 3, elapsedMs: 90_000 }),
      "square: 1000 done in 01:30, 11.1/s, 3 failed",
    );
    assert.equal(
      progressSummary({ ...base, done: 5, elapsedMs: 1_000 }),
      "square: 5 of 1000 done in 1 s, 5.0/s",
    );
  });
});

describe("renderProgress on a terminal", () => {
  it("draws at most ten times a second, and leaves nothing (invariants 1 and 2)", async () => {
    const [terminal, clock, completions] = [new FakeTerminal(), new FakeClock(), new Completions()];
    const finished = renderProgress(1_000, completions, { stream: terminal, clock, label: "square" });
    assert.match(terminal.screen.at(-1) ?? "", /^square .* 0\/1000/);
    for (let time = 0; time < 100; time++) {
      await completions.count(false, time === 7);
      clock.advance(10);
    }
    assert.equal(terminal.writes.length, 1 + 10);
    assert.match(terminal.screen.at(-1) ?? "", / 200\/1000 20% 200\/s, 1 failed, 4 s left$/);
    completions.end();
    assert.deepEqual(await finished, {
      label: "square",
      done: 200,
      failed: 1,
      total: 1_000,
      elapsedMs: 1_000,
    });
    assert.deepEqual([terminal.screen, clock.pending], [[""], 0]);
  });

  it("keeps the time left true while nothing completes (invariant 1)", async () => {
    const [terminal, clock, completions] = [new FakeTerminal(), new FakeClock(), new Completions()];
    const finished = renderProgress(4, completions, { stream: terminal, clock });
    await completions.count(false);
    clock.advance(1_000);
    const drawn = terminal.writes.length;
    clock.advance(10_000);
    assert.equal(terminal.writes.length - drawn, 10);
    assert.match(terminal.screen.at(-1) ?? "", /1\/4 25% 0\.1\/s, \d\d s left/);
    completions.end();
    await finished;
  });

  it("fits the terminal (a line as wide would wrap)", async () => {
    const [terminal, clock] = [new FakeTerminal(true, 12), new FakeClock()];
    const completions = new Completions();
    const finished = renderProgress(4, completions, { stream: terminal, clock });
    assert.deepEqual(terminal.screen, ["tasks [>   "]);
    completions.end();
    await finished;
  });

  it("leaves nothing when the completions fail (invariant 2)", async () => {
    const [terminal, clock] = [new FakeTerminal(), new FakeClock()];
    async function* failing(): AsyncGenerator<{ failed: boolean }> {
      yield { failed: false };
      throw new Error("lost");
    }
    await assert.rejects(renderProgress(4, failing(), { stream: terminal, clock }), /lost/);
    assert.deepEqual([terminal.screen, clock.pending], [[""], 0]);
  });

  it("lets whole lines be written above it", async () => {
    const [terminal, clock, completions] = [new FakeTerminal(), new FakeClock(), new Completions()];
    const statusLine = new StatusLine(terminal);
    const above = statusLine.above(terminal);
    above.write("before\n");
    const finished = renderProgress(4, completions, { stream: terminal, clock, statusLine });
    above.write("(square pid=1) one\n");
    above.write("(square pid=1) two\n");
    assert.deepEqual(terminal.screen.slice(0, 3), ["before", "(square pid=1) one", "(square pid=1) two"]);
    assert.match(terminal.screen.at(-1) ?? "", /^tasks .* 0\/4/);
    completions.end();
    await finished;
    above.write("after\n");
    assert.deepEqual(terminal.screen.slice(3), ["after", ""]);
  });
});

describe("renderProgress elsewhere", () => {
  async function written(withoutTerminal?: "lines" | "nothing"): Promise<string[]> {
    const [file, clock, completions] = [new FakeTerminal(false), new FakeClock(), new Completions()];
    const options = withoutTerminal === undefined ? {} : { withoutTerminal };
    const finished = renderProgress(3, completions, { stream: file, clock, label: "square", ...options });
    await completions.count(false, true);
    clock.advance(10_000);
    completions.end();
    await finished;
    assert.equal(clock.pending, 0);
    return file.writes;
  }

  it("writes a line at the start and one at the end", async () => {
    assert.deepEqual(await written(), [
      "square: 3 to do\n",
      "square: 2 of 3 done in 10 s, 0.2/s, 1 failed\n",
    ]);
  });

  it("writes nothing when it is told so", async () => {
    assert.deepEqual(await written("nothing"), []);
  });
});
