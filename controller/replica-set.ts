// The replicas of one deployment: made and ended as the plan says, and what they say of themselves.

import type { Clock } from "../runtime/base/index.ts";
import type { Logger } from "../runtime/base/log/index.ts";
import type { Runtime } from "../runtime/core/index.ts";
import type { ReplicaInfo } from "../replicas/index.ts";
import type { DeploymentConfig } from "./config/index.ts";
import type { Action, ObservedReplica, Revision } from "./reconcile/index.ts";
import { ReplicaActor } from "./replica-actor.ts";
import type { FoundReplica } from "./found-replicas.ts";
import { engineSpecOf, healthOf } from "./replica-spec.ts";
import type { ReplicaEntry, RoutePublisher } from "./routing/index.ts";

export interface ReplicaSetOptions {
  readonly deployment: string;
  /** The deployment's own for ever, also when a namesake comes after it. */
  readonly key: string;
  /** The one in charge. */
  readonly config: () => DeploymentConfig;
  readonly socketFolder: string;
  readonly logLevel: string;
  readonly runtime: Runtime;
  readonly routes: RoutePublisher;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told when one has changed, come or gone. */
  readonly onChange: () => void;
}

export class ReplicaSet {
  readonly #options: ReplicaSetOptions;
  readonly #replicas = new Map<string, ReplicaActor>();
  #info: Omit<ReplicaInfo, "socketPath"> | undefined;

  constructor(options: ReplicaSetOptions) {
    this.#options = options;
  }

  get all(): readonly ReplicaActor[] {
    return [...this.#replicas.values()];
  }

  get views(): readonly ObservedReplica[] {
    return this.all.map(({ view }) => view);
  }

  /** What the last one that became ready said of itself; undefined before the first. */
  get info(): Omit<ReplicaInfo, "socketPath"> | undefined {
    return this.#info;
  }

  get(id: string): ReplicaActor | undefined {
    return this.#replicas.get(id);
  }

  /** What gateways are told, but for those that get nothing yet. */
  entries(quiet: ReadonlySet<string>): readonly ReplicaEntry[] {
    return this.all.flatMap((replica) => (quiet.has(replica.id) ? [] : (replica.entry ?? [])));
  }

  apply(action: Action): void {
    const { deployment, log } = this.#options;
    log.debug({ deployment, replica: action.id }, `${action.kind} (${action.reason})`);
    const replica = this.#replicas.get(action.id);
    switch (action.kind) {
      case "start":
        this.#make(action.id, action.revision).start();
        break;
      case "reconfigure":
        void replica?.reconfigure(action.revision);
        break;
      case "retire":
        replica?.retire(action.reason);
        break;
      case "stop":
        if (replica !== undefined) void this.#stop(replica, action.graceMs, action.reason);
        break;
      case "forget":
        if (replica !== undefined) this.#forget(replica);
        break;
    }
  }

  /** Ends all of them; resolves when they are gone. */
  async stop(graceMs: number, reason: string): Promise<void> {
    await Promise.all(this.all.map((replica) => this.#stop(replica, graceMs, reason)));
  }

  /** Takes over one that runs. */
  adopt(found: FoundReplica): void {
    this.#make(found.id, found.revision).adopt(found);
  }

  #make(id: string, revision: Revision): ReplicaActor {
    const { key, config, socketFolder, logLevel, runtime, routes, clock, log } = this.#options;
    const replica = new ReplicaActor({
      id,
      key,
      revision,
      spec: { engine: engineSpecOf(revision.config, id), replicaId: id, socketFolder, logLevel },
      runtime,
      health: () => healthOf(config()),
      busyMs: () => routes.busyMs(key, id),
      vacated: () => routes.vacated(key, id),
      clock,
      log,
      onChange: () => {
        this.#info = replica.info ?? this.#info;
        this.#options.onChange();
      },
    });
    this.#replicas.set(id, replica);
    return replica;
  }

  async #stop(replica: ReplicaActor, graceMs: number, reason: string): Promise<void> {
    await replica.stop(graceMs, reason);
    this.#forget(replica);
  }

  #forget(replica: ReplicaActor): void {
    this.#replicas.delete(replica.id);
    this.#options.onChange();
  }
}
