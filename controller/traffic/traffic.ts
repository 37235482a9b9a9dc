// The traffic of all applications: planned when a config comes, when a deployment's status changes, and by the clock
// while a canary is under way. Everything that is decided is decided in `planTraffic`.

import type { Clock, Timer } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { ApplicationConfig, TrafficConfig } from "../config/index.ts";
import { ApplicationTraffic } from "./application-traffic.ts";
import { recalledTraffic, type StoredTraffic, storedTraffic } from "./lasting.ts";
import type { VersionView } from "./plan.ts";
import { type TrafficStatus, trafficStatus } from "./status.ts";
import type { TrafficTable } from "./table.ts";
import type { TrafficReport } from "./tally.ts";

export interface TrafficOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** What is known of a deployment now. */
  readonly look: (deployment: string) => VersionView | undefined;
  /** Asked for what gateways counted, each time before it is planned: see `report`. */
  readonly onLook: () => void;
  /** Told when a table has changed. */
  readonly onTable: () => void;
  /** Told when what is to outlive the server has changed: see `stored`. */
  readonly onMemory?: (application: string) => void;
}

/** How often a canary's counts are looked at: often enough to end a bad one soon, seldom enough to cost nothing. */
const LOOK_MS = 1_000;
/** With short steps: so many looks a step. */
const LOOKS = 10;
const LEAST_LOOK_MS = 10;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #applications = new Map<string, ApplicationTraffic>();
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: TrafficOptions) {
    this.#options = options;
  }

  /**
   * Wants the traffic of these applications and no other from now on; their deployments are known already. `recalled` is
   * what was stored of those that are new here.
   */
  apply(
    applications: readonly Pick<ApplicationConfig, "name" | "traffic">[],
    recalled: ReadonlyMap<string, unknown> = new Map(),
  ): void {
    const wanted = new Map(
      applications.flatMap(({ name, traffic }) => (traffic === undefined ? [] : [[name, traffic]])),
    );
    for (const name of this.#applications.keys()) if (!wanted.has(name)) this.#applications.delete(name);
    for (const [name, config] of wanted) {
      const known = this.#applications.get(name);
      if (known !== undefined) {
        this.#plan(known, config);
        continue;
      }
      const seen = this.#seen(config);
      const memory = recalledTraffic(recalled.get(name), seen.nowMs);
      const application = new ApplicationTraffic(name, config, { ...seen, memory });
      this.#applications.set(name, application);
      const { history } = application.memory;
      this.#tell(
        application,
        history.filter((event) => !memory.history.includes(event)),
      );
      this.#options.onMemory?.(name);
    }
    this.#wake();
  }

  /** Something became of a deployment. */
  observe(): void {
    if (this.#stopped || this.#applications.size === 0) return;
    for (const application of this.#applications.values()) this.#plan(application, application.config);
    this.#wake();
  }

  /** What a gateway counted since it last told. */
  report(application: string, report: TrafficReport): void {
    this.#applications.get(application)?.report(report);
  }

  /** Undefined when one deployment answers everything. */
  table(application: string): TrafficTable | undefined {
    return this.#applications.get(application)?.table;
  }

  /** With all that gateways have told. */
  status(application: string): TrafficStatus | undefined {
    const known = this.#applications.get(application);
    if (known === undefined) return undefined;
    this.#plan(known, known.config);
    return trafficStatus(known.config, known.memory);
  }

  /** What is to outlive the server, as JSON; undefined when there is nothing. */
  stored(application: string): StoredTraffic | undefined {
    const known = this.#applications.get(application);
    return known === undefined ? undefined : storedTraffic(known.memory);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #plan(application: ApplicationTraffic, config: TrafficConfig): void {
    this.#options.onLook();
    const { revision } = application.table;
    const { slots, canary } = application.memory;
    const events = application.plan(config, this.#seen(config));
    this.#tell(application, events);
    if (application.table.revision !== revision) this.#options.onTable();
    const { memory } = application;
    if (events.length > 0 || memory.slots !== slots || memory.canary?.kind !== canary?.kind) {
      this.#options.onMemory?.(application.application);
    }
  }

  #tell({ application }: ApplicationTraffic, events: ApplicationTraffic["memory"]["history"]): void {
    for (const { deployment, change, reason } of events) {
      this.#options.log.info({ application, deployment }, `traffic: ${change} (${reason})`);
    }
  }

  #seen({ versions }: TrafficConfig): Parameters<ApplicationTraffic["plan"]>[1] {
    const { clock, look } = this.#options;
    const views = versions.flatMap(({ deployment }) => {
      const view = look(deployment);
      return view === undefined ? [] : [[deployment, view] as const];
    });
    return { versions: new Map(views), nowMs: clock.nowMs(), epochMs: clock.epochMs() };
  }

  #wake(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#stopped) return;
    const moving = [...this.#applications.values()].filter(({ isMoving }) => isMoving);
    const intervals = moving.flatMap(({ config }) =>
      config.versions.flatMap(({ canary }) => canary?.intervalMs ?? []),
    );
    if (intervals.length === 0) return;
    const soonest = Math.min(...intervals) / LOOKS;
    const delayMs = Math.min(LOOK_MS, Math.max(LEAST_LOOK_MS, soonest));
    this.#timer = this.#options.clock.timer(delayMs, () => this.observe());
  }
}
