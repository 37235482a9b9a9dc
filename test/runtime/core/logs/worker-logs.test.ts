// What workers print, as the driver shows it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { LogDedup } from "../../../../runtime/core/logs/log-dedup.ts";
import { nameMarker, splitAtMarker, visibleText } from "../../../../runtime/core/logs/log-prefix.ts";
import { OutputLines } from "../../../../runtime/core/logs/output-lines.ts";
import { WorkerLogs, type WorkerLogsOptions } from "../../../../runtime/core/logs/worker-logs.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { checkProperty } from "../../../support/properties.ts";

interface Harness extends Disposable {
  readonly clock: FakeClock;
  readonly logs: WorkerLogs;
  /** What was written, a line each, stderr with a mark in front. */
  readonly shown: string[];
  readonly unwritten: { bytes: number };
}

function harness(options: Partial<WorkerLogsOptions> = {}): Harness {
  const [clock, shown, unwritten] = [new FakeClock(), [] as string[], { bytes: 0 }];
  const sink = (mark: string): { write: (text: string) => void; readonly writableLength: number } => ({
    write: (text) => {
      assert(text.endsWith("\n"));
      shown.push(mark + text.slice(0, -1));
    },
    get writableLength() {
      return unwritten.bytes;
    },
  });
  const logs = new WorkerLogs({ clock, to: { stdout: sink(""), stderr: sink("! ") }, ...options });
  const dispose = (): void => logs[Symbol.dispose]();
  return { clock, logs, shown, unwritten, [Symbol.dispose]: dispose };
}

describe("prefixes", () => {
  it("tell task or actor, process, and the machine when it is another", () => {
    using h = harness();
    const log = h.logs.open({ pid: 123 });
    log.sink("stdout").line("before any task");
    log.rename("square");
    log.sink("stdout").line("four");
    log.sink("stderr").line("to stderr");
    h.logs.open({ pid: 9, name: "Counter", host: "10.0.0.2" }).sink("stdout").line("one");
    assert.deepEqual(h.shown, [
      "(pid=123) before any task",
      "(square pid=123) four",
      "! (square pid=123) to stderr",
      "(Counter pid=9, host=10.0.0.2) one",
    ]);
  });

  it("are coloured on a terminal, the same for a process", () => {
    const written: string[] = [];
    const sink = { isTTY: true, write: (text: string) => written.push(text) };
    const logs = new WorkerLogs({ clock: new FakeClock(), to: { stdout: sink, stderr: sink } });
    for (const pid of [11, 12, 11]) logs.open({ pid, name: "f" }).sink("stdout").line(`${pid}`);
    assert.equal(written[0], "\x1b[35m(f pid=11)\x1b[0m 11\n");
    assert.equal(written[2], written[0]);
    assert(!written[1]?.startsWith("\x1b[35m"));
    using plain = harness({ colour: true });
    plain.logs.open({ pid: 11 }).sink("stdout").line("x");
    assert.deepEqual(plain.shown, ["\x1b[35m(pid=11)\x1b[0m x"]);
  });

  it("follow the markers in each stream, also behind a line that was not ended (invariant 1)", () => {
    using h = harness();
    const log = h.logs.open({ pid: 1 });
    const stdout = new OutputLines(log.sink("stdout"), h.clock);
    stdout.write(nameMarker("square"));
    stdout.write("a\nhalf a line");
    stdout.write(nameMarker("cube\n\u001b"));
    stdout.write("b\n");
    log.sink("stderr").line("c");
    assert.deepEqual(h.shown, [
      "(square pid=1) a",
      "(square pid=1) half a line",
      "(cube   pid=1) b",
      "! (pid=1) c",
    ]);
  });

  it("name nothing after lines were dropped, unless it is an actor", () => {
    using h = harness();
    for (const name of [undefined, "Counter"]) {
      const log = h.logs.open({ pid: 1, ...(name === undefined ? {} : { name }) });
      log.rename("square");
      log.sink("stdout").dropped(7);
      log.sink("stdout").line("next");
    }
    assert.deepEqual(h.shown, [
      "! (square pid=1) 7 lines not shown: more than can be shown in a second",
      "(pid=1) next",
      "! (square pid=1) 7 lines not shown: more than can be shown in a second",
      "(Counter pid=1) next",
    ]);
  });

  it("marks come back as they went, whatever the name", (test) => {
    const property = fc.property(
      fc.string({ maxLength: 300, unit: "binary" }),
      fc.string(),
      (name, before) => {
        const marker = nameMarker(name);
        assert.equal(marker.indexOf("\n"), marker.length - 1);
        const split = splitAtMarker(before + marker.slice(0, -1));
        assert.equal(split?.text, before);
        assert.equal(split?.name.length, Math.min(name.length, 200));
      },
    );
    checkProperty(test, property);
  });

  it("stand before what a terminal would show", () => {
    assert.equal(visibleText("10%\r50%\r100%"), "100%");
    assert.equal(visibleText("done\r"), "done");
    assert.deepEqual([visibleText(""), visibleText("\r")], ["", ""]);
    assert.equal(visibleText("\x1b[31mred"), "\x1b[31mred\x1b[0m");
  });
});

describe("limits of a worker's lines", () => {
  it("let so many a second through and count the rest (invariant 1)", () => {
    using h = harness({ maxLinesPerSecond: 2 });
    const [loud, quiet] = [h.logs.open({ pid: 1 }), h.logs.open({ pid: 2 })];
    for (let index = 0; index < 10; index++)
      loud.sink(index % 2 === 0 ? "stdout" : "stderr").line(`x${index}`);
    quiet.sink("stdout").line("still heard");
    assert.deepEqual(h.shown, ["(pid=1) x0", "! (pid=1) x1", "(pid=2) still heard"]);
    // Also when nothing follows.
    h.clock.advance(1_000);
    assert.deepEqual(h.shown.slice(3), ["! (pid=1) 8 lines not shown: more than can be shown in a second"]);
    loud.sink("stdout").line("x10");
    assert.equal(h.shown.at(-1), "(pid=1) x10");
  });

  it("count what is suppressed when the worker ends, and leave no timer", () => {
    using h = harness({ maxLinesPerSecond: 1 });
    const log = h.logs.open({ pid: 1 });
    for (const text of ["a", "b", "c"]) log.sink("stdout").line(text);
    log[Symbol.dispose]();
    assert.match(h.shown[1] ?? "", /^! \(pid=1\) 2 lines not shown/);
    assert.equal(h.clock.pending, 0);
  });

  it("hold back while the driver's output does not keep up (invariant 2)", () => {
    using h = harness();
    const log = h.logs.open({ pid: 1 });
    h.unwritten.bytes = 2_000_000;
    log.sink("stdout").line("lost");
    h.unwritten.bytes = 0;
    log.sink("stdout").line("heard");
    h.clock.advance(1_000);
    assert.deepEqual(h.shown, [
      "(pid=1) heard",
      "! (pid=1) 1 lines not shown: more than can be shown in a second",
    ]);
  });

  it("show nothing at all when it is switched off", () => {
    const h = harness({ logToDriver: false, maxLinesPerSecond: 1 });
    const log = h.logs.open({ pid: 1 });
    for (const text of ["a", "b"]) log.sink("stdout").line(text);
    log.sink("stdout").dropped(3);
    h.logs[Symbol.dispose]();
    assert.deepEqual([h.shown, h.clock.pending], [[], 0]);
  });
});

describe("the same line from many workers", () => {
  function print(h: Harness, pids: readonly number[], text: (pid: number) => string): void {
    for (const pid of pids) h.logs.open({ pid, name: "f" }).sink("stdout").line(text(pid));
  }

  it("is shown once, then counted after five seconds (invariants 1 and 2)", () => {
    using h = harness();
    print(h, [1, 2, 3, 4, 5, 6], (pid) => `loading shard ${pid} from disk`);
    print(h, [1], () => "something else");
    assert.deepEqual(h.shown, ["(f pid=1) loading shard 1 from disk", "(f pid=1) something else"]);
    h.clock.advance(4_999);
    assert.equal(h.shown.length, 2);
    h.clock.advance(1);
    assert.deepEqual(h.shown.slice(2), [
      "(f pid=6) loading shard 6 from disk [repeated 5x across workers] (dedupLogs: false shows every line)",
    ]);
    // It goes on being counted; the hint comes once.
    print(h, [1, 2], (pid) => `loading shard ${pid}0 from disk`);
    assert.equal(h.shown.length, 3);
    h.clock.advance(5_000);
    assert.deepEqual(h.shown.slice(3), ["(f pid=2) loading shard 20 from disk [repeated 2x across workers]"]);
    h.clock.advance(20_000);
    print(h, [9], (pid) => `loading shard ${pid} from disk`);
    assert.equal(h.shown.at(-1), "(f pid=9) loading shard 9 from disk");
  });

  it("is shown every time when one worker repeats it, and as it was when held back once", () => {
    using h = harness();
    print(h, [1, 1, 1], () => "step");
    print(h, [2], () => "step");
    assert.deepEqual(h.shown, ["(f pid=1) step", "(f pid=1) step", "(f pid=1) step"]);
    h.clock.advance(5_000);
    assert.deepEqual(h.shown.slice(3), ["(f pid=2) step"]);
    // That was no repetition worth counting: it starts over.
    print(h, [3], () => "step");
    assert.deepEqual(h.shown.slice(4), ["(f pid=3) step"]);
  });

  it("is told apart by stream, by words and, where there are only numbers, by these", () => {
    using h = harness();
    print(h, [1, 2], (pid) => `${pid}.5 0x1f`);
    print(h, [1, 2], (pid) => ["", "ready", "steady"][pid] ?? "");
    h.logs.open({ pid: 3, name: "f" }).sink("stderr").line("ready");
    assert.equal(h.shown.length, 5);
  });

  it("is shown in full when it is switched off, and lost by no dispose (invariant 3)", () => {
    using off = harness({ dedupLogs: false });
    print(off, [1, 2, 3], () => "ready");
    assert.equal(off.shown.length, 3);
    const h = harness();
    print(h, [1, 2, 3], () => "ready");
    h.logs[Symbol.dispose]();
    assert.match(h.shown[1] ?? "", /^\(f pid=3\) ready \[repeated 2x/);
    print(h, [1, 2], () => "late");
    assert.deepEqual([h.shown.length, h.clock.pending], [4, 0]);
  });

  it("is remembered among 1,000 kinds at most; what goes is shown (invariant 3)", () => {
    const clock = new FakeClock();
    const shown: string[] = [];
    const dedup = new LogDedup<number>(clock, (text, _origin, repeated) => shown.push(`${text} ${repeated}`));
    for (const worker of [1, 2, 3]) dedup.line("first", worker, { worker, group: "" });
    const kind = (index: number): string => String.fromCodePoint(0x4e00 + index);
    for (let index = 1; index < 1_000; index++) dedup.line(kind(index), 1, { worker: 1, group: "" });
    assert.equal(shown.filter((text) => text.startsWith("first")).length, 1);
    dedup.line(kind(1_000), 1, { worker: 1, group: "" });
    assert.deepEqual(shown.slice(-2), ["first 2", `${kind(1_000)} 0`]);
    dedup.flush();
    assert.equal(clock.pending, 0);
  });

  it("loses no line, whatever comes (invariants 2 and 3)", (test) => {
    const step = fc.oneof(
      fc.record({ worker: fc.nat(3), text: fc.constantFrom("a 1", "a 2", "b", "7") }),
      fc.integer({ min: 0, max: 6_000 }),
      fc.constant("kinds" as const),
    );
    const property = fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const clock = new FakeClock();
      let shown = 0;
      let printed = 0;
      const dedup = new LogDedup<number>(
        clock,
        (_text, _origin, repeated) => (shown += Math.max(1, repeated)),
      );
      const print = (text: string, worker: number): void => {
        printed++;
        dedup.line(text, worker, { worker, group: "stdout" });
      };
      for (const next of steps) {
        if (next === "kinds")
          for (let kind = 0; kind < 1_001; kind++) print(`=${String.fromCodePoint(0x4e00 + kind)}`, 0);
        else if (typeof next === "number") clock.advance(next);
        else print(next.text, next.worker);
      }
      assert(shown <= printed);
      clock.advance(5_000);
      assert.deepEqual([shown, clock.pending], [printed, 0]);
    });
    checkProperty(test, property, 100);
  });
});

describe("a worker's process", () => {
  it("is heard line by line, with the name of what it runs", async () => {
    using h = harness();
    const script = `
      process.stdout.write(${JSON.stringify(nameMarker("square"))});
      process.stdout.write("first\\nwithout an end");
      process.stdout.write(${JSON.stringify(nameMarker("cube"))});
      process.stdout.write("grüße");`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    const pid = child.pid ?? 0;
    const log = h.logs.open({ pid });
    const lines = new OutputLines(log.sink("stdout"), h.clock);
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => lines.write(chunk));
    await once(child, "close");
    lines.end();
    assert.deepEqual(h.shown, [
      `(square pid=${pid}) first`,
      `(square pid=${pid}) without an end`,
      `(cube pid=${pid}) grüße`,
    ]);
  });
});
