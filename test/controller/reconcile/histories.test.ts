// Thousands of random histories in a simulated world (world.ts), which checks after every plan that the healthy
// minimum and the surge hold and that a second look changes nothing.

import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { DEFAULT_ROLLOUT, keyOf, type Revision } from "../../../controller/reconcile/index.ts";
import { checkProperty } from "../../support/properties.ts";
import { desire, type ModuleName, revision, type UserConfig } from "./support.ts";
import { World } from "./world.ts";

const MODULE = fc.constantFrom<ModuleName>("a", "b", "throws", "missing", "faints");
const USER_CONFIG = fc.constantFrom<UserConfig>("ok", "ok", "ok2", "bad");
/** A revision by its names: short to print. */
type Named = readonly [ModuleName, UserConfig];
const REVISION: fc.Arbitrary<Named> = fc.tuple(MODULE, USER_CONFIG);
const COUNT = fc.integer({ min: 0, max: 12 });

type Event =
  | { readonly kind: "deploy"; readonly revision: Named }
  | { readonly kind: "scale"; readonly count: number }
  | { readonly kind: "kill" | "sicken" | "evacuate"; readonly index: number }
  | { readonly kind: "room"; readonly room: number }
  | { readonly kind: "delete"; readonly deleting: boolean }
  | { readonly kind: "light"; readonly queued: number };

const EVENT: fc.Arbitrary<Event> = fc.oneof(
  { weight: 4, arbitrary: REVISION.map((revision): Event => ({ kind: "deploy", revision })) },
  { weight: 3, arbitrary: COUNT.map((count): Event => ({ kind: "scale", count })) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom("kill", "kill", "kill", "sicken", "evacuate"),
      index: fc.nat(20),
    }),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 16 }).map((room): Event => ({ kind: "room", room })) },
  { weight: 1, arbitrary: fc.boolean().map((deleting): Event => ({ kind: "delete", deleting })) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 1, max: 9 }).map((queued): Event => ({ kind: "light", queued })),
  },
);

interface History {
  readonly first: Named;
  readonly count: number;
  readonly room: number;
  readonly share: number;
  readonly whenShort: "wait" | "stop-old";
  /** Of starts, stops and reconfigures, over and over. */
  readonly delays: readonly number[];
  readonly events: readonly { readonly event: Event; readonly thenMs: number }[];
  readonly last: Named;
}

const HISTORY: fc.Arbitrary<History> = fc.record({
  first: REVISION,
  count: COUNT,
  room: fc.integer({ min: 1, max: 20 }),
  share: fc.constantFrom(0.01, 0.2, 0.5, 1),
  whenShort: fc.constantFrom("wait", "wait", "stop-old"),
  delays: fc.array(fc.integer({ min: 1, max: 9_000 }), { minLength: 1, maxLength: 7 }),
  events: fc.array(fc.record({ event: EVENT, thenMs: fc.integer({ min: 0, max: 20_000 }) }), {
    maxLength: 25,
  }),
  last: REVISION,
});

function happen(world: World, event: Event): void {
  switch (event.kind) {
    case "deploy":
      return world.want({ revision: revision(...event.revision) });
    case "scale":
      return world.want({ numReplicas: event.count });
    case "kill":
    case "sicken":
    case "evacuate":
      return void world[event.kind](event.index);
    case "room":
      return world.setRoom(event.room);
    case "delete":
      return world.want({ deleting: event.deleting });
    case "light": {
      const { config, version } = world.desired.revision;
      const light = { ...config, maxQueuedRequests: event.queued };
      return world.want({ revision: { config: light, version: { ...version, light: `${event.queued}` } } });
    }
  }
}

function worldOf({ first, count, room, share, whenShort, delays }: History): World {
  let next = 0;
  const rollout = { ...DEFAULT_ROLLOUT, rollingUpdatePercentage: share, whenShort };
  return new World(desire(revision(...first), { numReplicas: count, rollout }), {
    room,
    delay: () => delays[next++ % delays.length] ?? 1,
  });
}

const isGood = ({ config }: Revision): boolean =>
  (config.source.path === "a" || config.source.path === "b") && config.userConfig !== "bad";

/** Long enough for twenty failures with back-off, and for a rollout of twelve one by one. */
const LONG_MS = 45 * 60_000;

test("when faults stop, every history ends in what is wanted, or in the last good version serving", (t) => {
  const ends: Record<string, number> = {};
  checkProperty(
    t,
    fc.property(HISTORY, (history) => {
      const world = worldOf(history);
      for (const { event, thenMs } of history.events) {
        happen(world, event);
        world.run(thenMs);
      }
      world.setRoom(100);
      const last = revision(...history.last);
      world.want({ revision: last, deleting: false });
      world.run(LONG_MS);

      const { numReplicas } = world.desired;
      const { status, serving } = world.planned;
      const running = world.serving();
      const { course } = world.memory;
      ends[course.kind] = (ends[course.kind] ?? 0) + 1;
      if (isGood(last) || numReplicas === 0) {
        assert.equal(status.state, "HEALTHY");
        assert.equal(running.length, numReplicas);
        for (const replica of running) assert.equal(keyOf(replica.revision), keyOf(last));
      } else if (course.kind === "ROLLED_BACK") {
        assert.equal(status.state, "DEPLOY_FAILED");
        assert.match(status.message, /failed.*rolled back to/);
        assert.ok(isGood(serving));
        assert.equal(running.length, numReplicas);
        for (const replica of running) assert.equal(keyOf(replica.revision), keyOf(serving));
      } else {
        assert.equal(course.kind, "FAILED");
        assert.equal(status.takesRequests, false);
        assert.equal(running.length, 0);
      }
      assert.equal(world.replicas.size, running.length);
      // Nothing changes, nothing is done.
      const actions = world.log.length;
      const { memory } = world;
      world.run(LONG_MS);
      assert.equal(world.log.length, actions);
      assert.equal(world.memory, memory);
    }),
    2_000,
  );
  for (const end of ["STEADY", "ROLLED_BACK", "FAILED"])
    assert.ok((ends[end] ?? 0) > 20, JSON.stringify(ends));
});

test("a rollout that fails ends with the old version serving, which was there all the time", (t) => {
  const arbitrary = fc.record({
    count: fc.integer({ min: 1, max: 12 }),
    share: fc.constantFrom(0.01, 0.2, 1),
    delays: fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 5 }),
    bad: REVISION.filter((named) => !isGood(revision(...named))),
  });
  checkProperty(
    t,
    fc.property(arbitrary, ({ count, share, delays, bad }) => {
      const good = revision("a");
      let next = 0;
      const rollout = { ...DEFAULT_ROLLOUT, rollingUpdatePercentage: share };
      const world = new World(desire(good, { numReplicas: count, rollout }), {
        delay: () => delays[next++ % delays.length] ?? 1,
      });
      world.run(60_000);
      assert.equal(world.planned.status.state, "HEALTHY");
      world.want({ revision: revision(...bad) });
      for (let stepMs = 0; stepMs < LONG_MS; stepMs += 1_000) {
        world.run(1_000);
        const proven = world.serving().filter(({ revision: has }) => isGood(has)).length;
        assert.ok(proven >= count, `${proven} of ${count} serve`);
        if (world.memory.course.kind === "ROLLED_BACK" && world.replicas.size === count) break;
      }
      assert.equal(world.memory.course.kind, "ROLLED_BACK");
      for (const { revision: has } of world.serving()) assert.equal(keyOf(has), keyOf(good));
    }),
    300,
  );
});

test("a rollout that succeeds never has fewer replicas serving than before, at any count and step", (t) => {
  const arbitrary = fc.record({
    count: fc.integer({ min: 1, max: 15 }),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    delays: fc.array(fc.integer({ min: 1, max: 4_000 }), { minLength: 1, maxLength: 5 }),
  });
  checkProperty(
    t,
    fc.property(arbitrary, ({ count, share, delays }) => {
      let next = 0;
      const rollout = { ...DEFAULT_ROLLOUT, rollingUpdatePercentage: share };
      const world = new World(desire(revision("a"), { numReplicas: count, rollout }), {
        delay: () => delays[next++ % delays.length] ?? 1,
      });
      world.run(60_000);
      const before = world.starts();
      world.want({ revision: revision("b") });
      for (let steps = 0; world.planned.status.state !== "HEALTHY"; steps++) {
        assert.ok(steps < 10_000);
        world.run(250);
        assert.ok(world.serving().length >= count);
      }
      assert.equal(world.starts() - before, count, "each replica is replaced once");
      assert.deepEqual(world.courses.slice(-2), ["STEADY → ROLLING", "ROLLING → STEADY"]);
    }),
    300,
  );
});
