// The monitor that names a worker to kill when memory runs out: reading, choosing, waiting.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { ShoalError } from "../../../../runtime/base/index.ts";
import { MemoryMonitor, type MemoryPressure } from "../../../../runtime/core/memory/memory-monitor.ts";
import {
  linuxMemoryReader,
  memoryReader,
  type MemoryReading,
} from "../../../../runtime/core/memory/memory-reader.ts";
import {
  type MeasuredWorker,
  type MemoryWork,
  oomRetryDelayMs,
  pickVictim,
} from "../../../../runtime/core/memory/memory-victim.ts";
import { FakeClock } from "../../../support/fake-clock.ts";
import { checkProperty } from "../../../support/properties.ts";

const MIB = 1024 ** 2;
const NO_LIMIT = "9223372036854771712\n";

function worker(workerId: string, work?: Partial<MemoryWork>, bytes = 100 * MIB): MeasuredWorker {
  return {
    workerId,
    pid: Number(workerId.replace(/\D/g, "")),
    bytes,
    work: work && {
      kind: "task",
      name: "square",
      ownerId: "driver",
      startedMs: 0,
      retriable: true,
      essential: false,
      ...work,
    },
  };
}

describe("memory reader", () => {
  const MEMINFO = "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:    400 kB\n";

  async function read(files: Record<string, string>): Promise<MemoryReading | undefined> {
    await using root = await mkdtempDisposable(join(tmpdir(), "shoal-memory-"));
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root.path, path)), { recursive: true });
      await writeFile(join(root.path, path), text);
    }
    return linuxMemoryReader(root.path).machine();
  }

  it("tells the machine's memory where there is no limit", async () => {
    const whole = { usedBytes: 600 * 1024, limitBytes: 1_000 * 1024 };
    assert.deepEqual(await read({ "proc/meminfo": MEMINFO }), whole);
    const cgroup = "sys/fs/cgroup/memory";
    assert.deepEqual(
      await read({
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "4:memory:/\n0::/\n",
        [`${cgroup}/memory.limit_in_bytes`]: NO_LIMIT,
        [`${cgroup}/memory.usage_in_bytes`]: "1020000",
      }),
      whole,
    );
  });

  it("tells the tightest of the cgroups, version 2 (invariants 1 and 2)", async () => {
    const files = {
      "proc/meminfo": MEMINFO,
      "proc/self/cgroup": "0::/outer/inner\n",
      "sys/fs/cgroup/outer/inner/memory.max": "max\n",
      "sys/fs/cgroup/outer/inner/memory.current": "1\n",
      "sys/fs/cgroup/outer/memory.max": "100000\n",
      "sys/fs/cgroup/outer/memory.current": "95000\n",
      "sys/fs/cgroup/outer/memory.stat": "anon 1\nactive_file 9\ninactive_file 5000\n",
    };
    assert.deepEqual(await read(files), { usedBytes: 90_000, limitBytes: 100_000 });
    // The machine is nearer to its limit than the cgroup.
    const roomy = { ...files, "sys/fs/cgroup/outer/memory.current": "50000\n" };
    assert.deepEqual(await read(roomy), { usedBytes: 600 * 1024, limitBytes: 1_000 * 1024 });
  });

  it("finds the limit of a container that sees only its own cgroup", async () => {
    const reading = await read({
      "proc/meminfo": MEMINFO,
      "proc/self/cgroup": "12:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/docker/abc\n",
      "sys/fs/cgroup/memory/memory.limit_in_bytes": "100000\n",
      "sys/fs/cgroup/memory/memory.usage_in_bytes": "99000\n",
      "sys/fs/cgroup/memory/memory.stat": "inactive_file 1\ntotal_inactive_file 2000\n",
    });
    assert.deepEqual(reading, { usedBytes: 97_000, limitBytes: 100_000 });
  });

  it("tells nothing rather than something wrong", async () => {
    assert.equal(await read({}), undefined);
    assert.equal(await read({ "proc/meminfo": "MemTotal: 12 kB\n" }), undefined);
    assert.equal(memoryReader("darwin"), undefined);
  });

  it("reads this machine, and a process until it is gone (invariant 3)", async (test) => {
    const reader = memoryReader();
    if (process.platform !== "linux" || reader === undefined) return test.skip("reads /proc");
    const reading = reader.machine();
    assert(reading !== undefined && reading.limitBytes <= totalmem());
    assert(reading.usedBytes > 0 && reading.usedBytes <= reading.limitBytes);
    const hold =
      "globalThis.held = Buffer.alloc(200 * 1024 ** 2, 1); console.log(); setInterval(() => {}, 1e9)";
    const child: ChildProcess = spawn(process.execPath, ["-e", hold], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = child.pid ?? 0;
    try {
      assert(child.stdout !== null);
      await once(child.stdout, "data");
      const bytes = reader.processBytes(pid) ?? 0;
      assert(bytes >= 200 * MIB && bytes < 400 * MIB, `${bytes} bytes`);
      assert.equal(reader.isGone(pid), false);
    } finally {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    assert.deepEqual([reader.processBytes(pid), reader.isGone(pid)], [undefined, true]);
  });
});

describe("pickVictim", () => {
  function chosen(...workers: MeasuredWorker[]): string | undefined {
    return pickVictim(workers, 1_000)?.worker.workerId;
  }

  it("takes the work that began last", () => {
    const victim = pickVictim([worker("w1", { startedMs: 100 }), worker("w2", { startedMs: 300 })], 1_000);
    assert.deepEqual([victim?.worker.workerId, victim?.ranMs], ["w2", 700]);
  });

  it("takes neither the idle nor who holds next to nothing (invariant 1)", () => {
    assert.equal(chosen(), undefined);
    assert.equal(chosen(worker("w1", undefined, 9_000 * MIB)), undefined);
    const hog = worker("w1", { retriable: false, kind: "actor" }, 9_000 * MIB);
    assert.equal(chosen(hog, worker("w2", { startedMs: 9 }, 40 * MIB), worker("w3")), "w1");
    assert.equal(chosen(hog, worker("w2", { startedMs: 9 }, 500 * MIB)), "w2");
  });

  it("takes retriable tasks, then such actors, then the other tasks, then the other actors, then what others stand on (invariant 2)", () => {
    const order = [
      worker("w1", { startedMs: 1 }),
      worker("w2", { startedMs: 2, kind: "actor" }),
      worker("w3", { startedMs: 3, retriable: false }),
      worker("w4", { startedMs: 4, retriable: false, kind: "actor" }),
      worker("w5", { startedMs: 5, kind: "actor", essential: true }),
    ];
    for (let from = 0; from < order.length; from++) {
      assert.equal(chosen(...order.slice(from).toReversed()), order[from]?.workerId);
    }
  });

  it("leaves an owner its last work while another has more (invariant 3)", () => {
    const single = worker("w1", { ownerId: "a", startedMs: 900 });
    const twins = [
      worker("w2", { ownerId: "b", startedMs: 1 }),
      worker("w3", { ownerId: "b", startedMs: 2 }),
    ];
    assert.equal(chosen(single, ...twins), "w3");
    assert.equal(chosen(single, ...twins.slice(0, 1)), "w1");
  });

  it("chooses the same whatever the order, and never an idle one", (test) => {
    const any = fc.record({
      idle: fc.boolean(),
      mib: fc.option(fc.nat(1_000), { nil: undefined }),
      work: fc.record({
        kind: fc.constantFrom("task" as const, "actor" as const),
        ownerId: fc.constantFrom("a", "b", "c"),
        startedMs: fc.nat(5),
        retriable: fc.boolean(),
      }),
    });
    const property = fc.property(fc.array(any, { maxLength: 8 }), (all) => {
      const workers = all.map(({ idle, mib, work }, index) => ({
        ...worker(`w${index}`, idle ? undefined : work),
        bytes: mib === undefined ? undefined : mib * MIB,
      }));
      const victim = pickVictim(workers, 10);
      assert.deepEqual(pickVictim(workers.toReversed(), 10), victim);
      assert.equal(
        victim === undefined,
        workers.every(({ work }) => work === undefined),
      );
      if (victim === undefined) return;
      assert.equal(victim.worker.work, victim.work);
      // Nothing that could be tried again, holds as much and runs shorter was passed over for what cannot be.
      const better = workers.some(
        ({ work, bytes }) =>
          work?.retriable === true && !victim.work.retriable && (bytes ?? 0) >= (victim.worker.bytes ?? 0),
      );
      assert.equal(better && victim.worker.bytes !== undefined, false);
    });
    checkProperty(test, property, 500);
  });
});

describe("oomRetryDelayMs", () => {
  it("doubles from a second to a minute, without end", () => {
    assert.deepEqual(
      [1, 2, 3, 6, 7, 10_000].map(oomRetryDelayMs),
      [1_000, 2_000, 4_000, 32_000, 60_000, 60_000],
    );
  });
});

describe("MemoryMonitor", () => {
  /** A machine whose memory and processes a test sets. */
  class FakeMachine {
    readonly clock = new FakeClock();
    readonly pressures: MemoryPressure[] = [];
    readonly looked: number[] = [];
    reading: MemoryReading | undefined = { usedBytes: 10, limitBytes: 100 };
    workers: MeasuredWorker[] = [];

    start(more: { refreshMs?: number; threshold?: number; killWaitMs?: number } = {}): MemoryMonitor {
      return MemoryMonitor.start({
        clock: this.clock,
        reader: {
          machine: () => this.reading,
          processBytes: (pid) => {
            this.looked.push(pid);
            return this.workers.find((worker) => worker.pid === pid)?.bytes;
          },
          isGone: (pid) => !this.workers.some((worker) => worker.pid === pid),
        },
        workers: () => this.workers,
        onPressure: (pressure) => this.pressures.push(pressure),
        ...more,
      });
    }

    get killed(): string[] {
      return this.pressures.map(({ victim }) => victim.worker.workerId);
    }
  }

  it("names a victim above the threshold, with a message, and looks at nobody below (invariant 2)", () => {
    const machine = new FakeMachine();
    machine.workers = Array.from({ length: 7 }, (_, index) =>
      worker(`w${index + 1}`, { startedMs: index, name: `job-${index + 1}` }, (index + 1) * 1_000 * MIB),
    );
    using _monitor = machine.start();
    machine.reading = { usedBytes: 95 * 1024 ** 3, limitBytes: 100 * 1024 ** 3 };
    machine.clock.advance(1_000);
    assert.deepEqual([machine.killed, machine.looked], [[], []]);
    machine.reading = { usedBytes: 96 * 1024 ** 3, limitBytes: 100 * 1024 ** 3 };
    machine.clock.advance(249);
    assert.deepEqual(machine.killed, []);
    machine.clock.advance(1);
    assert.deepEqual(machine.killed, ["w7"]);
    const { message = "", usedBytes, limitBytes } = machine.pressures[0] ?? {};
    assert.deepEqual({ usedBytes, limitBytes }, machine.reading);
    assert.match(message, /task "job-7" \(pid 7, 6\.84 GiB, ran 2\.2 s\)/);
    assert.match(
      message,
      /96\.00 GiB of 100\.00 GiB \(0\.960\), above the threshold of 0\.950\. It is tried again/,
    );
    assert.deepEqual(
      message.match(/^ {2}pid \d+/gm),
      [7, 6, 5, 4, 3].map((pid) => `  pid ${pid}`),
    );
  });

  it("waits until a victim is gone before it names another (invariant 1)", () => {
    const machine = new FakeMachine();
    const [first, second] = [worker("w1", { startedMs: 1 }), worker("w2", { startedMs: 2 })];
    machine.workers = [first, second];
    machine.reading = { usedBytes: 99, limitBytes: 100 };
    using _monitor = machine.start();
    machine.clock.advance(4_000);
    assert.deepEqual(machine.killed, ["w2"]);
    machine.workers = [first];
    machine.reading = { usedBytes: 50, limitBytes: 100 };
    machine.clock.advance(1_000);
    assert.deepEqual(machine.killed, ["w2"]);
    machine.reading = { usedBytes: 99, limitBytes: 100 };
    machine.clock.advance(250);
    assert.deepEqual(machine.killed, ["w2", "w1"]);
  });

  it("names another, not the same, when a victim does not go (invariant 1)", () => {
    const machine = new FakeMachine();
    machine.workers = [worker("w1", { startedMs: 1 }), worker("w2", { startedMs: 2 })];
    machine.reading = { usedBytes: 99, limitBytes: 100 };
    using _monitor = machine.start({ killWaitMs: 1_000 });
    machine.clock.advance(250 + 750);
    assert.deepEqual(machine.killed, ["w2"]);
    machine.clock.advance(250);
    assert.deepEqual(machine.killed, ["w2", "w1"]);
    machine.clock.advance(10_000);
    assert.deepEqual(machine.killed, ["w2", "w1"]);
    // Its process id is somebody else's now.
    machine.workers = [];
    machine.clock.advance(250);
    machine.workers = [worker("w2", { startedMs: 3 })];
    machine.clock.advance(250);
    assert.deepEqual(machine.killed, ["w2", "w1", "w2"]);
  });

  it("kills nobody when nothing can be read, or nobody works (invariant 3)", () => {
    const machine = new FakeMachine();
    machine.workers = [worker("w1", {})];
    machine.reading = undefined;
    using _monitor = machine.start();
    machine.clock.advance(1_000);
    machine.reading = { usedBytes: 99, limitBytes: 100 };
    machine.workers = [worker("w1")];
    machine.clock.advance(1_000);
    assert.deepEqual(machine.killed, []);
  });

  it("looks no more when it is disposed of, never when it is off", () => {
    const machine = new FakeMachine();
    machine.start()[Symbol.dispose]();
    machine.start({ refreshMs: 0 });
    assert.equal(machine.clock.pending, 0);
    const monitor = machine.start();
    monitor[Symbol.dispose]();
    monitor[Symbol.dispose]();
    assert.equal(machine.clock.pending, 0);
  });

  it("looks no more when it is disposed of by who it told", () => {
    const clock = new FakeClock();
    let told = 0;
    const monitor: MemoryMonitor = MemoryMonitor.start({
      clock,
      reader: { machine: () => ({ usedBytes: 1, limitBytes: 1 }), processBytes: () => 1, isGone: () => true },
      workers: () => [worker("w1", {})],
      onPressure: () => {
        told++;
        monitor[Symbol.dispose]();
      },
    });
    clock.advance(1_000);
    assert.deepEqual([told, clock.pending], [1, 0]);
  });

  it("refuses options out of range", () => {
    for (const options of [
      { threshold: 0 },
      { threshold: 1.1 },
      { refreshMs: -1 },
      { refreshMs: Number.NaN },
    ]) {
      assert.throws(
        () => new FakeMachine().start(options),
        (error) => error instanceof ShoalError && error.code === "INVALID_ARGUMENT",
      );
    }
  });
});
