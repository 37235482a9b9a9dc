// One replica with a batcher before it: asks its rule when it is free, runs what that says. The line may be its own, or one
// that several share.

import type { Timer } from "../../../runtime/base/index.ts";
import type { SimulatedReplica } from "../plant/simulated-replica.ts";
import type { BatchRule } from "./batch-rule.ts";
import type { SimulatedRequest, SystemOptions } from "./serving-system.ts";
import type { WaitingLine } from "./waiting-line.ts";

export interface StationOptions {
  readonly line: WaitingLine;
  readonly rule: BatchRule;
  readonly options: SystemOptions;
  /** What it ran has come back; told before it runs the next. */
  readonly returned: () => void;
}

export class Station {
  readonly replica: SimulatedReplica;
  readonly line: WaitingLine;
  readonly #rule: BatchRule;
  readonly #options: SystemOptions;
  readonly #returned: () => void;
  #atReplica = 0;
  #freeMs: number;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(replica: SimulatedReplica, { line, rule, options, returned }: StationOptions) {
    this.replica = replica;
    this.line = line;
    this.#rule = rule;
    this.#options = options;
    this.#returned = returned;
    this.#freeMs = options.time.nowMs();
  }

  /** Requests it has, queued in its line or at the replica. */
  get ongoing(): number {
    return this.line.length + this.#atReplica;
  }

  get busy(): boolean {
    return this.#atReplica > 0;
  }

  /** Something changed: runs what may run. */
  poke(): void {
    const { time, unanswered } = this.#options;
    while (!this.busy && !this.#stopped && this.line.length > 0) {
      const nowMs = time.nowMs();
      const { headMs } = this.line;
      const verdict = this.#rule.decide({ line: this.line, nowMs, freeMs: this.#freeMs });
      if (verdict.kind === "wait") {
        this.#timer?.cancel();
        this.#timer = time.at(verdict.untilMs, () => this.poke());
        return;
      }
      if (verdict.kind === "refuse") {
        for (const request of this.line.take(verdict.requests)) unanswered(request, "refused");
        continue;
      }
      this.#rule.sending?.(nowMs - headMs);
      this.#run(this.line.take(verdict.requests));
    }
  }

  /** It runs nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #run(requests: readonly SimulatedRequest[]): void {
    const { time, answered, unanswered, ran } = this.#options;
    this.#atReplica = requests.length;
    this.replica.run({
      rows: requests.length,
      ended: (end, ranMs) => {
        this.#atReplica = 0;
        this.#freeMs = time.nowMs();
        if (end === "done") {
          this.#rule.observed?.(requests.length, ranMs);
          ran(requests.length, ranMs);
          for (const request of requests) answered(request);
        } else {
          for (const request of requests) unanswered(request, "failed");
        }
        this.#returned();
        this.poke();
      },
    });
  }
}
