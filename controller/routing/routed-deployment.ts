// One deployment in a gateway process: its queue, and connections to the replicas that the table lists.
//
// 1. The dispatcher knows a replica exactly while the table says that it serves.
// 2. While nothing serves and nothing will, requests are refused at once; what waited is told.
// 3. A replica that leaves keeps its connections until the table drops it: what it has, it may answer.

import type { AtOnce } from "../../replicas/index.ts";
import { type Clock, redactPaths, ShoalError } from "../../runtime/base/index.ts";
import type { Logger } from "../../runtime/base/log/index.ts";
import type { Signature } from "../../runtime/engines/index.ts";
import type { DeploymentStatus, ServedDeployment } from "../catalog.ts";
import {
  addSnapshots,
  Dispatcher,
  type Ejection,
  ReplicaClient,
  type StatsSnapshot,
} from "../dispatch/index.ts";
import type { GatewayLoad } from "./gateway-port.ts";
import { HeldRequests } from "./held-requests.ts";
import { LoadCounts } from "./load-counts.ts";
import { policyOf } from "./policy-of.ts";
import type { DeploymentEntry, ReplicaEntry } from "./route-table.ts";
import { serviceLineOf } from "./service-line.ts";
import { shareOf } from "./share.ts";

export interface RoutedDeploymentOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How many gateways share the deployment. */
  readonly gateways: number;
  /** Told when a replica lost a batch; it gets no other until `restore`. */
  readonly onLost: (key: string, replicaId: string) => void;
  /** Told when a replica gets nothing for a while because its results are bad. */
  readonly onEjected?: (key: string, ejection: Ejection) => void;
}

const NOTHING = { infer: false, fetch: false };

export class RoutedDeployment implements ServedDeployment {
  readonly dispatcher: Dispatcher;
  readonly #options: RoutedDeploymentOptions;
  readonly #counts = new LoadCounts();
  readonly #held: HeldRequests;
  readonly #clients = new Map<string, ReplicaClient>();
  /** Those of them that get nothing new. */
  readonly #leaving = new Set<string>();
  #entry: DeploymentEntry;
  #drained: Promise<void> | undefined;
  /** What other gateways counted, as last told. */
  #elsewhere: StatsSnapshot | undefined;

  constructor(entry: DeploymentEntry, options: RoutedDeploymentOptions) {
    const { clock, log, gateways, onLost } = options;
    this.#options = options;
    this.#entry = { ...entry, replicas: [] };
    this.#held = new HeldRequests({ deployment: entry.name, clock });
    this.dispatcher = new Dispatcher({
      deployment: entry.name,
      policy: shareOf(policyOf(entry), gateways),
      clock,
      log,
      onLost: (replicaId) => onLost(entry.key, replicaId),
      onEjected: (ejection) => options.onEjected?.(entry.key, ejection),
      load: this.#counts,
    });
    this.adopt(entry);
  }

  get name(): string {
    return this.#entry.name;
  }

  get version(): string {
    return this.#entry.config.version;
  }

  get status(): DeploymentStatus {
    return this.#entry.status;
  }

  get ready(): boolean {
    const { replicas, config, takesRequests } = this.#entry;
    // One that load has put to sleep is woken by a request, which waits.
    const wakes = config.scaling?.minReplicas === 0 && takesRequests;
    return wakes || replicas.some(({ state }) => state === "serving");
  }

  get takesRequests(): boolean {
    return this.#entry.takesRequests;
  }

  get signature(): Signature | undefined {
    return this.#entry.info?.signature;
  }

  /** What its replicas said of themselves; undefined before the first was ready. */
  get info(): DeploymentEntry["info"] {
    return this.#entry.info;
  }

  get takes(): { readonly infer: boolean; readonly fetch: boolean } {
    return this.#entry.info?.takes ?? NOTHING;
  }

  get requestTimeoutMs(): number {
    return this.#entry.config.requestTimeoutMs;
  }

  get deleted(): boolean {
    return this.#entry.deleted;
  }

  get statistics(): StatsSnapshot {
    const here = this.dispatcher.stats.snapshot();
    return this.#elsewhere === undefined ? here : addSnapshots(here, this.#elsewhere);
  }

  /** What other gateways have counted in all. */
  countedElsewhere(statistics: StatsSnapshot): void {
    this.#elsewhere = statistics;
  }

  whenLoaded(timeoutMs: number, signal: AbortSignal): Promise<void> | undefined {
    const { info, config, takesRequests } = this.#entry;
    if (info !== undefined || config.scaling?.minReplicas !== 0 || !takesRequests) return undefined;
    return this.#held.hold({ timeoutMs, signal, max: this.dispatcher.policy.maxQueuedRequests });
  }

  get load(): GatewayLoad {
    const { queued, queuedRows, open, service, outliers } = this.dispatcher;
    const { arrivedRequests, arrivedRows, endedRequests, missedRequests } = this.#counts;
    return {
      queued: queued + this.#held.size,
      queuedRows: queuedRows + this.#held.size,
      open: open + this.#held.size,
      arrivedRequests,
      arrivedRows,
      endedRequests,
      missedRequests,
      service: serviceLineOf(service),
      ...(outliers.length === 0 ? {} : { outliers }),
    };
  }

  adopt(entry: DeploymentEntry): void {
    const before = this.#entry;
    this.#entry = entry;
    if (before.config !== entry.config || before.info !== entry.info) {
      this.dispatcher.setPolicy(shareOf(policyOf(entry), this.#options.gateways));
    }
    const listed = new Map(entry.replicas.map((replica) => [replica.id, replica]));
    for (const replica of entry.replicas) this.#adoptReplica(replica);
    for (const [id, client] of this.#clients) if (!listed.has(id)) this.#drop(id, client);
    this.#admit(entry);
    if (entry.info !== undefined || !entry.takesRequests || entry.drainGraceMs !== undefined)
      this.#held.release();
  }

  /** Resolves when all that was admitted before it began to drain is settled. */
  async drained(): Promise<void> {
    await this.#drained;
  }

  /** Cuts what is left. */
  async close(): Promise<void> {
    await this.dispatcher.drain(0);
    for (const [id, client] of this.#clients) this.#drop(id, client);
  }

  #adoptReplica({ id, socketPath, state, interruptible }: ReplicaEntry): void {
    if (state === "leaving") {
      this.#leaving.add(id);
      this.dispatcher.removeReplica(id); // invariants 1 and 3
      return;
    }
    const known = this.#clients.get(id);
    if (known !== undefined) {
      // The controller that took it away is gone, and the next one keeps it.
      if (this.#leaving.delete(id)) this.dispatcher.addReplica(known);
      return;
    }
    const { clock, gateways } = this.#options;
    const client = new ReplicaClient({
      ...(gateways === 1 ? {} : { atOnce: () => this.#atOnce() }),
      id,
      deployment: this.name,
      socketPath,
      interruptible,
      toEpochMs: (nowMs) => clock.epochMs() + (nowMs - clock.nowMs()),
    });
    this.#clients.set(id, client);
    this.dispatcher.addReplica(client);
  }

  #atOnce(): AtOnce {
    const { maxConcurrentBatches: batches, maxOngoingRequests: requests } = policyOf(this.#entry);
    return { batches, requests };
  }

  #drop(id: string, client: ReplicaClient): void {
    this.#clients.delete(id);
    this.#leaving.delete(id);
    this.dispatcher.removeReplica(id);
    void client.close();
  }

  #admit({ takesRequests, status, drainGraceMs }: DeploymentEntry): void {
    if (drainGraceMs !== undefined) {
      this.#drained ??= this.dispatcher.drain(drainGraceMs);
    } else if (takesRequests) {
      this.dispatcher.accept();
    } else {
      const why = `Cannot use "${this.name}": ${redactPaths(status.message)}`;
      this.dispatcher.refuseAll(new ShoalError("DEPLOY_FAILED", why)); // invariant 2
    }
  }
}
