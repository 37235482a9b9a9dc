// What a scenario has to work with: a folder, servers, loads, and a place to say what it found.
//
// 1. Everything begun on a stage has ended when the stage is disposed of.
// 2. A promise that was kept by nothing at all is broken: each phase of a load needs answers.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RequestClass, SettledRequest } from "../open-loop/index.ts";
import type { PromiseReport } from "../scenarios/scenario.ts";
import { type Random, seededRandom } from "../models/random.ts";
import type { ConfigFile } from "./config-file.ts";
import { LiveServer } from "./live-server.ts";
import { nameOf, PHASES } from "./phases.ts";
import type { Scenario, ScenarioReport } from "./scenario.ts";
import { type LoadResult, SteadyLoad } from "./steady-load.ts";

export interface StageOptions {
  /** Seconds instead of minutes: for a test. */
  readonly quick: boolean;
  readonly ratePerSecond: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

export class Stage implements AsyncDisposable {
  readonly quick: boolean;
  readonly folder: string;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly #options: StageOptions;
  readonly #owned: AsyncDisposableStack;
  readonly #promises: PromiseReport[] = [];
  readonly #recoveriesMs: number[] = [];
  readonly #facts: Record<string, string | number> = {};
  #result: LoadResult | undefined;

  private constructor(options: StageOptions, folder: string, owned: AsyncDisposableStack) {
    this.#options = options;
    this.#owned = owned;
    this.folder = folder;
    this.quick = options.quick;
    this.signal = options.signal;
    this.random = seededRandom(options.seed);
  }

  static async open(options: StageOptions): Promise<Stage> {
    const owned = new AsyncDisposableStack();
    const folder = await mkdtemp(join(tmpdir(), "shoal-chaos-"));
    owned.defer(() => rm(folder, { recursive: true, force: true }));
    return new Stage(options, folder, owned);
  }

  /** A server, by default on a port that is free; without a config it serves what the folder's store says. */
  async serve(config: ConfigFile | undefined, port = 0): Promise<LiveServer> {
    const { folder, signal } = this;
    return this.#owned.use(await LiveServer.start({ folder, config, port, signal }));
  }

  /** Begins a load. */
  load(requests: readonly RequestClass[]): SteadyLoad {
    const { ratePerSecond, seed, signal } = this.#options;
    return this.#owned.use(SteadyLoad.start({ requests, ratePerSecond, seed, signal }));
  }

  /** Ends the load; what the report says of requests is of this one. Invariant 2. */
  async end(load: SteadyLoad): Promise<LoadResult> {
    this.#result = await load.end();
    const { report, phases } = this.#result;
    for (const phase of PHASES) {
      this.promise(`requests are answered ${phase} it`, phases[phase].ok > 0, `${phases[phase].ok} ok`);
    }
    this.promise("no request is answered twice", report.twice === 0, `${report.twice} twice`);
    return this.#result;
  }

  /** `timed`: about how long something took. */
  promise(promise: string, kept: boolean, found: string, { timed = false } = {}): void {
    this.#promises.push({ promise, kept, found, timed });
  }

  recovered(tookMs: number): void {
    this.#recoveriesMs.push(tookMs);
  }

  fact(name: string, value: string | number): void {
    this.#facts[name] = value;
  }

  /** Every request was answered with success. */
  promiseNoneFailed({ settled }: LoadResult): void {
    this.promiseOf("no request fails", settled, ({ outcome }) => outcome.kind === "ok");
  }

  /** Every request was answered, or failed with a code that says why; none is lost. */
  promiseAccounted({ settled }: LoadResult, codes: readonly string[]): void {
    this.promiseOf(`every request is answered, or fails as ${codes.join(" or ")}`, settled, ({ outcome }) =>
      outcome.kind === "error" ? codes.includes(outcome.code) : outcome.kind === "ok",
    );
  }

  /** Every process of `before` is in `after`. */
  promiseKept(promise: string, before: readonly number[], after: readonly number[]): void {
    const gone = before.filter((pid) => !after.includes(pid));
    this.promise(promise, before.length > 0 && gone.length === 0, `${before.join(" ")} → ${after.join(" ")}`);
  }

  /** All of these requests are so. */
  promiseOf(
    promise: string,
    requests: readonly SettledRequest[],
    isSo: (request: SettledRequest) => boolean,
  ): void {
    const others = requests.filter((request) => !isSo(request));
    const found = others.length === 0 ? `${requests.length} requests` : wordsOf(others);
    this.promise(promise, others.length === 0, found);
  }

  report({ name, title }: Scenario): ScenarioReport {
    if (this.#result === undefined) throw new Error(`Scenario "${name}" has put no load on`);
    const { report, phases } = this.#result;
    const failed = report.errors.map(
      ({ status, code, count }) => [`${status} ${code}`.trimEnd(), count] as const,
    );
    return {
      name,
      title,
      seed: this.#options.seed,
      requests: report.sent,
      ok: report.ok,
      failed: Object.fromEntries(failed),
      refused: report.refused,
      lost: report.lost,
      unanswered: report.timedOut,
      twice: report.twice,
      phases,
      recoveriesMs: this.#recoveriesMs,
      facts: this.#facts,
      promises: this.#promises,
    };
  }

  /** Invariant 1. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#owned[Symbol.asyncDispose]();
  }
}

/** `3 × 503 REPLICA_DIED (9.8 s), …`, with the send time of the first of each. */
function wordsOf(requests: readonly SettledRequest[]): string {
  const kinds = new Map<string, { count: number; readonly firstMs: number }>();
  for (const { outcome, intendedMs, className } of requests) {
    const kind = `${className}: ${nameOf(outcome)}`;
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, { count: 1, firstMs: intendedMs });
    else known.count++;
  }
  return [...kinds]
    .map(([kind, { count, firstMs }]) => `${count} × ${kind} (first at ${(firstMs / 1000).toFixed(2)} s)`)
    .join(", ");
}
