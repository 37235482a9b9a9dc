// What a scenario has to work with: a folder, the real server, loads, and a place to say what it found.
//
// 1. Everything begun on a stage has ended when the stage is disposed of.
// 2. No request is lost, answered twice or failed for another reason than a refusal, in any scenario.

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { processTree, residentOf } from "../bench/memory.ts";
import { configOf, deploymentIn, type DeploymentFile } from "../chaos/config-file.ts";
import { LiveServer } from "../chaos/live-server.ts";
import { inference } from "../chaos/requests.ts";
import type { RequestClass, SettledRequest } from "../open-loop/index.ts";
import type { PromiseReport } from "../scenarios/scenario.ts";
import { Load, type LoadOptions } from "./load.ts";
import { seenOf } from "./requests-seen.ts";
import type { Scenario, ScenarioReport } from "./scenario.ts";

export interface StageOptions {
  /** Seconds instead of minutes: for a test. */
  readonly quick: boolean;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** One of the autoscaler's decisions, as the command prints it. */
export interface Decision {
  /** When it was made, as ISO 8601. */
  readonly since: string;
  readonly from: number;
  readonly to: number;
  readonly explanation: string;
  readonly fault: string | null;
}

const REPOSITORY = join(import.meta.dirname, "../..");
const WATCH_INTERVAL_MS = 200;
const ON_THE_WAY_OUT = new Set(["STOPPING", "DEAD"]);
const run = promisify(execFile);

export class Stage implements AsyncDisposable {
  readonly quick: boolean;
  readonly folder: string;
  readonly #options: StageOptions;
  readonly #owned: AsyncDisposableStack;
  readonly #promises: PromiseReport[] = [];
  readonly #loads: Load[] = [];
  readonly #decisions: string[] = [];
  #fewest = Infinity;
  #most = 0;
  #paidMs = 0;
  readonly #ended = new AbortController();
  #server: LiveServer | undefined;

  private constructor(options: StageOptions, folder: string, owned: AsyncDisposableStack) {
    this.#options = options;
    this.#owned = owned;
    this.folder = folder;
    this.quick = options.quick;
  }

  static async open(options: StageOptions): Promise<Stage> {
    const owned = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "shoal-scaling-"));
    owned.defer(() => rm(folder, { recursive: true, force: true }));
    return new Stage(options, folder, owned);
  }

  get server(): LiveServer {
    if (this.#server === undefined) throw new Error("nothing is served on this stage");
    return this.#server;
  }

  /** Starts the server with this deployment, and waits until it is as it wants to be. */
  async serve(deployment: DeploymentFile): Promise<LiveServer> {
    const { folder } = this;
    const { signal } = this.#options;
    const config = configOf(deployment);
    const server = this.#owned.use(await LiveServer.start({ folder, config, port: 0, signal }));
    this.#server = server;
    await this.untilReplicas(deployment.name, "it is healthy", (running, target) => running >= target);
    const watching = this.#watch(deployment.name);
    this.#owned.defer(async () => {
      this.#ended.abort();
      await watching;
    });
    return server;
  }

  /** What replicas cost so far, from being asked for to being told to stop; a fifth of a second behind. */
  get replicaSeconds(): number {
    return this.#paidMs / 1_000;
  }

  /** Notes how many run and how many are paid for, until all ends. */
  async #watch(deployment: string): Promise<void> {
    const { signal } = this.#ended;
    let lookedMs = performance.now();
    while (!signal.aborted) {
      const { replicas } = deploymentIn(await this.server.status(), deployment);
      const running = replicas.filter(({ state }) => state === "RUNNING").length;
      const nowMs = performance.now();
      this.#paidMs += replicas.filter(({ state }) => !ON_THE_WAY_OUT.has(state)).length * (nowMs - lookedMs);
      lookedMs = nowMs;
      this.#fewest = Math.min(this.#fewest, running);
      this.#most = Math.max(this.#most, running);
      await sleep(WATCH_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Waits for a number of running replicas, by default until all is well; gives that number. */
  async untilReplicas(
    deployment: string,
    what: string,
    reached: (running: number, target: number) => boolean,
    { settled = true } = {},
  ): Promise<number> {
    let running = 0;
    await this.server.untilStatus(what, (status) => {
      const view = deploymentIn(status, deployment);
      running = view.replicas.filter(({ state }) => state === "RUNNING").length;
      return (!settled || view.status === "HEALTHY") && reached(running, view.target_num_replicas);
    });
    return running;
  }

  /** Begins a load of one-row requests on a deployment, or of these. */
  load(
    deployment: string,
    options: Omit<LoadOptions, "requests" | "seed" | "signal"> & {
      readonly requests?: readonly RequestClass[];
      readonly seed?: number;
    },
  ): Load {
    const { seed, signal } = this.#options;
    const load = this.#owned.use(
      Load.start({ requests: [this.request(deployment)], seed, signal, ...options }),
    );
    this.#loads.push(load);
    return load;
  }

  request(deployment: string): RequestClass {
    return { ...inference(this.server.url, deployment), name: "requests" };
  }

  /** What `shoal serve scaling` tells: every decision so far, the oldest first, and the reasons of the last one. */
  async scaling(
    deployment: string,
  ): Promise<{ readonly decisions: readonly Decision[]; readonly now: string }> {
    const { stdout } = await run(
      process.execPath,
      ["bin/shoal.js", "serve", "scaling", deployment, "--json"],
      { cwd: REPOSITORY, env: { ...process.env, SHOAL_STATE_DIR: this.folder } },
    );
    const view = JSON.parse(stdout) as {
      readonly decisions: readonly Decision[];
      readonly explanation: string;
    };
    return { decisions: view.decisions.toReversed(), now: view.explanation };
  }

  /** The same, noted for the report: every decision that changed the target. */
  async decisions(deployment: string): Promise<readonly Decision[]> {
    const { decisions } = await this.scaling(deployment);
    const changes = decisions.filter(({ from, to }) => from !== to);
    this.#decisions.push(...changes.map(({ explanation }) => explanation));
    return decisions;
  }

  /** Resident memory of the server and its replicas, in bytes. */
  async memory(): Promise<number> {
    return (await residentOf(await processTree(this.server.pid))).rss;
  }

  /** Lets time go by under load. */
  async wait(forMs: number): Promise<void> {
    await sleep(forMs, undefined, { signal: this.#options.signal });
  }

  promise(promise: string, kept: boolean, found: string, { timed = false } = {}): void {
    this.#promises.push({ promise, kept, found, timed });
  }

  /** What was found; invariant 2. */
  report({ name, title }: Pick<Scenario, "name" | "title">): ScenarioReport {
    const settled: readonly SettledRequest[] = this.#loads.flatMap((load) => load.settled);
    const seen = seenOf(settled);
    const nothing = `${seen.failed} of ${seen.sent} requests`;
    this.promise("every request is answered or refused", seen.sent > 0 && seen.failed === 0, nothing);
    return {
      name,
      title,
      seed: this.#options.seed,
      seen,
      replicas: [Math.min(this.#fewest, this.#most), this.#most],
      promises: this.#promises,
      decisions: this.#decisions,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned.disposeAsync();
  }
}
