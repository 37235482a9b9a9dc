// The active checks on a clock that a test moves: what counts against a replica and what does not.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as immediate } from "node:timers/promises";
import { HealthChecks } from "../../controller/health-checks.ts";
import { silentLog } from "../../runtime/base/log/index.ts";
import { FakeClock } from "../support/fake-clock.ts";

const PERIOD_MS = 10_000;

/** A replica whose answers and process a test decides on; its timeouts take real time, so none passes. */
class Patient {
  readonly clock = new FakeClock();
  readonly unwell: string[] = [];
  answers = true;
  stopped = false;
  refuses = false;
  looks = 0;
  readonly checks = new HealthChecks({
    replicaId: "r#0",
    settings: () => ({ periodMs: PERIOD_MS, timeoutMs: 1_000_000, patienceMs: 1_000_000 }),
    check: (signal) => {
      if (this.refuses) return Promise.reject(new Error("connect ECONNREFUSED"));
      if (this.answers) return Promise.resolve();
      return new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(new Error("gone")), { once: true });
      });
    },
    busyMs: async () => 5,
    stopped: async () => {
      this.looks++;
      return this.stopped;
    },
    clock: this.clock,
    log: silentLog,
    onUnwell: (message) => this.unwell.push(message),
  });

  /** In small steps, with turns of the loop between. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      await immediate();
      this.clock.advance(250);
      await immediate();
    }
  }
}

test("a stopped process is found within two periods, also in the midst of a batch (3)", async () => {
  const patient = new Patient();
  using _checks = patient.checks;
  void patient.checks.start();
  await patient.pass(1.5 * PERIOD_MS);
  assert.equal(patient.looks, 0, "one that answers is not looked at");
  [patient.answers, patient.stopped] = [false, true];
  await patient.pass(2 * PERIOD_MS);
  assert.deepEqual(patient.unwell, ["its process is stopped"]);
});

test("one that goes on in time is left alone, and so is one that is slow and not stopped (1, 2)", async () => {
  const patient = new Patient();
  using _checks = patient.checks;
  void patient.checks.start();
  [patient.answers, patient.stopped] = [false, true];
  await patient.pass(PERIOD_MS + PERIOD_MS / 4);
  assert.equal(patient.looks, 1);
  patient.stopped = false;
  await patient.pass(5 * PERIOD_MS);
  assert(patient.looks > 2);
  assert.deepEqual(patient.unwell, []);
});

test("a probe of a stopped process ends it as well (3)", async () => {
  const patient = new Patient();
  [patient.answers, patient.stopped] = [false, true];
  const probed = patient.checks.probe();
  await patient.pass(PERIOD_MS);
  assert.equal(await probed, false);
  assert.deepEqual(patient.unwell, ["its process is stopped"]);
  assert.equal(patient.clock.pending, 0);
});

test("a probe that is refused waits for the word of the process's end, which says more (4)", async () => {
  const dead = new Patient();
  dead.refuses = true;
  const told = dead.checks.probe();
  await dead.pass(250);
  dead.checks[Symbol.dispose]();
  assert.deepEqual([await told, dead.unwell, dead.clock.pending], [false, [], 0]);

  const alive = new Patient();
  alive.refuses = true;
  const untold = alive.checks.probe();
  await alive.pass(2_000);
  const message = "it lost a batch and then a check: connect ECONNREFUSED";
  assert.deepEqual([await untold, alive.unwell, alive.clock.pending], [false, [message], 0]);
});
