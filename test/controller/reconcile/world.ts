// A simulated machine with room for so many replicas, on which the plans for one deployment are carried out at once.
// After every plan it checks what must always hold; time goes from event to event.

import assert from "node:assert/strict";
import type {
  Action,
  DesiredDeployment,
  ReplicaPhase,
  Revision,
} from "../../../controller/reconcile/index.ts";
import {
  FIRST_MEMORY,
  type LastingMemory,
  lastingPart,
  type Memory,
  type ObservedReplica,
  plan,
  type Planned,
  recover,
} from "../../../controller/reconcile/index.ts";
import { stepOf } from "../../../controller/reconcile/desired.ts";
import { MODULES } from "./support.ts";

export interface WorldOptions {
  readonly room: number;
  /** How long the next start, stop or reconfigure takes, in milliseconds. */
  readonly delay: () => number;
}

interface Due {
  readonly atMs: number;
  readonly id: string;
  readonly run: (replica: ObservedReplica) => ReplicaPhase | "gone" | ObservedReplica;
}

/** The module's name is its path. */
function fateOf({ config }: Revision): (typeof MODULES)[keyof typeof MODULES] {
  const module = Object.entries(MODULES).find(([name]) => name === config.source.path);
  assert.ok(module, config.source.path);
  return module[1];
}

const isBad = ({ config }: Revision): boolean => config.userConfig === "bad";

export class World {
  nowMs = 0;
  room: number;
  desired: DesiredDeployment;
  memory: Memory = FIRST_MEMORY;
  readonly replicas = new Map<string, ObservedReplica>();
  /** Every action so far. */
  readonly log: { readonly atMs: number; readonly action: Action }[] = [];
  /** Every change of course and of state, as "FROM → TO". */
  readonly courses: string[] = [];
  readonly states: string[] = [];
  planned: Planned;
  #due: Due[] = [];
  /** From now on no start succeeds, whatever the module. */
  poisoned = false;
  readonly #options: WorldOptions;

  constructor(desired: DesiredDeployment, options: Partial<WorldOptions> = {}) {
    this.#options = { room: 100, delay: () => 500, ...options };
    this.room = this.#options.room;
    this.desired = desired;
    this.planned = this.settle();
  }

  /** Changes what is wanted; another config or `again` is another deploy. */
  want(change: Partial<DesiredDeployment>, again = change.revision !== undefined): void {
    const generation = this.desired.generation + (again ? 1 : 0);
    this.desired = { ...this.desired, generation, ...change };
    this.settle();
  }

  serving(): ObservedReplica[] {
    return [...this.replicas.values()].filter(
      ({ phase }) => phase.kind === "RUNNING" || phase.kind === "UPDATING",
    );
  }

  living(): ObservedReplica[] {
    return [...this.replicas.values()].filter(
      ({ phase }) => phase.kind !== "STOPPING" && phase.kind !== "DEAD",
    );
  }

  starts(sinceMs = 0): number {
    return this.log.filter(({ atMs, action }) => atMs >= sinceMs && action.kind === "start").length;
  }

  /** The server comes back with what the store kept; its replicas died with it. */
  restart(): void {
    const kept: LastingMemory = JSON.parse(JSON.stringify(lastingPart(this.memory)));
    this.memory = recover(kept);
    this.replicas.clear();
    this.#due = [];
    this.settle();
  }

  /** What was done to each replica, as "start d#0". */
  did(sinceMs = 0): string[] {
    return this.log.flatMap(({ atMs, action }) => (atMs >= sinceMs ? [`${action.kind} ${action.id}`] : []));
  }

  /** A running replica dies, whatever the plan thinks; false when none runs. */
  kill(index: number): boolean {
    const replica = this.#running(index);
    if (replica === undefined) return false;
    this.#die(replica, "killed", false);
    this.settle();
    return true;
  }

  sicken(index: number): void {
    const replica = this.#running(index);
    if (replica?.phase.kind !== "RUNNING") return;
    const failure = this.#failure("3 health checks failed", false);
    this.#enter(replica, { kind: "UNHEALTHY", sinceMs: replica.phase.sinceMs, failure });
    this.settle();
  }

  evacuate(index: number): void {
    const replica = this.#running(index);
    if (replica === undefined) return;
    this.replicas.set(replica.id, { ...replica, leaving: "its node drains" });
    this.settle();
  }

  setRoom(room: number): void {
    this.room = room;
    this.settle();
  }

  /** Lets time pass, planning at each event and each time the plan asked to be woken. */
  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      const nextMs = Math.min(this.planned.wakeAtMs, ...this.#due.map(({ atMs }) => atMs));
      if (nextMs > untilMs) break;
      assert.ok(nextMs >= this.nowMs, "nothing is due in the past");
      this.nowMs = nextMs;
      const due = this.#due.filter(({ atMs }) => atMs <= nextMs);
      this.#due = this.#due.filter(({ atMs }) => atMs > nextMs);
      for (const { id, run } of due) {
        const replica = this.replicas.get(id);
        if (replica !== undefined) this.#apply(replica, run(replica));
      }
      this.settle();
    }
    this.nowMs = untilMs;
    this.settle();
  }

  /** Plans and acts until nothing is left to do now. */
  settle(): Planned {
    for (let round = 0; ; round++) {
      // What was pending is gone as soon as it is stopped, and that may let another start.
      assert.ok(round < 10, "a plan is done within a few rounds");
      this.#allocate();
      const replicas = [...this.replicas.values()];
      const planned = plan(this.desired, { replicas, memory: this.memory }, this.nowMs);
      this.#check(planned);
      this.#note(planned);
      const quiet = planned.memory === this.memory && planned.actions.length === 0;
      this.memory = planned.memory;
      this.planned = planned;
      for (const action of planned.actions) this.#act(action);
      this.#checkBounds(planned);
      if (quiet) return planned;
    }
  }

  #note({ transitions, status }: Planned): void {
    for (const { from, to } of transitions) this.courses.push(`${from.kind} → ${to.kind}`);
    if (this.states.at(-1) !== status.state) this.states.push(status.state);
  }

  /** Before the actions: what they take away. */
  #check(planned: Planned): void {
    const { numReplicas, deleting, rollout } = this.desired;
    const ids = planned.actions.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, "one action a replica");
    const proven = this.living().filter((replica) => this.#isProven(replica));
    const stopped = new Set(planned.actions.flatMap((action) => (action.kind === "stop" ? [action.id] : [])));
    const left = proven.filter(({ id }) => !stopped.has(id)).length;
    const floor = rollout.whenShort === "stop-old" ? numReplicas - stepOf(this.desired) : numReplicas;
    if (!deleting) assert.ok(left >= Math.min(proven.length, floor), "the healthy minimum stays");
  }

  /** After the actions. */
  #checkBounds({ actions }: Planned): void {
    const { numReplicas } = this.desired;
    const step = stepOf(this.desired);
    const living = this.living().length;
    assert.ok(living <= numReplicas + step, `${living} live, ${numReplicas} are wanted`);
    const updating = [...this.replicas.values()].filter(({ phase }) => phase.kind === "UPDATING").length;
    if (actions.some(({ kind }) => kind === "reconfigure")) assert.ok(updating <= step, "a step at a time");
    const started = actions.some(({ kind }) => kind === "start");
    if (started && living > numReplicas) {
      const extra = actions.some((action) => action.kind === "start" && action.reason.includes("place of"));
      if (extra) assert.ok(this.replicas.size <= numReplicas + step, "a surge waits for what drains");
    }
  }

  #isProven({ phase }: ObservedReplica): boolean {
    const { minReadyMs } = this.desired.rollout;
    return (
      (phase.kind === "RUNNING" || phase.kind === "UPDATING") && phase.sinceMs + minReadyMs <= this.nowMs
    );
  }

  #act(action: Action): void {
    this.log.push({ atMs: this.nowMs, action });
    if (action.kind === "start") {
      const { id, revision } = action;
      assert.equal(
        this.log.filter(({ action: other }) => other.kind === "start" && other.id === id).length,
        1,
      );
      const phase = {
        kind: "PENDING_ALLOCATION",
        message: "needs 1 num_cpus, 0 free",
        possible: true,
      } as const;
      this.replicas.set(id, { id, revision, startedMs: this.nowMs, phase });
      this.#allocate();
      return;
    }
    const replica = this.replicas.get(action.id);
    assert.ok(replica, `${action.kind} of what is there`);
    switch (action.kind) {
      case "forget":
        assert.equal(replica.phase.kind, "DEAD");
        this.replicas.delete(action.id);
        return;
      case "stop":
        assert.notEqual(replica.phase.kind, "STOPPING");
        if (replica.phase.kind === "PENDING_ALLOCATION") this.replicas.delete(action.id);
        else {
          this.#enter(replica, { kind: "STOPPING" });
          this.#after(action.id, this.#options.delay(), () => "gone");
        }
        return;
      case "retire": {
        const { phase } = replica;
        assert.ok(phase.kind === "RECONFIGURE_FAILED");
        const { sinceMs } = phase;
        const running = { kind: "RUNNING", sinceMs, configuredMs: sinceMs } as const;
        this.replicas.set(action.id, { ...replica, leaving: action.reason, phase: running });
        return;
      }
      case "reconfigure": {
        const { phase } = replica;
        assert.ok(phase.kind === "RUNNING");
        const { sinceMs } = phase;
        this.#enter(replica, { kind: "UPDATING", sinceMs });
        this.#after(action.id, this.#options.delay(), (now) => {
          if (now.phase.kind !== "UPDATING") return now;
          const { revision: tried } = action;
          if (isBad(tried)) {
            const failure = this.#failure("no such mode", false);
            return { kind: "RECONFIGURE_FAILED", sinceMs, tried, failure };
          }
          const configured = { kind: "RUNNING", sinceMs, configuredMs: this.nowMs } as const;
          return { ...now, revision: tried, phase: configured };
        });
      }
    }
  }

  /** First come, first served. */
  #allocate(): void {
    let taken = [...this.replicas.values()].filter(
      ({ phase }) => phase.kind !== "PENDING_ALLOCATION" && phase.kind !== "DEAD",
    ).length;
    for (const replica of this.replicas.values()) {
      if (replica.phase.kind !== "PENDING_ALLOCATION" || taken >= this.room) continue;
      taken++;
      this.#enter(replica, { kind: "STARTING" });
      this.#after(replica.id, this.#options.delay(), (now) => this.#started(now));
    }
  }

  #started(replica: ObservedReplica): ReplicaPhase {
    if (replica.phase.kind !== "STARTING") return replica.phase;
    const fate = fateOf(replica.revision);
    if (this.poisoned || fate.kind === "fails" || isBad(replica.revision)) {
      const permanent = fate.kind === "fails" && fate.permanent;
      return { kind: "DEAD", sinceMs: undefined, failure: this.#failure("Error: no model", permanent) };
    }
    if (fate.kind === "dies") {
      this.#after(replica.id, fate.afterMs, (now) => {
        const { phase } = now;
        if (phase.kind !== "RUNNING" && phase.kind !== "UPDATING") return phase;
        return { kind: "DEAD", sinceMs: phase.sinceMs, failure: this.#failure("exit code 1", false) };
      });
    }
    return { kind: "RUNNING", sinceMs: this.nowMs, configuredMs: this.nowMs };
  }

  #die(replica: ObservedReplica, message: string, permanent: boolean): void {
    const { phase } = replica;
    const sinceMs = "sinceMs" in phase ? phase.sinceMs : undefined;
    this.#enter(replica, { kind: "DEAD", sinceMs, failure: this.#failure(message, permanent) });
  }

  #failure(message: string, permanent: boolean) {
    return { atMs: this.nowMs, message, logLines: [`about to: ${message}`], permanent };
  }

  #after(id: string, delayMs: number, run: Due["run"]): void {
    this.#due.push({ atMs: this.nowMs + delayMs, id, run });
  }

  #enter(replica: ObservedReplica, phase: ReplicaPhase): void {
    this.replicas.set(replica.id, { ...replica, phase });
  }

  #apply(replica: ObservedReplica, next: ReturnType<Due["run"]>): void {
    if (next === "gone") this.replicas.delete(replica.id);
    else if ("id" in next) this.replicas.set(replica.id, next);
    else this.#enter(replica, next);
  }

  #running(index: number): ObservedReplica | undefined {
    const running = this.serving();
    return running[index % Math.max(1, running.length)];
  }
}

/** How many of each version serve, by module and user config, such as `{ "a ok": 3 }`. */
export function served(world: World): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { revision } of world.serving()) {
    const name = `${revision.config.source.path} ${String(revision.config.userConfig)}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
